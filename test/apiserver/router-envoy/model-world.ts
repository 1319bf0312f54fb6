/**
 * Three stand-ins for model servers behind one router's Envoy: two of the pool `gpu`, one of the pool `cpu`.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { PlannedPool } from "../../../src/api/traffic-plan.ts";
import type { ModelServerEndpoint } from "../../../src/render/envoy/endpoints.ts";
import { ControlledEnvoy } from "./controlled-envoy.ts";
import { type EnvoySettings, freePort } from "./envoy-process.ts";
import { ModelServer } from "./model-server.ts";

/** The two pools as a plan names them. */
export const gpu: PlannedPool = { pool: "gpu", revision: "r1", replicas: 2 };
export const cpu: PlannedPool = { pool: "cpu", revision: "r1", replicas: 1 };

/** A stand-in as an endpoint of a pool. */
export function endpoint(ip: string, pool: string, revision = "r1"): ModelServerEndpoint {
  return { pod: `pod-${ip}`, ip, pool, revision };
}

/** A stall of the stand-ins as long as half a try: they are then lost, too, and there is nothing to fail over to. */
const DISTURBANCE_MILLISECONDS = 250;

/** Envoy and the stand-ins. */
export class ModelWorld {
  readonly envoy: ControlledEnvoy;
  /** Addresses of the first pool. */
  readonly first: readonly [string, string];
  /** Address of the second pool. */
  readonly second: string;
  /** All stand-ins as endpoints of their pools. */
  readonly endpoints: readonly ModelServerEndpoint[];
  readonly servers: readonly ModelServer[];

  constructor(
    envoy: ControlledEnvoy,
    servers: readonly ModelServer[],
    [one, two, three]: readonly [string, string, string],
  ) {
    this.envoy = envoy;
    this.servers = servers;
    this.first = [one, two];
    this.second = three;
    this.endpoints = [endpoint(one, "gpu"), endpoint(two, "gpu"), endpoint(three, "cpu")];
  }

  /** The stand-in at an address. */
  server(ip: string): ModelServer {
    const found = this.servers.find((server) => server.ip === ip);
    if (found === undefined) throw new Error(`no stand-in at ${ip}`);
    return found;
  }

  /** All stand-ins are good again and have seen nothing. */
  reset(): void {
    for (const server of this.servers) {
      server.become("Good");
      server.inferences = 0;
      server.serviceMilliseconds = 0;
      server.slots = Number.POSITIVE_INFINITY;
      server.places = 0;
    }
  }

  /**
   * Runs a trial, and once more when it failed while this process, which holds clients and model servers, stood
   * still for too long. A trial on a machine that is too busy for it fails with that reason.
   */
  async undisturbed(trial: () => Promise<void>): Promise<void> {
    for (let left = 3; ; left -= 1) {
      const stalls = monitorEventLoopDelay({ resolution: 10 });
      stalls.enable();
      try {
        return await trial();
      } catch (error) {
        const stalledMilliseconds = Math.round(stalls.max / 1e6);
        if (stalledMilliseconds < DISTURBANCE_MILLISECONDS) throw error;
        if (left === 1)
          throw new Error(`the machine is too busy: ${stalledMilliseconds} ms`, { cause: error });
        console.info(`this process stood still for ${stalledMilliseconds} ms: the trial is repeated`);
        this.reset();
        await delay(5_000);
      } finally {
        stalls.disable();
      }
    }
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    await this.envoy.stop();
    for (const server of this.servers) await server.stop();
  }
}

/** Starts Envoy and the stand-ins, on addresses 127.SUBNET.x.y. */
export async function startModelWorld(subnet: number, settings?: EnvoySettings): Promise<ModelWorld> {
  const ports = { rest: await freePort(), grpc: await freePort() };
  const addresses = [`127.${subnet}.0.1`, `127.${subnet}.0.2`, `127.${subnet}.1.1`] as const;
  const servers = await Promise.all(addresses.map((ip) => ModelServer.start(ip, ports)));
  return new ModelWorld(await ControlledEnvoy.start(ports, settings), servers, addresses);
}
