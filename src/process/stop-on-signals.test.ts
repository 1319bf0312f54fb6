import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect, jest, test } from "@jest/globals";

jest.setTimeout(120_000);

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const PROGRAM = `
  import { createLogger } from "${join(import.meta.dirname, "..", "core", "log.ts")}";
  import { stopOnSignals } from "${join(import.meta.dirname, "stop-on-signals.ts")}";
  const write = (line) => process.stdout.write(line);
  stopOnSignals(createLogger({ write, now: Date.now })).addEventListener("abort", () => write("stopping"));
  setInterval(() => {}, 1_000);
  write("listening");
`;

/** A program that listens to signals and does not stop by itself. */
async function listening() {
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "--eval", PROGRAM]);
  children.push(child);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  const says = async (text: string) => {
    while (!output.includes(text)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended with ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await says("listening");
  return { child, ended, says };
}

test.each([
  ["SIGTERM", "SIGTERM", 143],
  ["SIGINT", "SIGINT", 130],
  ["SIGTERM", "SIGINT", 130],
] as const)("%s asks, and %s after it ends the process by itself", async (first, second, code) => {
  const { child, ended, says } = await listening();
  child.kill(first);
  await says("asked to stop");
  await says("stopping");
  child.kill(second);
  // A signal that nobody listens to would end it without a code, and not at all as the first process of a container.
  expect(await ended).toEqual({ code, signal: null });
});
