/** A real `petrel collect` on a folder, as tests start and end it. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ACCESS_TOKEN, RING_TEXT, SETTINGS_TEXT } from "./collecting.ts";

export const MAIN = join(import.meta.dirname, "../../main.ts");

export interface CollectProcess {
  readonly child: ChildProcess;
  readonly feedback: string;
  readonly internal: string;
  readonly status: string;
  /** All that it has written. */
  readonly output: () => string;
  /** Sends a signal and gives the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Writes the files that the program needs. */
export function writeFiles(folder: string): void {
  writeFileSync(join(folder, "settings.json"), SETTINGS_TEXT);
  writeFileSync(join(folder, "keys.json"), RING_TEXT);
  writeFileSync(join(folder, "access-tokens"), `${ACCESS_TOKEN}\n`);
}

/** Starts it and waits until it collects. */
export function startCollect(folder: string, ...more: string[]): Promise<CollectProcess> {
  const child = spawn(
    process.execPath,
    [
      "--no-warnings",
      MAIN,
      "collect",
      `--file=${join(folder, "evidence.db")}`,
      `--settings=${join(folder, "settings.json")}`,
      `--keys=${join(folder, "keys.json")}`,
      `--access-tokens=${join(folder, "access-tokens")}`,
      "--listen-address=127.0.0.1",
      "--port=0",
      "--internal-port=0",
      "--metrics-port=0",
      ...more,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal));
  });
  let output = "";
  return new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`petrel collect ended with ${code}: ${output}`)));
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const started = output.split("\n").find((line) => line.includes('"collecting"') && line.endsWith("}"));
      if (started === undefined) return;
      const fields = JSON.parse(started);
      resolve({
        child,
        feedback: `http://127.0.0.1:${fields["petrel.port"]}`,
        internal: `http://127.0.0.1:${fields["petrel.internal_port"]}`,
        status: `http://127.0.0.1:${fields["petrel.metrics_port"]}`,
        output: () => output,
        end(signal) {
          child.kill(signal);
          return ended;
        },
      });
    });
  });
}

export const AUTHORIZATION = { authorization: `Bearer ${ACCESS_TOKEN}` };
