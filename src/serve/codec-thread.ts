/**
 * Reads and writes bodies, the large ones in a thread of their own, so that no request holds the main thread for long.
 * The thread starts with the first that needs it.
 *
 * How much may be in it at once is bounded by the admission of requests, before this is called; how much memory one
 * body may take is bounded here. What nobody waits for any more is dropped. The thread gets one task at a time: when
 * one is too much for it and ends it, that task fails, and the next one gets a new thread.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import { errorCode } from "../sources/error-code.ts";
import type { CodecReply, CodecResults, CodecTask } from "./codec-message.ts";
import { type DecodedGrpcRequest, decodeGrpcRequest, encodeGrpcResponse } from "./grpc-codec.ts";
import { type Caller, type InferenceResponse, requireWaiting } from "./inference.ts";
import type { ModelSignature } from "./model-signature.ts";
import {
  type BinaryOutputs,
  type DecodedRestRequest,
  decodeRestRequest,
  encodeRestResponse,
  type RestInferRequest,
  type RestInferResponse,
} from "./rest-codec.ts";
import { ServeError } from "./serve-error.ts";
import type { TensorLimits } from "./tensor.ts";

/** A longer JSON text, or message of gRPC, is read in the thread. Some microseconds a kilobyte. */
const MAXIMUM_INLINE_BYTES = 65_536;
/** More elements are written in the thread when each is written by itself. */
const MAXIMUM_INLINE_ELEMENTS = 8_192;

/** What the codecs are bounded by. */
export interface CodecLimits {
  readonly tensors: TensorLimits;
  /** Most memory of the thread for the values that it makes of one body, in mebibytes. */
  readonly maximumHeapMebibytes: number;
}

interface PendingTask {
  readonly task: CodecTask;
  readonly transfer: readonly ArrayBuffer[];
  readonly caller: Caller;
  readonly resolve: (result: CodecResults[CodecTask["type"]]) => void;
  readonly reject: (error: unknown) => void;
}

/** Codecs that may run in a thread. */
export class CodecThread {
  readonly #clock: Clock;
  readonly #limits: CodecLimits;
  readonly #waiting: PendingTask[] = [];
  #current: PendingTask | undefined;
  #worker: Worker | undefined;

  constructor(clock: Clock, limits: CodecLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** As {@link decodeRestRequest}. */
  decodeRest(
    request: RestInferRequest,
    signature: ModelSignature,
    caller: Caller,
  ): DecodedRestRequest | Promise<DecodedRestRequest> {
    const { body, jsonLength } = request;
    const hasTexts = signature.inputs.some(({ datatype }) => datatype === "BYTES");
    const slowBytes = hasTexts || jsonLength === undefined ? body.length : Number(jsonLength);
    if (!(slowBytes > MAXIMUM_INLINE_BYTES)) {
      return decodeRestRequest(request, signature, this.#limits.tensors);
    }
    const task = { type: "DecodeRest", request, signature, limits: this.#limits.tensors } as const;
    return this.#perform(task, caller, [body]);
  }

  /** As {@link encodeRestResponse}. */
  encodeRest(
    response: InferenceResponse,
    binaryOutputs: BinaryOutputs,
    caller: Caller,
  ): RestInferResponse | Promise<RestInferResponse> {
    const slow = response.outputs.filter(
      ({ name, datatype }) =>
        datatype === "BYTES" || !(binaryOutputs.byName.get(name) ?? binaryOutputs.others),
    );
    if (elementsOf({ ...response, outputs: slow }) <= MAXIMUM_INLINE_ELEMENTS) {
      return encodeRestResponse(response, binaryOutputs);
    }
    return this.#perform<"EncodeRest">(
      { type: "EncodeRest", response: withoutRest(response), binaryOutputs },
      caller,
    ).then(({ jsonLength, body }) => ({ jsonLength, body: bufferOf(body) }));
  }

  /** As {@link decodeGrpcRequest}. */
  decodeGrpc(bytes: Uint8Array, caller: Caller): DecodedGrpcRequest | Promise<DecodedGrpcRequest> {
    if (bytes.length <= MAXIMUM_INLINE_BYTES) {
      return decodeGrpcRequest(bytes, this.#limits.tensors);
    }
    return this.#perform({ type: "DecodeGrpc", bytes, limits: this.#limits.tensors }, caller, [bytes]);
  }

  /** As {@link encodeGrpcResponse}. */
  encodeGrpc(response: InferenceResponse, rawOutputs: boolean, caller: Caller): Buffer | Promise<Buffer> {
    const slow = rawOutputs
      ? response.outputs.filter(({ datatype }) => datatype === "BYTES")
      : response.outputs;
    if (elementsOf({ ...response, outputs: slow }) <= MAXIMUM_INLINE_ELEMENTS) {
      return encodeGrpcResponse(response, rawOutputs);
    }
    return this.#perform<"EncodeGrpc">(
      { type: "EncodeGrpc", response: withoutRest(response), rawOutputs },
      caller,
    ).then(bufferOf);
  }

  /** Ends the thread; what it has under way, or has not begun, fails. */
  async stop(): Promise<void> {
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new ServeError("NotReady", "the server stops"));
    }
    await this.#worker?.terminate();
  }

  #perform<T extends CodecTask["type"]>(
    task: Extract<CodecTask, { type: T }>,
    caller: Caller,
    bodies: readonly Uint8Array[] = [],
  ): Promise<CodecResults[T]> {
    return new Promise<CodecResults[CodecTask["type"]]>((resolve, reject) => {
      this.#waiting.push({ task, transfer: transferable(bodies), caller, resolve, reject });
      this.#next();
      // The thread answers a task with the result of its type.
    }) as Promise<CodecResults[T]>;
  }

  #next(): void {
    if (this.#current !== undefined) {
      return;
    }
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#isWaitedFor(next)) {
        this.#current = next;
        this.#worker ??= this.#start();
        this.#worker.postMessage(next.task, next.transfer);
        return;
      }
    }
  }

  /** Gives false, and has told so, when nobody waits for the result of a task any more. */
  #isWaitedFor({ caller, reject }: PendingTask): boolean {
    try {
      requireWaiting(caller, this.#clock.monotonic());
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./codec-worker.${extension}`, import.meta.url), {
      name: "codec",
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.maximumHeapMebibytes },
    });
    worker.unref();
    worker.on("message", (reply: CodecReply) => {
      const done = this.#current;
      this.#current = undefined;
      this.#next();
      if (done === undefined || !this.#isWaitedFor(done)) {
        return;
      }
      if (reply.type === "Done") {
        done.resolve(reply.result);
      } else {
        done.reject(new ServeError(reply.reason, reply.message));
      }
    });
    let failure: unknown;
    worker.on("error", (error) => {
      failure = error;
    });
    worker.on("exit", () => {
      const failed = this.#current;
      this.#worker = undefined;
      this.#current = undefined;
      failed?.reject(threadEnded(failure));
      this.#next();
    });
    return worker;
  }
}

function threadEnded(cause: unknown): ServeError {
  return errorCode(cause) === "ERR_WORKER_OUT_OF_MEMORY"
    ? new ServeError("TooLarge", "to read or write the body takes more memory than one request may have")
    : new ServeError("Internal", "the body could not be read or written", { cause });
}

/** A body that owns its memory is handed over; of another, only its own bytes may be copied, not all around it. */
function transferable(bodies: readonly Uint8Array[]): ArrayBuffer[] {
  return bodies.flatMap(({ buffer, byteLength }) =>
    buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [],
  );
}

/**
 * The outputs of a request that ran together with others are views of what the batch gave, and a view goes to the
 * thread with all that it is a view of.
 */
function withoutRest(response: InferenceResponse): InferenceResponse {
  const outputs = response.outputs.map((output) => {
    const { elements } = output;
    return ArrayBuffer.isView(elements) && elements.byteLength < elements.buffer.byteLength
      ? { ...output, elements: elements.slice() }
      : output;
  });
  return { ...response, outputs };
}

function elementsOf({ outputs }: InferenceResponse): number {
  return outputs.reduce((sum, { elements }) => sum + elements.length, 0);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
