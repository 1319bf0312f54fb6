/**
 * The thread that reads and writes large bodies: to parse some megabytes of JSON takes tens of milliseconds, in
 * which the main thread would answer nobody.
 *
 * What a client sent may be anything here, as in the codecs; what is thrown goes back as an error of that request.
 */
import { parentPort } from "node:worker_threads";
import type { CodecReply, CodecResults, CodecTask } from "./codec-message.ts";
import { decodeGrpcRequest, encodeGrpcResponse } from "./grpc-codec.ts";
import { decodeRestRequest, encodeRestResponse } from "./rest-codec.ts";
import { asServeError } from "./serve-error.ts";
import type { Tensor } from "./tensor.ts";

const port = parentPort;
if (port === null) {
  throw new Error("the codec worker runs as a worker thread only");
}

port.on("message", (task: CodecTask) => {
  try {
    const result = perform(task);
    port.postMessage({ type: "Done", result } satisfies CodecReply, transferable(result));
  } catch (error) {
    const { reason, message } = asServeError(error);
    port.postMessage({ type: "Failed", reason, message } satisfies CodecReply);
  }
});

function perform(task: CodecTask): CodecResults[CodecTask["type"]] {
  switch (task.type) {
    case "DecodeRest": {
      const { body } = task.request;
      const request = { ...task.request, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) };
      return decodeRestRequest(request, task.signature, task.limits);
    }
    case "EncodeRest": {
      const { jsonLength, body } = encodeRestResponse(task.response, task.binaryOutputs);
      return { jsonLength, body: wholeBuffer(body) };
    }
    case "DecodeGrpc": {
      const { buffer, byteOffset, byteLength } = task.bytes;
      return decodeGrpcRequest(Buffer.from(buffer, byteOffset, byteLength), task.limits);
    }
    case "EncodeGrpc":
      return wholeBuffer(encodeGrpcResponse(task.response, task.rawOutputs));
  }
}

/** Bytes whose buffer holds nothing else, so that it can be handed over. */
function wholeBuffer(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

function transferable(result: CodecResults[CodecTask["type"]]): ArrayBuffer[] {
  if (result instanceof Uint8Array) {
    return buffersOf([result]);
  }
  return "body" in result
    ? buffersOf([result.body])
    : buffersOf(result.request.inputs.map(({ elements }: Tensor) => elements));
}

function buffersOf(values: readonly unknown[]): ArrayBuffer[] {
  return values.flatMap((value) =>
    ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer ? [value.buffer] : [],
  );
}
