/**
 * A real program of others on loopback, as tests start and end it: Prometheus and what belongs to it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./router-envoy/envoy-process.ts";

const POLL_MILLISECONDS = 100;
const START_MILLISECONDS = 120_000;

/** A running program. */
export interface LoopbackProgram {
  readonly url: URL;
  /** SIGKILL; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts one, and waits until it says at `/-/ready` that it is ready. Rejects, with what it printed, when it ends before that.
 *
 * @param argumentsFor what it is told, by the address that it is to listen on.
 */
export async function startOnLoopback(
  path: string,
  argumentsFor: (address: string) => readonly string[],
): Promise<LoopbackProgram> {
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(path, argumentsFor(address), { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = new URL(`http://${address}/`);
  await untilReady(child, url, path, () => output);
  return {
    url,
    stop() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

async function untilReady(child: ChildProcess, url: URL, path: string, output: () => string): Promise<void> {
  for (const end = Date.now() + START_MILLISECONDS; Date.now() < end; await sleep(POLL_MILLISECONDS)) {
    if (child.exitCode !== null) throw new Error(`${path} ended with ${child.exitCode}: ${output()}`);
    const isReady = await fetch(new URL("-/ready", url)).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
  }
  child.kill("SIGKILL");
  throw new Error(`${path} is not ready: ${output()}`);
}
