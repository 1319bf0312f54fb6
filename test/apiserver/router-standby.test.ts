/**
 * Who gets requests when a pool has fewer ready replicas than are asked for: the real Envoy with the plans that the operator
 * stores, and stand-ins for model servers, all on loopback.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { servingWorld, type World } from "../fixtures/world.ts";
import { newPlan } from "./router-envoy/controlled-envoy.ts";
import { cpu, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { openLoop, statuses, withClients } from "./router-envoy/open-loop.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 84;

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET);
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

describe("with a standby of one replica behind two, of six that are asked for", () => {
  const operator = () => {
    const pools = [{ name: gpu.pool }, { name: cpu.pool, replicas: 1 }];
    return servingWorld({ replicas: 2, pools });
  };

  /** What the standby gets of a load, by the plan that the operator stores. */
  async function standbyGets(name: string, decided: World): Promise<{ standby: number; sent: number }> {
    const revision = decided.revisionName("v1");
    const pods = world.endpoints.map((pod) => ({ ...pod, revision }));
    const plan = await newPlan(decided.status.traffic?.arms ?? []);
    await world.envoy.serve(name, plan, pods);
    const outcomes = await withClients(plan.port, ({ rest }) => openLoop(rest, 200, 3_000));
    expect(Object.keys(statuses(outcomes))).toEqual(["200"]);
    return { standby: world.server(world.second).inferences, sent: outcomes.length };
  }

  test("none of the requests moves while the other four are still to come", () =>
    world.undisturbed(async () => {
      const decided = operator().edit({ replicas: 6 });
      decided.reconcile();
      const { standby } = await standbyGets("coming", decided.setReady(decided.revisionName("v1"), 2, "gpu"));
      expect(standby).toBe(0);
    }));

  test("two thirds move when four of six are lost", () =>
    world.undisturbed(async () => {
      const decided = operator().edit({ replicas: 6 });
      decided.settle();
      decided.setReady(decided.revisionName("v1"), 2, "gpu").reconcile();
      const { standby, sent } = await standbyGets("lost", decided);
      expect(standby / sent).toBeGreaterThan(0.6);
      expect(standby / sent).toBeLessThan(0.73);
    }));
});
