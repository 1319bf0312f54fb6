/** A real `petrel sidecar` on a folder with `settings.json`, as tests start and end it. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

const MAIN = join(import.meta.dirname, "../../main.ts");

export interface SidecarProcess {
  readonly child: ChildProcess;
  /** `http://127.0.0.1:PORT`. */
  readonly metrics: string;
  /** The same before a runtime over REST. */
  readonly rest: string;
  readonly end: (signal: NodeJS.Signals) => Promise<number | NodeJS.Signals | null>;
}

/** Starts it and waits until it observes. */
export function startSidecar(folder: string, ...more: string[]): Promise<SidecarProcess> {
  return startWatched(folder, more, () => {});
}

/** The same, and shows each line of its log until then. */
export function startWatched(
  folder: string,
  more: readonly string[],
  onLine: (line: string) => void,
): Promise<SidecarProcess> {
  return startWith([`--settings=${join(folder, "settings.json")}`, ...more], onLine);
}

/** The same with these options alone, on any ports. */
export function startWith(
  options: readonly string[],
  onLine: (line: string) => void,
): Promise<SidecarProcess> {
  const child = spawn(
    process.execPath,
    ["--no-warnings", MAIN, "sidecar", "--listen-address=127.0.0.1", "--metrics-port=0", ...options],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal));
  });
  let output = "";
  let shown = 0;
  return new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`petrel sidecar ended with ${code}: ${output}`)));
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const lines = output.split("\n").slice(0, -1);
      for (const line of lines.slice(shown)) onLine(line);
      shown = lines.length;
      const line = lines.find((one) => one.includes('"observing"'));
      if (line === undefined) return;
      const url = (name: string) => `http://127.0.0.1:${JSON.parse(line)[`petrel.${name}_port`]}`;
      resolve({
        child,
        metrics: url("metrics"),
        rest: url("rest"),
        end(signal) {
          child.kill(signal);
          return ended;
        },
      });
    });
  });
}
