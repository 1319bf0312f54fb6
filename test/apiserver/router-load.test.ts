/**
 * What a router counts of the load: the real Envoy, and stand-ins for model servers, all on loopback.
 */
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { ARM_NAMES, EXPERIMENT_ARMS } from "../../src/api/arm.ts";
import type { TrafficArm, TrafficPlan } from "../../src/api/traffic-plan.ts";
import { countingEnvoy } from "../../src/router/envoy-administration.ts";
import { type CountedLoad, NO_LOAD } from "../../src/router/load-report.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { cpu, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { type Client, type Outcome, openLoop, withClients } from "./router-envoy/open-loop.ts";

jest.setTimeout(180_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 81;
const PER_SECOND = 100;
const SECONDS = 4;

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET);
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

interface Seen {
  readonly counted: CountedLoad;
  readonly outcomes: readonly Outcome[];
}

let trials = 0;

interface Trial {
  readonly arms?: readonly TrafficArm[];
  readonly plan?: Partial<TrafficPlan>;
  readonly load?: (client: Client, port: number) => Promise<readonly Outcome[]>;
}

const steady = (client: Client) => openLoop(client, PER_SECOND, SECONDS * 1_000);

/** Sends a load, and looks at what was counted of it. */
async function seen(
  protocol: "rest" | "grpc",
  { arms = [stableArm(gpu)], plan: more = {}, load = steady }: Trial = {},
): Promise<Seen> {
  trials += 1;
  const name = `loaded-${trials}`;
  const plan = await newPlan(arms, more);
  await world.envoy.serve(name, plan, world.endpoints);
  try {
    const outcomes = await withClients(plan.port, (clients) => load(clients[protocol], plan.port));
    const { counted } = await countingEnvoy(world.envoy.place.adminPort).load();
    return { outcomes, counted: counted.get(name) ?? NO_LOAD };
  } finally {
    world.envoy.forget(name);
  }
}

const GIVEN_UP = 10;
const PATIENCE_MILLISECONDS = 300;

/** Requests whose client does not wait for the answer. */
async function givenUp(protocol: "rest" | "grpc", port: number): Promise<readonly Outcome[]> {
  return await withClients(port, async (clients) => {
    const client = clients[protocol];
    const outcomes = Array.from({ length: GIVEN_UP }, () => client.send(Buffer.from("{}")));
    const underWay = () => world.servers.reduce((sum, { inferences }) => sum + inferences, 0);
    while (underWay() < GIVEN_UP) await delay(10);
    await delay(PATIENCE_MILLISECONDS);
    client.close();
    const ended = await Promise.all(outcomes);
    await delay(500);
    return ended;
  });
}

test.each(["rest", "grpc"] as const)(
  "over %s each request counts once, for as long as it was under way",
  (protocol) =>
    world.undisturbed(async () => {
      for (const server of world.servers) server.serviceMilliseconds = 50;
      const { counted, outcomes } = await seen(protocol);
      expect(counted.ended).toBe(outcomes.length);
      expect(counted.answered).toBe(outcomes.length);
      const meanMilliseconds = counted.busy_microseconds / 1_000 / outcomes.length;
      expect(meanMilliseconds).toBeGreaterThanOrEqual(50);
      expect(meanMilliseconds).toBeLessThan(100);
      expect(counted.given_up_milliseconds).toBe(0);
    }),
);

test.each(["rest", "grpc"] as const)("over %s what was refused is load, and held no server", (protocol) =>
  world.undisturbed(async () => {
    for (const server of world.servers) server.become("Overloaded");
    const { counted, outcomes } = await seen(protocol);
    expect(counted).toEqual({ ...NO_LOAD, ended: outcomes.length });
  }),
);

test("requests of every arm are load, those of an experiment and of who is held out of it as well", () =>
  world.undisturbed(async () => {
    const names = [...EXPERIMENT_ARMS, "Holdout", "Stable"] as const;
    const arms = names.map((name) => ({ name, weight: 10_000 / names.length, pools: [gpu] }));
    const { counted, outcomes } = await seen("rest", { arms });
    expect(new Set([...names, "Candidate"])).toEqual(new Set(ARM_NAMES));
    expect(counted.ended).toBe(outcomes.length);
    expect(counted.answered).toBe(outcomes.length);
  }));

test("copies for a candidate are no load", () =>
  world.undisturbed(async () => {
    const { counted, outcomes } = await seen("rest", { plan: { mirror: { share: 10_000, pools: [cpu] } } });
    expect(world.server(world.second).inferences).toBeGreaterThan(0);
    expect([counted.ended, counted.answered]).toEqual([outcomes.length, outcomes.length]);
  }));

test.each(["rest", "grpc"] as const)(
  "over %s a request that its client gave up counts for as long as it was under way",
  (protocol) =>
    world.undisturbed(async () => {
      for (const server of world.servers) server.serviceMilliseconds = 4_000;
      const { counted, outcomes } = await seen(protocol, {
        plan: { timeout: "5s", perTryTimeout: "5s" },
        load: (_client, port) => givenUp(protocol, port),
      });
      expect(outcomes.some(({ status }) => status === 200 || status === 0)).toBe(false);
      expect(counted.ended).toBe(outcomes.length);
      expect(counted.answered).toBe(outcomes.length);
      expect(counted.busy_microseconds).toBe(0);
      const meanMilliseconds = counted.given_up_milliseconds / outcomes.length;
      expect(meanMilliseconds).toBeGreaterThanOrEqual(PATIENCE_MILLISECONDS - 10);
      expect(meanMilliseconds).toBeLessThan(4_000);
    }),
);

test("what Envoy refuses before it chooses an arm is no load, whatever arm a client names", () =>
  world.undisturbed(async () => {
    const { counted, outcomes } = await seen("rest", {
      load: async (client, port) => {
        const forged = { "x-petrel-arm": "Stable", connection: "close" };
        const path = "/v2/models%2Fm/infer";
        for (let call = 0; call < 3; call++) expect(await postedTo(port, path, forged)).toBe(400);
        return [await client.send()];
      },
    });
    expect(outcomes).toMatchObject([{ status: 200 }]);
    expect(counted).toMatchObject({ ended: 1, answered: 1 });
  }));

/** Posts nothing to a path as it is written, and gives the status. */
function postedTo(port: number, path: string, headers: Readonly<Record<string, string>>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, method: "POST", headers }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode));
    })
      .on("error", reject)
      .end();
  });
}
