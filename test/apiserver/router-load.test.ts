/**
 * What a router counts of the load: the real Envoy, and stand-ins for model servers, all on loopback.
 */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { ARM_NAMES } from "../../src/api/arm.ts";
import { FULL_WEIGHT, type TrafficPlan } from "../../src/api/traffic-plan.ts";
import { countingEnvoy } from "../../src/router/envoy-administration.ts";
import { type CountedLoad, NO_LOAD } from "../../src/router/load-report.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { type Client, type Outcome, openLoop, withClients } from "./router-envoy/open-loop.ts";

jest.setTimeout(180_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 79;
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

/** Sends a load, and looks at what was counted of it. */
async function seen(protocol: "rest" | "grpc", arms: TrafficPlan["arms"] = [stableArm(gpu)]): Promise<Seen> {
  trials += 1;
  const name = `loaded-${trials}`;
  const plan = await newPlan(arms);
  await world.envoy.serve(name, plan, world.endpoints);
  try {
    const load = (client: Client) => openLoop(client, PER_SECOND, SECONDS * 1_000);
    const outcomes = await withClients(plan.port, (clients) => load(clients[protocol]));
    const { counted } = await countingEnvoy(world.envoy.place.adminPort).load();
    return { outcomes, counted: counted.get(name) ?? NO_LOAD };
  } finally {
    world.envoy.forget(name);
  }
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
    }),
);

test.each(["rest", "grpc"] as const)("over %s what was refused is load, and held no server", (protocol) =>
  world.undisturbed(async () => {
    for (const server of world.servers) server.become("Overloaded");
    const { counted, outcomes } = await seen(protocol);
    expect(counted).toEqual({ ended: outcomes.length, answered: 0, busy_microseconds: 0 });
  }),
);

test.each([
  ["a release", ["Candidate", "Stable"]],
  ["an experiment", ARM_NAMES.filter((name) => name !== "Candidate")],
] as const)("whichever arm of %s answers, a request is load", (_of, names) =>
  world.undisturbed(async () => {
    const weight = Math.floor(FULL_WEIGHT / names.length);
    const arms = names.map((name, index) => ({
      ...stableArm(gpu),
      name,
      weight: index === 0 ? FULL_WEIGHT - weight * (names.length - 1) : weight,
    }));
    const { counted, outcomes } = await seen("rest", arms);
    expect([counted.ended, counted.answered]).toEqual([outcomes.length, outcomes.length]);
  }),
);
