/**
 * The thread that a sidecar runs in, where the process is to outlive it. Any message asks it to end.
 */
import { parentPort, workerData } from "node:worker_threads";
import { runSidecar, type SidecarArguments } from "./run-sidecar.ts";
import { sidecarLog } from "./sidecar-log.ts";

const port = parentPort;
if (port === null) {
  throw new Error("the sidecar's thread runs as a worker thread only");
}
const options: SidecarArguments = workerData;
const stopped = new Promise<undefined>((resolve) => {
  port.once("message", () => resolve(undefined));
});
const code = await runSidecar(options, sidecarLog(options), stopped);
// What it has said is passed on by the main thread, and lost if this one ends before.
await new Promise((resolve) => process.stdout.write("", resolve));
process.exit(code);
