/**
 * The worker thread that holds the model, so that neither loading nor a heavy run stops the main thread from
 * answering. Runs are done one after another in the order of their messages.
 *
 * It never reads the network and decides nothing: what may run is checked before it is sent here.
 */
import { parentPort, workerData } from "node:worker_threads";
import { errorMessage } from "../core/log.ts";
import { findModelFile } from "./model-file.ts";
import type { ModelWorkerData, ModelWorkerReply, ModelWorkerRequest } from "./model-worker-message.ts";
import { OnnxSession } from "./onnx-session.ts";

const port = parentPort;
if (port === null) {
  throw new Error("the model worker runs as a worker thread only");
}
const reply = (message: ModelWorkerReply) => port.postMessage(message);

async function load({ modelDirectory, ...options }: ModelWorkerData): Promise<OnnxSession | undefined> {
  try {
    const session = await OnnxSession.load({ ...options, modelFile: await findModelFile(modelDirectory) });
    reply({ type: "Loaded", signature: session.signature });
    return session;
  } catch (error) {
    reply({ type: "LoadFailed", message: errorMessage(error) });
    return undefined;
  }
}

async function handle(session: OnnxSession, request: ModelWorkerRequest): Promise<void> {
  if (request.type === "Stop") {
    await session.release();
    port?.close();
    return;
  }
  const { id } = request;
  try {
    const start = performance.now();
    const outputs = await session.run(request.inputs, request.outputs);
    reply({ type: "Done", id, outputs, computeMilliseconds: performance.now() - start });
  } catch (error) {
    reply({ type: "Failed", id, message: errorMessage(error), modelIsHealthy: await session.isHealthy() });
  }
}

const session = await load(workerData);
if (session !== undefined) {
  let last = Promise.resolve();
  port.on("message", (request: ModelWorkerRequest) => {
    last = last.then(() => handle(session, request));
  });
}
