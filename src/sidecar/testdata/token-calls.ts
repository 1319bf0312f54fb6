/** Requests that get tokens, and a mint for them, in the process of a test. */
import { randomFillSync } from "node:crypto";
import { connect } from "node:http2";
import { PETREL_HEADER } from "../../render/envoy/route.ts";
import { encodeMessage } from "../../serve/grpc-messages.ts";
import { frame } from "../../serve/grpc-wire.ts";
import { KeyRing } from "../../token/key-ring.ts";
import { TokenMint } from "../../token/token-mint.ts";
import { cleanups } from "./inline.ts";

export const SECRET = Buffer.alloc(32, 1).toString("base64");
const KEY = { deployment: "uid-1", revision: "m-a", id: 1, secret: SECRET };
export const ring = KeyRing.parse(JSON.stringify({ users: SECRET, keys: [KEY] }));
export const ASSIGNED = {
  [PETREL_HEADER.arm]: "Candidate",
  [PETREL_HEADER.epoch]: "7",
  [PETREL_HEADER.time]: "1795000000",
};
export const FEATURES = Array.from({ length: 12 }, (_, index) => index);
export const JSON_REQUEST = JSON.stringify({
  inputs: [{ name: "features", datatype: "FP32", shape: [3, 4], data: FEATURES }],
});

export function newMint(): TokenMint {
  const issuer = { deployment: "uid-1", revision: "m-a", pool: 2, modelDigest: `sha256:${"ab".repeat(32)}` };
  const mint = new TokenMint(issuer, randomFillSync);
  mint.useKeys(ring);
  return mint;
}

/** An answer over gRPC. */
export interface Answer {
  readonly token: string | undefined;
  /** A token behind the messages, where none belongs. */
  readonly trailingToken: string | undefined;
  readonly status: string;
  readonly body: Buffer;
}

/** One call as it is on the wire. */
export function call(
  address: string,
  message: Buffer,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const session = connect(`http://${address}`);
  cleanups.push(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let token: string | undefined;
    let trailingToken: string | undefined;
    let status = "";
    stream.on("response", (answered) => {
      token = answered[PETREL_HEADER.token]?.toString();
      status = String(answered["grpc-status"] ?? "");
    });
    stream.on("trailers", (trailers) => {
      status = String(trailers["grpc-status"]);
      trailingToken = trailers[PETREL_HEADER.token]?.toString();
    });
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("error", reject);
    stream.on("close", () => resolve({ token, trailingToken, status, body: Buffer.concat(pieces) }));
    stream.end(frame(message));
  });
}

export const MESSAGE = encodeMessage("inference.ModelInferRequest", {
  modelName: "m",
  inputs: [{ name: "features", datatype: "FP32", shape: [3, 4], contents: { fp32Contents: FEATURES } }],
});
