/**
 * The worker thread that holds the model, so that neither loading nor a heavy run stops the main thread from
 * answering. Runs are done one after another in the order of their messages.
 *
 * It never reads the network and decides nothing: what may run is checked before it is sent here.
 */
import { open } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.ts";
import { errorMessage } from "../core/log.ts";
import { checkIndependentRows } from "./independent-rows.ts";
import { ModelHealth } from "./model-health.ts";
import type {
  ModelCost,
  ModelWorkerData,
  ModelWorkerReply,
  ModelWorkerRequest,
} from "./model-worker-message.ts";
import { OnnxSession } from "./onnx-session.ts";

/**
 * The operators whose number of turns an input's value can set, as the bytes of their names in an ONNX file,
 * the length in front. Found in a name or in weights, they only keep a model from running on the main thread.
 */
const LOOP_OPERATORS = [Buffer.from("\x04Loop"), Buffer.from("\x04Scan")];
/** A larger file is no light model. */
const MAXIMUM_LIGHT_BYTES = 4 * 2 ** 20;
/** Sessions that are made to see how long that takes; the fastest counts. */
const TIMED_SESSIONS = 3;

const port = parentPort;
if (port === null) {
  throw new Error("the model worker runs as a worker thread only");
}
const health = new ModelHealth(systemClock);
const reply = (message: ModelWorkerReply) => port.postMessage(message);

async function load(data: ModelWorkerData): Promise<OnnxSession | undefined> {
  try {
    const session = await OnnxSession.load(data);
    if (data.checkIndependentRows) {
      const outputs = session.signature.outputs.map(({ name }) => name);
      await checkIndependentRows(session.signature, session.warmUpSize, (inputs) =>
        session.run(inputs, outputs),
      );
    }
    const cost: ModelCost = {
      createMilliseconds: (await mayBeLight(data.modelFile))
        ? await timeCreation(data)
        : Number.POSITIVE_INFINITY,
      runMilliseconds: await session.time(),
      warmUpSize: session.warmUpSize,
      warmUpElements: session.warmUpElements,
    };
    reply({ type: "Loaded", signature: session.signature, cost });
    return session;
  } catch (error) {
    reply({ type: "LoadFailed", message: errorMessage(error) });
    return undefined;
  }
}

async function mayBeLight(modelFile: string): Promise<boolean> {
  const file = await open(modelFile);
  try {
    const { size } = await file.stat();
    if (size > MAXIMUM_LIGHT_BYTES) {
      return false;
    }
    const bytes = await file.readFile();
    return !LOOP_OPERATORS.some((operator) => bytes.includes(operator));
  } finally {
    await file.close();
  }
}

async function timeCreation(data: ModelWorkerData): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < TIMED_SESSIONS; count++) {
    const start = performance.now();
    const session = await OnnxSession.load(data);
    least = Math.min(least, performance.now() - start);
    await session.release();
  }
  return least;
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
    const modelIsHealthy = health.isKnown || health.learn(await session.isHealthy());
    reply({ type: "Failed", id, message: errorMessage(error), modelIsHealthy });
  }
}

const session = await load(workerData);
if (session !== undefined) {
  let last = Promise.resolve();
  port.on("message", (request: ModelWorkerRequest) => {
    last = last.then(() => handle(session, request));
  });
}
