/**
 * Sends one request again and again over some connections, from a process of its own, so that its CPU time is
 * not the server's. It reads answers by their length alone, to leave the machine to the server.
 *
 * Arguments, as JSON: [protocol, port, request in base64, connections, requests].
 */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

const [protocol, port, base64, connections, requests] = JSON.parse(process.argv[2]);
const bytes = Buffer.from(base64, "base64");
let left = requests;

/** One connection of HTTP/1.1; every answer has a length or no body. */
function overHttp1() {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    let received = "";
    const next = () => {
      if (left-- > 0) socket.write(bytes);
      else socket.end(resolve);
    };
    socket.on("connect", next);
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const head = received.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
      if (head < 0 || received.length < head + 4 + length) return;
      if (!received.startsWith("HTTP/1.1 200")) reject(new Error(received));
      received = "";
      next();
    });
  });
}

/** One connection of gRPC, with one call at a time. */
function overGrpc() {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", reject);
    const headers = {
      ":method": "POST",
      ":path": "/inference.GRPCInferenceService/ModelInfer",
      "content-type": "application/grpc",
      te: "trailers",
    };
    const next = () => {
      if (left-- <= 0) {
        session.close(resolve);
        return;
      }
      const stream = session.request(headers);
      stream.on("trailers", (trailers) => {
        if (Number(trailers["grpc-status"]) !== 0)
          reject(new Error(`gRPC status ${trailers["grpc-status"]}`));
      });
      stream.on("error", reject);
      stream.on("close", next);
      stream.resume();
      stream.end(bytes);
    };
    next();
  });
}

await Promise.all(Array.from({ length: connections }, protocol === "grpc" ? overGrpc : overHttp1));
