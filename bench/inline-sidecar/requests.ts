/** Requests of the bench: some rows of a ranker over REST and gRPC, one after the other on one connection. */
import { Agent, request } from "node:http";
import { connect } from "node:http2";
import { PETREL_HEADER } from "../../src/render/envoy/route.ts";
import { encodeMessage } from "../../src/serve/grpc-messages.ts";
import { frame } from "../../src/serve/grpc-wire.ts";

/** Rows of a request. */
export const ROWS = 16;
/** Features of a row. */
export const COLUMNS = 16;

const data = Array.from({ length: ROWS * COLUMNS }, (_, index) => index / 7);
const shape = [ROWS, COLUMNS];
const REST_BODY = JSON.stringify({ inputs: [{ name: "features", datatype: "FP32", shape, data }] });
const GRPC_BODY = frame(
  encodeMessage("inference.ModelInferRequest", {
    modelName: "m",
    inputs: [{ name: "features", datatype: "FP32", shape }],
    rawInputContents: [Buffer.from(Float32Array.from(data).buffer)],
  }),
);
/** As a router sends them. */
const HEADERS = {
  [PETREL_HEADER.arm]: "Stable",
  [PETREL_HEADER.epoch]: "3",
  [PETREL_HEADER.time]: "1795000000",
  [PETREL_HEADER.user]: "user-4711",
  "x-user-id": "user-4711",
  "x-request-id": "6d9c1c1e-51a3-4f6c-9d6e-8f0f8ad1b7a4",
};

/** Sends requests to one address, and gives the token of each answer's head. */
export interface Sender {
  readonly send: () => Promise<string | undefined>;
  readonly close: () => void;
}

/** Over REST, to `http://HOST:PORT`. */
export function restSender(url: string): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { hostname, port } = new URL(url);
  const headers = {
    ...HEADERS,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(REST_BODY),
  };
  const options = { agent, hostname, port, path: "/v2/models/m/infer", method: "POST", headers };
  return {
    send: () =>
      new Promise((resolve, reject) => {
        const sent = request(options, (answer) => {
          if (answer.statusCode !== 200) reject(new Error(`expected status 200, got ${answer.statusCode}`));
          const token = answer.headers[PETREL_HEADER.token];
          answer.resume().on("end", () => resolve(token?.toString()));
        });
        sent.on("error", reject);
        sent.end(REST_BODY);
      }),
    close: () => agent.destroy(),
  };
}

/** Over gRPC, to `http://HOST:PORT`. */
export function grpcSender(url: string): Sender {
  const session = connect(url);
  const headers = {
    ...HEADERS,
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    te: "trailers",
  };
  return {
    send: () =>
      new Promise((resolve, reject) => {
        const call = session.request(headers);
        let token: string | undefined;
        let status: unknown;
        call.on("response", (answered) => {
          token = answered[PETREL_HEADER.token]?.toString();
        });
        call.on("trailers", (trailers) => {
          status = trailers["grpc-status"];
        });
        call.on("error", reject);
        call.resume().on("close", () => {
          if (String(status) === "0") resolve(token);
          else reject(new Error(`expected gRPC status 0, got ${status}`));
        });
        call.end(GRPC_BODY);
      }),
    close: () => session.close(),
  };
}
