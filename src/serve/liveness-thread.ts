/**
 * The thread that answers the kubelet's question whether the process is alive. A main thread that is busy for
 * a while answers late, and would be killed for it; one that has stood still for long is not alive.
 */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.ts";
import { createBoundedServer, listen } from "../process/bounded-http-server.ts";
import type { LivenessReply, LivenessThreadData } from "./liveness-message.ts";

const LIMITS = { maximumConnections: 64, requestTimeoutMilliseconds: 10_000 };
const LIVE_PATH = "/v2/health/live";

const port = parentPort;
if (port === null) {
  throw new Error("the liveness thread runs as a worker thread only");
}
const data: LivenessThreadData = workerData;
const heartbeat = new Int32Array(data.heartbeat);
let lastBeat = Atomics.load(heartbeat, 0);
let seenMilliseconds = systemClock.monotonic();

/** How long the counter has stood still, as far as this thread has looked. */
function silenceMilliseconds(): number {
  const now = systemClock.monotonic();
  const beat = Atomics.load(heartbeat, 0);
  if (beat !== lastBeat) {
    lastBeat = beat;
    seenMilliseconds = now;
  }
  return now - seenMilliseconds;
}

const server = createBoundedServer(LIMITS, (request, response) => {
  const silence = silenceMilliseconds();
  const isKnown = request.url === LIVE_PATH;
  const isLive = silence <= data.maximumSilenceMilliseconds;
  const body = !isKnown
    ? { error: "unknown path" }
    : isLive
      ? { live: true }
      : { error: `the server has stood still for ${Math.round(silence)} ms` };
  response.writeHead(isKnown ? (isLive ? 200 : 503) : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
});

// Between two questions the counter may have moved and stopped again: it is looked at all the time.
const watch = () => {
  silenceMilliseconds();
  systemClock.schedule(Math.max(1, data.maximumSilenceMilliseconds / 10), watch);
};
watch();

listen(server, data.host, data.port).then(
  (boundPort) => port.postMessage({ type: "Listening", port: boundPort } satisfies LivenessReply),
  (error: Error) => port.postMessage({ type: "Failed", message: error.message } satisfies LivenessReply),
);
