/**
 * How a router's Envoy gets from one configuration to another, what it refuses, and what is left after a restart:
 * the real Envoy, stand-ins for model servers, all on loopback.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { PlannedPool, TrafficArm } from "../../src/api/traffic-plan.ts";
import { fileSource, type JsonObject, resourceFile, TYPE_URL } from "../../src/render/envoy/resource.ts";
import type { TrafficConfiguration } from "../../src/render/envoy/traffic-configuration.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { LISTENER_DRAIN_SECONDS } from "./router-envoy/envoy-process.ts";
import { cpu, endpoint, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { openLoop, statuses, withClients } from "./router-envoy/open-loop.ts";
import { until } from "./router-envoy/until.ts";
import { complaintAbout, golden, goldenNames } from "./router-envoy/validation.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 62;

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET);
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

test("traffic moves from one revision to another, step by step, and no request fails", () =>
  world.undisturbed(async () => {
    const old: PlannedPool = { pool: "gpu", revision: "r1", replicas: 1 };
    const next: PlannedPool = { pool: "gpu", revision: "r2", replicas: 1 };
    const pods = [endpoint(world.first[0], "gpu", "r1"), endpoint(world.first[1], "gpu", "r2")];
    const plan = await newPlan([stableArm(old)]);
    await world.envoy.serve("switch", plan, pods);
    await withClients(plan.port, async (clients) => {
      const loads = (["rest", "grpc"] as const).map((protocol) => openLoop(clients[protocol], 200, 5_000));
      let epoch = 1;
      for (const weight of [1_000, 5_000]) {
        await delay(800);
        epoch += 1;
        const stable: TrafficArm = { name: "Stable", weight: 10_000 - weight, pools: [old] };
        const candidate: TrafficArm = { name: "Candidate", weight, pools: [next, old] };
        await world.envoy.serve("switch", { ...plan, epoch, arms: [stable, candidate] }, pods);
      }
      await delay(800);
      await world.envoy.serve("switch", { ...plan, epoch: epoch + 1, arms: [stableArm(next)] }, pods);
      world.server(world.first[0]).inferences = 0;
      for (const outcomes of await Promise.all(loads)) {
        expect(Object.keys(statuses(outcomes))).toHaveLength(1);
        expect([0, 200]).toContain(outcomes[0]?.status);
      }
      expect(world.server(world.first[0]).inferences).toBe(0);
    });
  }));

describe("what Envoy refuses of one ModelDeployment", () => {
  const rules = [
    ["a cluster that cannot be read", breakCluster({ connect_timeout: "0s" }), /clusters/],
    ["a cluster that cannot be used", breakCluster({ eds_cluster_config: noSuchFile() }), /clusters/],
    ["routes that cannot be used", breakRoutes, /routes/],
    ["a listener that cannot be read", breakListener({ address: null }), /listener/],
  ] as const;

  test.each(rules)(
    "%s: is reported, the last good plan stays, the others go on",
    async (what, spoil, reason) => {
      const name = `refused-${what.replaceAll(" ", "-")}`;
      const neighbour = `neighbour-of-${name}`;
      const plan = await newPlan([stableArm(gpu, cpu)]);
      await world.envoy.serve(name, plan, world.endpoints);
      const bad = world.envoy.planned(name, { ...plan, epoch: 2, arms: [stableArm(cpu, gpu)] });
      const neighbourPlan = await newPlan([stableArm(cpu)]);
      world.envoy.want(name, { ...bad, configuration: spoil(bad.configuration) }, world.endpoints);
      await world.envoy.serve(neighbour, neighbourPlan, world.endpoints);
      await until("the refusal is reported", () => world.envoy.acknowledgement(name).rejection !== undefined);
      expect(world.envoy.acknowledgement(name)).toMatchObject({
        serving: { epoch: 1 },
        rejection: expect.stringMatching(reason),
        isListening: true,
      });
      await withClients(plan.port, async ({ rest }) => {
        expect(await rest.send()).toMatchObject({ status: 200 });
        expect(world.server(world.second).lastHeaders["x-petrel-epoch"]).not.toBe("2");
      });
      await withClients(neighbourPlan.port, async ({ rest }) => {
        expect(await rest.send()).toMatchObject({ status: 200, ip: world.second });
      });
      await world.envoy.serve(name, { ...plan, epoch: 3, arms: [stableArm(cpu, gpu)] }, world.endpoints);
      expect(world.envoy.acknowledgement(name).rejection).toBeUndefined();
    },
  );

  test("a port that is taken is reported, and used when it is free", async () => {
    const plan = await newPlan([stableArm(gpu)]);
    const holder = createServer().listen(plan.port, "127.0.0.1");
    await once(holder, "listening");
    world.envoy.want("taken", world.envoy.planned("taken", plan), world.endpoints);
    await until(
      "the refusal is reported",
      () => world.envoy.acknowledgement("taken").rejection !== undefined,
    );
    expect(world.envoy.acknowledgement("taken").rejection).toMatch(/Address already in use/);
    expect(world.envoy.acknowledgement("taken").serving).toBeUndefined();
    holder.close();
    await world.envoy.serve("taken", { ...plan, epoch: 2 }, world.endpoints);
  });
});

test("a router that starts anew goes on from its files, and Envoy never stops serving", () =>
  world.undisturbed(async () => {
    const plan = await newPlan([stableArm(gpu, cpu)]);
    await world.envoy.serve("restart", plan, world.endpoints);
    await withClients(plan.port, async ({ rest }) => {
      const load = openLoop(rest, 200, 4_000);
      await delay(500);
      await world.envoy.restartRouter();
      await world.envoy.serve("restart", { ...plan, epoch: 2, arms: [stableArm(cpu, gpu)] }, world.endpoints);
      const outcomes = await load;
      expect(statuses(outcomes)).toEqual({ 200: outcomes.length });
    });
  }));

test("an Envoy that starts anew serves the last plans at once", async () => {
  const plan = await newPlan([stableArm(gpu, cpu)]);
  await world.envoy.serve("revived", plan, world.endpoints);
  await world.envoy.restartEnvoy();
  await withClients(plan.port, async ({ rest }) => {
    expect(await rest.send()).toMatchObject({ status: 200 });
  });
  await world.envoy.serve("revived", { ...plan, epoch: 2 }, world.endpoints);
});

test("an Envoy that starts on clusters that it refuses serves what it had served, before anything new is tried", async () => {
  const plan = await newPlan([stableArm(gpu, cpu)]);
  await world.envoy.serve("kept", plan, world.endpoints);
  // As a router leaves it that ends in the middle of a trial.
  await world.envoy.stopRouter();
  writeFileSync(
    world.envoy.place.layout.clusters,
    resourceFile([{ "@type": TYPE_URL.listener, name: "no" }]).content,
  );
  await world.envoy.restartEnvoy();
  await withClients(plan.port, async ({ rest }) => {
    expect(await rest.send()).toMatchObject({ status: 503 });
  });
  const names = Array.from({ length: 6 }, (_, index) => `spoiled-${index}`);
  for (const name of names) {
    const { configuration, ...rest } = world.envoy.planned(name, await newPlan([stableArm(cpu)]));
    const broken = breakCluster({ connect_timeout: "0s" })(configuration);
    world.envoy.want(name, { ...rest, configuration: broken }, world.endpoints);
  }
  const refused = () => names.filter((name) => world.envoy.acknowledgement(name).rejection !== undefined);
  await withClients(plan.port, async ({ rest }) => {
    await world.envoy.restartRouter();
    await until("the former plan is served", async () => (await rest.send()).status === 200);
    expect(refused().length).toBeLessThan(names.length);
    await until("all refusals are reported", () => refused().length === names.length);
    expect(await rest.send()).toMatchObject({ status: 200 });
  });
  expect(world.envoy.acknowledgement("kept")).toMatchObject({ serving: { epoch: 1 }, isListening: true });
});

test("a ModelDeployment that is gone is served no more, and leaves no file", async () => {
  const plan = await newPlan([stableArm(gpu)]);
  await world.envoy.serve("gone", plan, world.endpoints);
  world.envoy.forget("gone");
  await withClients(plan.port, async () => {
    await until("its port is closed", () => isRefused(plan.port));
  });
});

test("a request that is under way when its ModelDeployment goes gets its answer", async () => {
  const plan = await newPlan([stableArm(gpu)], { timeout: "20s", perTryTimeout: "20s" });
  await world.envoy.serve("leaving", plan, world.endpoints);
  for (const ip of world.first) world.server(ip).serviceMilliseconds = (LISTENER_DRAIN_SECONDS - 1) * 1000;
  await withClients(plan.port, async ({ rest }) => {
    const underWay = rest.send();
    const servers = world.first.map((ip) => world.server(ip));
    await until("it is under way", () => servers.some(({ inferences }) => inferences > 0));
    world.envoy.forget("leaving");
    await until("its port is closed", () => isRefused(plan.port));
    expect(await underWay).toMatchObject({ status: 200 });
  });
});

test("Envoy shows metrics and readiness, and no administration", async () => {
  const { metricsPort } = world.envoy.place;
  const get = (path: string, method = "GET") => fetch(`http://127.0.0.1:${metricsPort}${path}`, { method });
  expect((await get("/ready")).status).toBe(200);
  expect(await (await get("/stats/prometheus")).text()).toContain("envoy_cluster_upstream_rq");
  for (const path of ["/config_dump", "/quitquitquit", "/stats", "/"])
    expect((await get(path)).status).toBe(404);
  expect((await get("/stats/prometheus", "POST")).status).toBe(404);
});

test("more requests than a cluster may have in flight are overload, in the form of each protocol", async () => {
  const plan = await newPlan([stableArm(gpu, cpu)]);
  const planned = world.envoy.planned("overflow", plan);
  const closed = breakCluster({
    circuit_breakers: { thresholds: [{ max_pending_requests: 0, max_requests: 0 }] },
  });
  world.envoy.want("overflow", { ...planned, configuration: closed(planned.configuration) }, world.endpoints);
  await until("it is served", () => world.envoy.acknowledgement("overflow").isListening === true);
  await withClients(plan.port, async ({ rest, grpc }) => {
    const answer = await rest.send();
    expect(answer).toMatchObject({ status: 429, headers: { "retry-after": "1" } });
    expect(JSON.parse(answer.body)).toEqual({ error: "too many requests are in flight; try again later" });
    const RESOURCE_EXHAUSTED = 8;
    expect(await grpc.send()).toMatchObject({
      status: RESOURCE_EXHAUSTED,
      body: expect.stringContaining("too many requests"),
    });
  });
  for (const { inferences } of world.servers) expect(inferences).toBe(0);
});

test("every golden file is valid", async () => {
  const names = goldenNames();
  expect(names.length).toBeGreaterThanOrEqual(10);
  for (const name of names) {
    expect({ name, complaint: await complaintAbout(name, golden(name)) }).toEqual({ name, complaint: "" });
  }
  // The check can fail.
  const broken = { ...golden("listener.json"), per_connection_buffer_limit_bytes: -1 };
  expect(await complaintAbout("listener.json", broken)).toContain("per_connection_buffer");
});

test("a ModelDeployment may have the name of one of Envoy's own", async () => {
  const plan = await newPlan([stableArm(gpu)]);
  for (const name of ["metrics", "admin"]) {
    const own = { ...plan, port: (await newPlan([])).port };
    await world.envoy.serve(name, own, world.endpoints);
    await withClients(own.port, async ({ rest }) => expect(await rest.send()).toMatchObject({ status: 200 }));
  }
});

type Spoil = (configuration: TrafficConfiguration) => TrafficConfiguration;

function noSuchFile() {
  return { eds_config: fileSource("/nowhere/endpoints.json") };
}

function breakCluster(fields: JsonObject): Spoil {
  return (configuration) => ({
    ...configuration,
    clusters: configuration.clusters.map((cluster) => ({
      ...cluster,
      resource: { ...cluster.resource, ...fields },
    })),
  });
}

function breakListener(fields: JsonObject): Spoil {
  return (configuration) => ({
    ...configuration,
    listener: { ...configuration.listener, ...fields },
    listenerHash: "broken",
  });
}

function breakRoutes(configuration: TrafficConfiguration): TrafficConfiguration {
  const { modelDeployment, epoch, routes } = configuration;
  const virtualHost = { name: "twice", domains: ["*"], routes: [] };
  const resource = {
    "@type": TYPE_URL.route,
    name: modelDeployment,
    virtual_hosts: [virtualHost, virtualHost],
  };
  return { ...configuration, routes: { ...routes, ...resourceFile([resource], epoch) } };
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}
