/**
 * Load on a server, and what each request of it cost in CPU time.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";

/** A request and where it goes. */
export interface Target {
  readonly name: string;
  readonly protocol: "rest" | "grpc";
  readonly port: number;
  /** The bytes of one request: with its head for REST, a framed message for gRPC. */
  readonly request: Buffer;
  /** Requests of a round, where the server is too slow for as many as the others get. */
  readonly requests?: number;
  /** CPU time of the server so far, in microseconds. */
  readonly cpuMicroseconds: () => number;
}

/** What a request of a target cost. */
export interface Cost {
  readonly cpuMicroseconds: number;
  readonly requestsPerSecond: number;
}

/** CPU time of this process, all its threads. */
export function ownCpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Sends requests and waits for all answers. */
export function load(target: Target, connections: number, requests: number): Promise<void> {
  const { protocol, port, request } = target;
  const options = JSON.stringify([protocol, port, request.toString("base64"), connections, requests]);
  const client = spawn(process.execPath, [join(import.meta.dirname, "load-client.mjs"), options], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    client.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`the client of ${target.name} ended with ${code}`)),
    );
  });
}

/**
 * The least cost of each target. They take turns, round by round, so that what else the machine does meets all
 * of them.
 */
export async function costs(
  targets: readonly Target[],
  connections: number,
  usual: { readonly requests: number; readonly rounds: number },
): Promise<Map<string, Cost>> {
  const best = new Map<string, Cost>();
  for (const target of targets) {
    await load(target, connections, target.requests ?? usual.requests);
  }
  for (let round = 0; round < usual.rounds; round++) {
    for (const target of targets) {
      const requests = target.requests ?? usual.requests;
      const [cpu, start] = [target.cpuMicroseconds(), performance.now()];
      await load(target, connections, requests);
      const cpuMicroseconds = (target.cpuMicroseconds() - cpu) / requests;
      const requestsPerSecond = (requests / (performance.now() - start)) * 1_000;
      const known = best.get(target.name);
      best.set(target.name, {
        cpuMicroseconds: Math.min(cpuMicroseconds, known?.cpuMicroseconds ?? Number.POSITIVE_INFINITY),
        requestsPerSecond: Math.max(requestsPerSecond, known?.requestsPerSecond ?? 0),
      });
    }
  }
  return best;
}
