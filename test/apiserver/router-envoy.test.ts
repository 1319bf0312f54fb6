/**
 * What a router's Envoy serves and survives: the real Envoy, stand-ins for model servers, all on loopback.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import type { Behaviour } from "./router-envoy/model-server.ts";
import { cpu, endpoint, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { cutOff, openLoop, slowest, statuses, withClients } from "./router-envoy/open-loop.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 61;

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET);
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

describe("one port serves both protocols", () => {
  test("and the server learns arm and epoch, from the router alone", async () => {
    const plan = await newPlan([stableArm(gpu, cpu)], { epoch: 7 });
    await world.envoy.serve("headers", plan, world.endpoints);
    await withClients(plan.port, async ({ rest, grpc }) => {
      const forged = { "x-petrel-arm": "Candidate", "x-petrel-token": "1", "x-envoy-max-retries": "9" };
      for (const client of [rest, grpc]) {
        const outcome = await client.send(Buffer.from("{}"), forged);
        expect(outcome).toMatchObject({ status: client.good, headers: { "x-petrel-revision": "r1" } });
        const { lastHeaders } = world.server(outcome.ip ?? "");
        expect(lastHeaders).toMatchObject({ "x-petrel-arm": "Stable", "x-petrel-epoch": "7" });
        expect(Object.keys(lastHeaders).filter((name) => /^x-(petrel-token|envoy-)/.test(name))).toEqual([]);
      }
    });
  });

  test("and says in the form of each that nothing can answer", async () => {
    const plan = await newPlan([]);
    await world.envoy.serve("empty", plan, []);
    await withClients(plan.port, async ({ rest, grpc }) => {
      const answer = await rest.send();
      expect(answer).toMatchObject({ status: 503, headers: { "content-type": "application/json" } });
      expect(JSON.parse(answer.body)).toEqual({
        error: "no model server of ModelDeployment empty can answer yet",
      });
      expect(await grpc.send()).toMatchObject({ status: 14 });
    });
  });
});

describe("the whole first pool is lost under 500 requests a second and no request fails", () => {
  const losses: readonly Behaviour[] = ["Unavailable", "Reset", "Hang", "UnavailableThoughReady"];
  test.each(
    losses.flatMap((loss) => (["rest", "grpc"] as const).map((protocol) => [loss, protocol] as const)),
  )("%s, %s", (loss, protocol) =>
    world.undisturbed(async () => {
      const name = `lost-${loss.toLowerCase()}-${protocol}`;
      const plan = await newPlan([stableArm(gpu, cpu)], { timeout: "2s", perTryTimeout: "500ms" });
      await world.envoy.serve(name, plan, world.endpoints);
      await withClients(plan.port, async (clients) => {
        const client = clients[protocol];
        const load = openLoop(client, 500, 4_000);
        await delay(1_000);
        for (const ip of world.first) world.server(ip).become(loss);
        const before = world.first.map((ip) => world.server(ip).inferences);
        const outcomes = await load;
        console.info(`${name}: ${outcomes.length} requests, slowest ${slowest(outcomes)} ms`);
        expect(before.every((inferences) => inferences > 100)).toBe(true);
        expect(world.server(world.second).inferences).toBeGreaterThan(1_000);
        const cut = cutOff(outcomes);
        expect(cut.length).toBeLessThanOrEqual(loss === "Reset" ? 10 : 0);
        const whole = outcomes.filter((outcome) => !cut.includes(outcome));
        expect(whole.filter(({ status }) => status !== client.good)).toEqual([]);
      });
      world.envoy.forget(name);
    }),
  );
});

test("a model server that is slow to say that it is ready still serves when it is all there is", () =>
  world.undisturbed(async () => {
    const plan = await newPlan([stableArm(gpu, cpu)]);
    await world.envoy.serve("slow-ready", plan, world.endpoints);
    for (const each of world.servers) each.become("SlowReady");
    await delay(4_000);
    await withClients(plan.port, async ({ rest }) => {
      const outcomes = await openLoop(rest, 100, 1_000);
      expect(statuses(outcomes)).toEqual({ 200: outcomes.length });
    });
  }));

test("overload is passed on as it is: not retried, and nobody is ejected for it", () =>
  world.undisturbed(async () => {
    const plan = await newPlan([stableArm(gpu, cpu)]);
    await world.envoy.serve("overloaded", plan, world.endpoints);
    for (const ip of world.first) world.server(ip).become("Overloaded");
    await withClients(plan.port, async ({ rest, grpc }) => {
      const outcomes = await openLoop(rest, 100, 2_000);
      expect(statuses(outcomes)).toEqual({ 429: outcomes.length });
      const calls = await openLoop(grpc, 100, 1_000);
      expect(statuses(calls)).toEqual({ 8: calls.length });
      const inferences = world.first.map((ip) => world.server(ip).inferences);
      expect((inferences[0] ?? 0) + (inferences[1] ?? 0)).toBe(outcomes.length + calls.length);
      expect(world.server(world.second).inferences).toBe(0);
    });
  }));

test("at ten times the capacity there are as many good answers as at the capacity", () =>
  world.undisturbed(async () => {
    const plan = await newPlan([stableArm(gpu)], { timeout: "2s", perTryTimeout: "500ms" });
    await world.envoy.serve("overload", plan, world.endpoints);
    const capacityPerSecond = 20;
    for (const ip of world.first) Object.assign(world.server(ip), { slots: 1, serviceMilliseconds: 100 });
    await withClients(plan.port, async ({ rest }) => {
      const good = async (factor: number) => {
        for (const ip of world.first) world.server(ip).inferences = 0;
        const outcomes = await openLoop(rest, factor * capacityPerSecond, 5_000);
        expect(Object.keys(statuses(outcomes)).filter((status) => !["200", "429"].includes(status))).toEqual(
          [],
        );
        const tries = world.first.map((ip) => world.server(ip).inferences);
        expect((tries[0] ?? 0) + (tries[1] ?? 0)).toBe(outcomes.length);
        return statuses(outcomes)["200"] ?? 0;
      };
      const peak = Math.max(await good(0.9), await good(1.1));
      expect(await good(1.4)).toBeGreaterThanOrEqual(0.9 * peak);
      expect(await good(10)).toBeGreaterThanOrEqual(0.9 * peak);
    });
  }));

describe("traffic follows what can carry it", () => {
  test.each([
    { listed: 2, needed: 2, share: 1 },
    { listed: 2, needed: 1, share: 1 },
    { listed: 1, needed: 4, share: 0.25 },
    { listed: 2, needed: 8, share: 0.25 },
    { listed: 0, needed: 2, share: 0 },
  ])("$listed of $needed replicas take $share of it", ({ listed, needed, share }) =>
    world.undisturbed(async () => {
      const name = `share-${listed}-of-${needed}`;
      const plan = await newPlan([stableArm({ ...gpu, replicas: needed }, cpu)]);
      await world.envoy.serve(name, plan, [
        ...world.first.slice(0, listed).map((ip) => endpoint(ip, "gpu")),
        endpoint(world.second, "cpu"),
      ]);
      await withClients(plan.port, async ({ rest }) => {
        const outcomes = await openLoop(rest, 500, 4_000);
        expect(statuses(outcomes)).toEqual({ 200: outcomes.length });
        const first = outcomes.filter(({ ip }) => ip !== world.second).length / outcomes.length;
        // Four standard deviations of a share of 2,000.
        expect(Math.abs(first - share)).toBeLessThanOrEqual(4 * Math.sqrt((share * (1 - share)) / 2_000));
      });
    }),
  );

  test("losing a replica that is not needed moves nothing", () =>
    world.undisturbed(async () => {
      const plan = await newPlan([stableArm({ ...gpu, replicas: 1 }, cpu)]);
      await world.envoy.serve("surplus", plan, world.endpoints);
      world.server(world.first[0]).become("Unavailable");
      await delay(2_500);
      world.server(world.second).inferences = 0;
      await withClients(plan.port, async ({ rest }) => {
        expect(statuses(await openLoop(rest, 200, 1_000))).toEqual({ 200: 200 });
      });
      expect(world.server(world.second).inferences).toBe(0);
    }));
});

test("a pod that left the endpoints gets nothing more, though it would still answer", () =>
  world.undisturbed(async () => {
    const plan = await newPlan([stableArm(gpu)]);
    await world.envoy.serve("removal", plan, world.endpoints);
    await withClients(plan.port, async ({ rest }) => {
      const load = openLoop(rest, 300, 3_000);
      await delay(1_000);
      const left = world.server(world.first[0]);
      expect(left.inferences).toBeGreaterThan(50);
      world.envoy.want("removal", world.envoy.planned("removal", plan), world.endpoints.slice(1));
      await delay(500);
      left.inferences = 0;
      const outcomes = await load;
      expect(statuses(outcomes)).toEqual({ 200: outcomes.length });
      expect(left.inferences).toBe(0);
    });
  }));

test("a request of 16 MiB is retried", () =>
  world.undisturbed(async () => {
    const plan = await newPlan([stableArm(gpu, cpu)], { timeout: "6s", perTryTimeout: "2s" });
    await world.envoy.serve("large", plan, world.endpoints);
    for (const ip of world.first) world.server(ip).become("UnavailableThoughReady");
    await withClients(plan.port, async ({ rest }) => {
      const outcome = await rest.send(Buffer.alloc(16 * 2 ** 20));
      expect(outcome).toMatchObject({ status: 200, ip: world.second });
      expect(JSON.parse(outcome.body)).toMatchObject({ bodyBytes: 16 * 2 ** 20 });
    });
  }));
