/**
 * Everything that a router writes for Envoy, as JSON, so that a change of any field is seen in review. The tests
 * on the real Envoy (`test/apiserver/router-envoy.test.ts`) validate every one of these files.
 */
import { afterAll, describe, expect, test } from "@jest/globals";
import type { TrafficArm, TrafficPlan } from "../../src/api/traffic-plan.ts";
import { renderBootstrap } from "../../src/render/envoy/bootstrap.ts";
import { type ModelServerEndpoint, renderEndpoints } from "../../src/render/envoy/endpoints.ts";
import { configurationLayout } from "../../src/render/envoy/layout.ts";
import { resourceFile } from "../../src/render/envoy/resource.ts";
import { renderTraffic, type TrafficConfiguration } from "../../src/render/envoy/traffic-configuration.ts";
import { GoldenFolder } from "./golden-file.ts";

const golden = new GoldenFolder("envoy");
afterAll(() => golden.expectNothingElse());

const layout = configurationLayout("/etc/petrel/envoy");

function expectGolden(name: string, value: unknown): void {
  golden.expectFile(name, `${JSON.stringify(value, undefined, 2)}\n`);
}

const gpu = (revision: string) => ({ pool: "gpu", revision, replicas: 4 });
const cpu = (revision: string) => ({ pool: "cpu", revision, replicas: 6 });
const stable: TrafficArm = { name: "Stable", weight: 10_000, pools: [gpu("ranker-1"), cpu("ranker-1")] };
const candidate: TrafficArm = {
  name: "Candidate",
  weight: 50,
  pools: [gpu("ranker-2"), gpu("ranker-1"), cpu("ranker-1")],
};

function rendered(
  arms: readonly TrafficArm[],
  more: Partial<TrafficPlan> = {},
  address = "0.0.0.0",
): TrafficConfiguration {
  const plan = { port: 10_003, epoch: 7, timeout: "600ms", perTryTimeout: "200ms", arms: [...arms], ...more };
  return renderTraffic("ranker", plan, { layout, address });
}

function routesOf({ routes }: TrafficConfiguration): unknown {
  return JSON.parse(routes.content).resources[0];
}

function pods(pool: string, revision: string, count: number): ModelServerEndpoint[] {
  const place = { gpu: 1, cpu: 2 }[pool] ?? 3;
  return Array.from({ length: count }, (_, index) => ({
    pod: `${pool}-${revision}-${index}`,
    ip: `10.0.${place}.${index + 1}`,
    pool,
    revision,
  }));
}

test("the bootstrap", () => {
  const bootstrap = renderBootstrap({
    nodeId: "petrel-router-1",
    address: "0.0.0.0",
    adminPort: 9901,
    metricsPort: 9902,
    maximumConnections: 10_000,
    layout,
  });
  expectGolden("bootstrap.json", bootstrap);
});

describe("of one ModelDeployment", () => {
  test("the listener", () => expectGolden("listener.json", rendered([stable]).listener));

  test("the listener of a pod with an IPv6 address", () => {
    const { address } = rendered([stable], {}, "::").listener;
    expect(address).toEqual({ socket_address: { address: "::", port_value: 10_003 } });
  });

  test("the routes to one arm", () => expectGolden("routes-stable.json", routesOf(rendered([stable]))));

  test("the routes to a candidate and to stable", () => {
    // The candidate comes first, whatever the order in the plan.
    const arms = [{ ...stable, weight: 9_950 }, candidate];
    expectGolden("routes-candidate.json", routesOf(rendered(arms)));
  });

  test("the routes when nothing can answer", () =>
    expectGolden("routes-nothing.json", routesOf(rendered([]))));

  test("the clusters", () => {
    for (const { protocol, resource } of rendered([stable]).clusters)
      expectGolden(`cluster-${protocol}.json`, resource);
  });
});

describe("the endpoints", () => {
  const chain = stable.pools;
  test.each([
    { name: "as-needed", listed: [...pods("gpu", "ranker-1", 4), ...pods("cpu", "ranker-1", 6)] },
    { name: "first-pool-short", listed: [...pods("gpu", "ranker-1", 1), ...pods("cpu", "ranker-1", 6)] },
    { name: "first-pool-surplus", listed: [...pods("gpu", "ranker-1", 6), ...pods("cpu", "ranker-1", 6)] },
    { name: "first-pool-empty", listed: pods("cpu", "ranker-1", 6) },
    { name: "none", listed: [] },
  ])("$name", ({ name, listed }) => {
    // Those of another revision or pool are none of its business.
    const others = [...pods("gpu", "ranker-0", 2), ...pods("other", "ranker-1", 1)];
    expectGolden(
      `endpoints-${name}.json`,
      renderEndpoints("ranker_stable_hash_rest", chain, [...others, ...listed], 8080),
    );
  });
});

describe("names", () => {
  const clusterNames = (arms: readonly TrafficArm[], more: Partial<TrafficPlan> = {}) =>
    rendered(arms, more).clusters.map(({ name }) => name);

  test("of clusters stay the same while only weights, replicas, epoch or time-out change", () => {
    const more = { epoch: 8, timeout: "900ms" };
    const arm = { ...stable, weight: 1, pools: stable.pools.map((pool) => ({ ...pool, replicas: 1 })) };
    expect(clusterNames([arm], more)).toEqual(clusterNames([stable]));
  });

  test.each([
    { what: "the order of the pools", arm: { ...stable, pools: stable.pools.toReversed() }, more: {} },
    { what: "a revision", arm: { ...stable, pools: [gpu("ranker-9"), cpu("ranker-1")] }, more: {} },
    { what: "the time of a try", arm: stable, more: { perTryTimeout: "100ms" } },
    { what: "the role of the arm", arm: { ...stable, name: "Candidate" as const }, more: {} },
  ])("of clusters change with $what", ({ arm, more }) => {
    for (const name of clusterNames([arm], more)) expect(clusterNames([stable])).not.toContain(name);
  });

  test("of clusters tell the ModelDeployment, the arm and the protocol, without a dot", () => {
    const [rest, grpc] = clusterNames([stable]);
    expect(rest).toMatch(/^ranker_stable_[a-z0-9]{10}_rest$/);
    expect(grpc).toMatch(/^ranker_stable_[a-z0-9]{10}_grpc$/);
  });
});

test("a version follows from the content alone", () => {
  const { listener } = rendered([stable]);
  expect(resourceFile([listener])).toEqual(
    resourceFile([rendered([candidate, stable], { epoch: 9 }).listener]),
  );
  expect(resourceFile([listener]).version).not.toBe(resourceFile([]).version);
  expect(rendered([stable]).routes.version).toMatch(/^7\.[a-z0-9]{10}$/);
});
