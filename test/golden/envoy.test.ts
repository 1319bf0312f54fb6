/**
 * Everything that a router writes for Envoy, as JSON, so that a change of any field is seen in review. The tests
 * on the real Envoy (`test/apiserver/router-envoy.test.ts`) validate every one of these files.
 */
import { afterAll, describe, expect, test } from "@jest/globals";
import { asList, valueAt } from "../../src/api/json.ts";
import type { TrafficArm, TrafficPlan } from "../../src/api/traffic-plan.ts";
import { renderBootstrap } from "../../src/render/envoy/bootstrap.ts";
import { type ModelServerEndpoint, renderEndpoints } from "../../src/render/envoy/endpoints.ts";
import { configurationLayout } from "../../src/render/envoy/layout.ts";
import { resourceFile } from "../../src/render/envoy/resource.ts";
import {
  endpointFile,
  renderTraffic,
  type TrafficConfiguration,
} from "../../src/render/envoy/traffic-configuration.ts";
import { GoldenFolder } from "./golden-file.ts";

/** A public key that Envoy takes: it refuses a set without any. */
const PUBLIC_KEYS =
  '{"keys":[{"kty":"EC","x":"keZO9P8n1YeSsNgs0dZZNh_mwEf2BagOyBn6HuU0oAE","y":"ujr0eqTQLzUgpBpWYRwajydZeCFOYygeGV5dv8k-nGQ","crv":"P-256","kid":"one","use":"sig","alg":"ES256"}]}';

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

const counted: Partial<TrafficPlan> = { feedback: { userHeader: "x-user-id", excludeHeader: "x-load-test" } };

/** With a router that has a collector to count for. */
function countedBy(more: Partial<TrafficPlan>): TrafficConfiguration {
  const plan = { port: 10_003, epoch: 7, timeout: "600ms", perTryTimeout: "200ms", arms: [stable], ...more };
  const countingLayout = configurationLayout("/etc/petrel/envoy", undefined, "/var/log/petrel");
  return renderTraffic("ranker", plan, { layout: countingLayout, address: "0.0.0.0" });
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

function bootstrapWith(memoryBytes: number, collector?: { readonly host: string; readonly port: number }) {
  return renderBootstrap({
    nodeId: "petrel-router-1",
    address: "0.0.0.0",
    adminPort: 9901,
    metricsPort: 9902,
    maximumConnections: 10_000,
    memoryBytes,
    ...(collector === undefined ? {} : { collector }),
    layout,
  });
}

test("the bootstrap", () => expectGolden("bootstrap.json", bootstrapWith(2 ** 30)));

test("the bootstrap with a collector", () => {
  const collector = { host: "petrel-collector.shop.svc", port: 8085 };
  expectGolden("bootstrap-counted.json", bootstrapWith(2 ** 30, collector));
});

test.each([
  [512, 400],
  [1_024, 800],
  [4_096, 3_200],
])("of %i MiB, Envoy's heap may use %i", (memoryMebibytes, heapMebibytes) => {
  const text = JSON.stringify(bootstrapWith(memoryMebibytes * 2 ** 20));
  expect(text).toContain(`"max_heap_size_bytes":${heapMebibytes * 2 ** 20}}`);
});

describe("of one ModelDeployment", () => {
  test("the listener", () => expectGolden("listener.json", rendered([stable]).listener));

  test("the listener with TLS and a token", () => {
    const jwt = { issuer: "https://issuer.example", audiences: ["ranker"], jwks: { inline: PUBLIC_KEYS } };
    const door = { tls: { secretName: "ranker-tls" }, authentication: { type: "JWT", jwt } } as const;
    const plan = { ...door, authentication: { ...door.authentication, jwt } };
    expectGolden("listener-tls-token.json", rendered([stable], plan).listener);
  });

  test("the listener with certificates of clients, and the files that tell where certificates lie", () => {
    const ca = { kind: "ConfigMap" as const, name: "clients", key: "ca.crt" };
    const authentication = { type: "MutualTLS" as const, mutualTLS: { ca } };
    const { listener, secrets } = rendered([stable], { tls: { secretName: "ranker-tls" }, authentication });
    expectGolden("listener-client-certificates.json", listener);
    expect(secrets.map(({ file }) => JSON.parse(file.content).resources[0])).toMatchObject([
      {
        tls_certificate: {
          certificate_chain: { filename: "/etc/petrel/credentials/secrets/ranker-tls/tls.crt" },
          private_key: { filename: "/etc/petrel/credentials/secrets/ranker-tls/tls.key" },
          watched_directory: { path: "/etc/petrel/credentials" },
        },
      },
      {
        validation_context: {
          trusted_ca: { filename: "/etc/petrel/credentials/configmaps/clients/ca.crt" },
          watched_directory: { path: "/etc/petrel/credentials" },
        },
      },
    ]);
  });

  test("the listener of a pod with an IPv6 address", () => {
    const { address } = rendered([stable], {}, "::").listener;
    expect(address).toEqual({ socket_address: { address: "::", port_value: 10_003 } });
  });

  test("the routes to one arm", () => expectGolden("routes-stable.json", routesOf(rendered([stable]))));

  test("the listener and the routes where answers are counted", () => {
    expectGolden("listener-counted.json", countedBy(counted).listener);
    expectGolden("routes-counted.json", routesOf(countedBy(counted)));
  });

  test("are the same where nothing is counted, by the plan or by the router", () => {
    const plain = rendered([stable]);
    for (const configuration of [rendered([stable], counted), countedBy({})]) {
      expect(configuration.listener).toEqual(plain.listener);
      expect(routesOf(configuration)).toEqual(routesOf(plain));
    }
  });

  test("the routes to a candidate and to stable", () => {
    // The candidate comes first, whatever the order in the plan.
    const arms = [{ ...stable, weight: 9_950 }, candidate];
    expectGolden("routes-candidate.json", routesOf(rendered(arms)));
  });

  test.each([
    ["routes-sticky.json", "Random"],
    ["routes-sticky-anonymous-stable.json", "Stable"],
  ] as const)("%s: the routes by user, and without one: %s", (name, anonymous) => {
    const stickiness = { header: "x-user-id", anonymous, salt: "ranker-2" };
    expectGolden(name, routesOf(rendered([{ ...stable, weight: 9_950 }, candidate], { stickiness })));
    // One arm needs no choice.
    expect(routesOf(rendered([stable], { stickiness }))).toEqual(routesOf(rendered([stable])));
  });

  test("the routes by user where answers are counted, by the same user and by another", () => {
    const stickiness = { header: "x-user-id", anonymous: "Random" as const, salt: "ranker-2" };
    const arms = [{ ...stable, weight: 9_950 }, candidate];
    const routes = routesOf(countedBy({ ...counted, stickiness, arms }));
    expectGolden("routes-sticky-counted.json", routes);
    // Whose arm cannot be computed from the name that is told.
    const bySession = { ...stickiness, header: "x-session" };
    expect(JSON.stringify(routesOf(countedBy({ ...counted, stickiness: bySession, arms })))).not.toContain(
      "50/10000",
    );
  });

  test("those of an experiment: each arm by its own name, in the order of the plan", () => {
    const stickiness = { header: "x-user-id", anonymous: "Random" as const, salt: "wide-1" };
    const own = (revision: string) => [gpu(revision), gpu("ranker-1"), cpu("ranker-1")];
    const arms: readonly TrafficArm[] = [
      { name: "ArmA", weight: 1_000, pools: own("ranker-2") },
      { name: "ArmB", weight: 2_000, pools: own("ranker-3") },
      { ...stable, weight: 4_000 },
      { ...stable, name: "Holdout", weight: 3_000 },
    ];
    const routes = routesOf(countedBy({ ...counted, stickiness, arms: [...arms] }));
    expectGolden("routes-experiment.json", routes);
    expect(JSON.stringify(routes)).toContain("2=1000,3=2000,0=4000,15=3000/10000 wide-1 x-user-id");
    // First tries are counted for releases alone: what is not the candidate's would be taken for stable's.
    expect(JSON.stringify(routes)).not.toContain("include_request_attempt_count");
  });

  test("requests that name no user and go to stable for that are not counted", () => {
    const stickiness = { header: "x-user-id", anonymous: "Stable" as const, salt: "ranker-2" };
    const arms = [{ ...stable, weight: 9_950 }, candidate];
    const counting = countedBy({ ...counted, stickiness, arms });
    const hosts = asList(valueAt(routesOf(counting), "virtual_hosts"));
    const times = asList(valueAt(hosts[0], "routes")).map((route) =>
      JSON.stringify(route).includes("x-petrel-time"),
    );
    // Labels, then for each protocol with a user whose arm can be checked, with another one, and without.
    expect(times).toEqual([false, true, true, false, true, true, false]);
  });

  test("the routes of which a share is mirrored, and the clusters of the copies", () => {
    const mirror = { share: 100, pools: [gpu("ranker-2")] };
    const mirroring = countedBy({ ...counted, mirror });
    expectGolden("routes-mirrored.json", routesOf(mirroring));
    const copies = mirroring.clusters.filter(({ name }) => name.startsWith("ranker_mirror_"));
    expect(copies.map(({ pools, protocol }) => [protocol, pools])).toEqual([
      ["rest", mirror.pools],
      ["grpc", mirror.pools],
    ]);
    // Copies that wait for a candidate take little of the router's memory.
    expect(copies.map(({ resource }) => valueAt(resource, "circuit_breakers", "thresholds"))).toEqual(
      Array(2).fill([
        expect.objectContaining({ max_connections: 128, max_pending_requests: 128, max_requests: 128 }),
      ]),
    );
  });

  test("the routes of a drill with its fault, the sockets of its stand-ins, its clusters, and their endpoints", () => {
    const drill = {
      name: "weekly",
      pool: "gpu",
      key: "k".repeat(32),
      fault: { status: 503, until: "2026-01-02T03:04:05Z", longest: "2m" },
    };
    const drilled = rendered([stable], { drill });
    expectGolden("routes-drilled.json", routesOf(drilled));
    expectGolden("listener-fault.json", drilled.faultListener);
    const [, , probes, , witnesses] = drilled.clusters;
    expectGolden("cluster-witnesses.json", witnesses?.resource);
    const settings = { ports: { rest: 8080, grpc: 9000 } };
    const endpoints = [...pods("gpu", "ranker-1", 4), ...pods("cpu", "ranker-1", 6)];
    const file = probes && JSON.parse(endpointFile(probes, endpoints, settings).content);
    expectGolden("endpoints-drilled.json", file?.resources[0]);
    // Who takes part belongs to no arm: it is no load, no impression and no first try of one.
    const arms = JSON.stringify(routesOf(drilled)).matchAll(/"x-petrel-arm","value":"(\w+)"/g);
    expect([...arms].map(([, arm]) => arm)).toEqual([...Array(4).fill("Drill"), "Stable", "Stable"]);
    // Beginning and end of the fault are changes of the routes alone.
    const { fault: _fault, ...routes } = drill;
    const before = rendered([stable], { drill: routes });
    expect(before.listenerHash).toBe(drilled.listenerHash);
    expect(before.clusters).toEqual(drilled.clusters);
    // So are replicas that come or go changes of the endpoints alone.
    const scaled = {
      ...stable,
      pools: stable.pools.map((pool) => ({ ...pool, replicas: pool.replicas + 5 })),
    };
    expect(rendered([scaled], { drill }).listenerHash).toBe(drilled.listenerHash);
    // What others use is the same as without a drill.
    const without = rendered([stable]);
    expect(drilled.listener).toEqual(without.listener);
    expect(drilled.clusters.slice(0, 2)).toEqual(without.clusters);
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
      renderEndpoints("ranker_stable_hash_rest", chain, [...others, ...listed], () => 8080),
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
