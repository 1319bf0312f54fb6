/**
 * Runs one command of this machine to its end, bounded in time and output.
 *
 * Arguments are passed as a list and never through a shell. Proxy settings are not handed on: what is run
 * here talks to addresses inside a test cluster only. (Builds, which do need them, ask for the whole
 * environment.)
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import type { CommandOptions, CommandResult } from "./contract.ts";

const defaultTimeoutMilliseconds = 60_000;
const maximumOutputBytes = 32 * 1024 * 1024;

/** The environment that programs of a cluster get: nothing of the caller's but where to find programs and home. */
export function plainEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const path = process.env["PATH"] ?? "";
  return {
    HOME: process.env["HOME"] ?? "/root",
    LANG: "C.UTF-8",
    PATH: `${path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`,
    ...extra,
  };
}

/** What the caller's own environment holds, for tools that talk to package registries. */
export function callersEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const defined = Object.entries(process.env).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return { ...Object.fromEntries(defined), ...extra };
}

/** More than a test may ask of a command. */
export interface RunOptions extends CommandOptions {
  /** Replaces the plain environment. */
  readonly wholeEnvironment?: Readonly<Record<string, string>>;
  readonly workingFolder?: string;
  /** Both outputs are appended to this file, and nothing is returned of them. */
  readonly logFile?: string;
}

/**
 * Runs a command and waits for its end, whatever its exit code.
 * Rejects when it cannot be started, is ended by a signal, or runs past its time.
 */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const timeoutMilliseconds = options.timeoutMilliseconds ?? defaultTimeoutMilliseconds;
  return new Promise((resolve, reject) => {
    const log = options.logFile === undefined ? undefined : openSync(options.logFile, "a");
    const output = log ?? "pipe";
    const child = spawn(command, args, {
      env: options.wholeEnvironment ?? plainEnvironment(options.environment),
      ...(options.workingFolder === undefined ? {} : { cwd: options.workingFolder }),
      stdio: ["pipe", output, output],
    });
    const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
    for (const name of ["stdout", "stderr"] as const) {
      let kept = 0;
      child[name]?.on("data", (chunk: Buffer) => {
        if (kept < maximumOutputBytes) chunks[name].push(chunk.subarray(0, maximumOutputBytes - kept));
        kept += chunk.length;
      });
    }
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMilliseconds);
    const finish = () => {
      clearTimeout(timer);
      if (log !== undefined) closeSync(log);
    };
    child.on("error", (error) => {
      finish();
      reject(new Error(`cannot run ${command}: ${error.message}`));
    });
    child.on("close", (exitCode, signal) => {
      finish();
      const stdout = Buffer.concat(chunks.stdout).toString();
      const stderr = Buffer.concat(chunks.stderr).toString();
      const what = [command, ...args].join(" ");
      if (timedOut) reject(new Error(`${what}: not done after ${timeoutMilliseconds} ms\n${stderr}`));
      else if (exitCode === null) reject(new Error(`${what}: ended by ${signal}\n${stderr}`));
      else resolve({ exitCode, stdout, stderr });
    });
    // A command that does not read its input may close it early; how it ended is told by its exit code.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** Runs a command that must succeed and gives its standard output. An exit code other than 0 rejects with what it said. */
export async function runOrFail(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, args, options);
  if (exitCode === 0) return stdout;
  const said = options.logFile === undefined ? `${stderr}${stdout}` : lastLines(options.logFile, 20);
  throw new Error(`${[command, ...args].join(" ")}: exit code ${exitCode}\n${said.trim()}`);
}

/** The end of a log file, for an error message; empty when there is none. */
export function lastLines(file: string, count: number): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
  } catch {
    return "";
  }
}
