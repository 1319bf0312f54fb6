/**
 * A real `petrel sidecar` that a test starts and ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A running sidecar. */
export interface SidecarProcess {
  /** `http://127.0.0.1:PORT` of its metrics. */
  readonly status: string;
  end(signal: NodeJS.Signals): Promise<void>;
}

const main = join(import.meta.dirname, "../../../src/main.ts");

/** Starts it on a folder, and waits until it observes. */
export function startSidecar(folder: string, socket: string, settings: object): Promise<SidecarProcess> {
  const file = join(folder, "sidecar.json");
  writeFileSync(file, JSON.stringify(settings));
  const args = [
    ...["--no-warnings", main, "sidecar", `--settings=${file}`, `--tap-socket=${socket}`],
    ...["--listen-address=127.0.0.1", "--metrics-port=0"],
  ];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let output = "";
  return new Promise((resolve, reject) => {
    ended.then(() => reject(new Error(`petrel sidecar ended: ${output}`)));
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      const started = output.split("\n").find((line) => line.includes('"observing"') && line.endsWith("}"));
      if (started === undefined) return;
      resolve({
        status: `http://127.0.0.1:${JSON.parse(started)["petrel.metrics_port"]}`,
        end(signal) {
          child.kill(signal);
          return ended;
        },
      });
    });
  });
}
