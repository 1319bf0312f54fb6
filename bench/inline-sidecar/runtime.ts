/**
 * A foreign runtime that costs nothing, or a plain proxy before one, as a process of its own: REST and gRPC.
 *
 * Without arguments it reads each request and answers a fixed body. With two URLs it pipes to these, as a proxy does that
 * looks at nothing: the least that standing inline with Node costs. It prints its two ports.
 */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, createServer as createHttp2Server, type Http2Server } from "node:http2";
import { listen } from "../../src/process/bounded-http-server.ts";
import { encodeMessage } from "../../src/serve/grpc-messages.ts";
import { frame } from "../../src/serve/grpc-wire.ts";
import { ROWS } from "./requests.ts";

const scores = Array.from({ length: ROWS }, (_, row) => row / ROWS);
const REST_ANSWER = JSON.stringify({
  model_name: "m",
  outputs: [{ name: "score", datatype: "FP32", shape: [ROWS, 1], data: scores }],
});
const GRPC_ANSWER = frame(
  encodeMessage("inference.ModelInferResponse", {
    modelName: "m",
    outputs: [{ name: "score", datatype: "FP32", shape: [ROWS, 1] }],
    rawOutputContents: [Buffer.from(Float32Array.from(scores).buffer)],
  }),
);

function fixedRest(message: IncomingMessage, response: ServerResponse): void {
  message.resume().on("end", () => {
    response.writeHead(200, { "content-type": "application/json" }).end(REST_ANSWER);
  });
}

function fixedGrpc(): Http2Server {
  const server = createHttp2Server();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.resume().on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.end(GRPC_ANSWER);
    });
  });
  return server;
}

function pipedRest(url: string): (message: IncomingMessage, response: ServerResponse) => void {
  const agent = new Agent({ keepAlive: true, scheduling: "lifo" });
  const { hostname, port } = new URL(url);
  return (message, response) => {
    const { method, url: path, headers } = message;
    const outgoing = request({ agent, hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    message.pipe(outgoing);
  };
}

function pipedGrpc(url: string): Http2Server {
  const session = connect(url);
  const server = createHttp2Server();
  server.on("stream", (stream, headers) => {
    const call = session.request({ ...headers });
    stream.on("error", () => {});
    call.on("error", () => stream.destroy());
    let trailers = {};
    call.on("trailers", (received) => {
      trailers = { ...received };
    });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    call.on("response", (answered) => {
      stream.respond({ ...answered }, { waitForTrailers: true });
      call.pipe(stream);
    });
    stream.pipe(call);
  });
  return server;
}

const [rest, grpc] = process.argv.slice(2);
const servers: readonly (Server | Http2Server)[] = [
  createServer(rest === undefined ? fixedRest : pipedRest(rest)),
  grpc === undefined ? fixedGrpc() : pipedGrpc(grpc),
];
const ports = await Promise.all(servers.map((server) => listen(server, "127.0.0.1", 0)));
console.log(JSON.stringify(ports));
