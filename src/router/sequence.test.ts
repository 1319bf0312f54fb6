import { describe, expect, test } from "@jest/globals";
import type { Fault } from "../../test/memory-envoy/memory-envoy.ts";
import { Bench, plan } from "../../test/memory-envoy/sequence-bench.ts";
import type { SequenceStep } from "./sequence.ts";

/** Refuses the new resources of a type whose JSON holds a text. */
function refusing(text: string, type: string, fault: Fault, known: ReadonlySet<string> = new Set()) {
  return (resource: unknown): Fault => {
    const json = JSON.stringify(resource);
    return json.includes(text) && json.includes(`v3.${type}"`) && !known.has(json) ? fault : undefined;
  };
}

const epochs = (step: SequenceStep) =>
  Object.fromEntries([...step.acknowledgements].map(([name, { serving }]) => [name, serving?.epoch]));

describe("the order", () => {
  test("clusters and endpoints, then the listener and its routes, then the acknowledgement", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, ["r1"]));
    await bench.settle();
    const kinds = bench.envoy.written.map((entry) => entry.split(" ")[0]);
    // The first file of listeners is the empty one of a new router.
    expect(kinds).toEqual(["clusters", "endpoints", "endpoints", "listeners", "listeners", "routes"]);
  });

  test("no route leads to a cluster that is not warm", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, ["r1"]));
    await bench.settle();
    bench.envoy.warmsAtOnce = false;
    bench.want("ranker", plan(2, ["r2"]));
    for (let count = 0; count < 20; count += 1) await bench.step();
    expect(bench.last?.acknowledgements.get("ranker")).toMatchObject({ serving: { epoch: 1 } });
    expect(bench.last?.isSettled).toBe(false);
    bench.envoy.warmsAtOnce = true;
    expect(epochs(await bench.settle())).toEqual({ ranker: 2 });
  });

  test("no route leads to a revision without pods while the one in effect has some", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, ["r1"]));
    bench.run("ranker", "r1", 2);
    await bench.settle();
    const { endpoints } = bench.desired.get("ranker") ?? { endpoints: [] };
    bench.want("ranker", plan(2, ["r2"]), endpoints);
    for (let count = 0; count < 20; count += 1) await bench.step();
    expect(epochs(await bench.step())).toEqual({ ranker: 1 });
    bench.run("ranker", "r2", 1);
    expect(epochs(await bench.settle())).toEqual({ ranker: 2 });
  });

  test("without a pod of either revision the newest plan is in effect, and so is one without arms", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, ["r1"]));
    await bench.settle();
    bench.want("ranker", plan(2, ["r2"]));
    expect(epochs(await bench.settle())).toEqual({ ranker: 2 });
    bench.run("ranker", "r2", 1);
    const { endpoints } = bench.desired.get("ranker") ?? { endpoints: [] };
    bench.want("ranker", plan(3, []), endpoints);
    expect(epochs(await bench.settle())).toEqual({ ranker: 3 });
  });

  test("the clusters of the former plan stay as long as its requests may be retried, and go then", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, ["r1"]));
    await bench.settle();
    const before = bench.envoy.routedClusters("ranker");
    bench.want("ranker", plan(2, ["r2"]));
    await bench.settle();
    const switchedAt = bench.now;
    const { wakeAt } = await bench.settle();
    expect(wakeAt).toBeGreaterThan(switchedAt + 5_000);
    expect(wakeAt).toBeLessThan(switchedAt + 6_000);
    bench.now = wakeAt - 200;
    await bench.settle();
    expect([...bench.envoy.activeClusters]).toEqual(expect.arrayContaining([...before]));
    bench.now = wakeAt;
    await bench.settle();
    expect([...bench.envoy.activeClusters].sort()).toEqual([...bench.envoy.routedClusters("ranker")].sort());
  });

  test("a plan that only asks for more replicas changes endpoints, and no cluster", async () => {
    const bench = new Bench();
    const pods = [{ pod: "a", ip: "10.0.0.1", pool: "gpu", revision: "r1" }];
    bench.want("ranker", plan(1, ["r1", "r0"]), pods);
    await bench.settle();
    const clusters = [...bench.envoy.activeClusters];
    const next = plan(2, ["r1", "r0"]);
    for (const pool of next.arms[0]?.pools ?? []) pool.replicas = 7;
    bench.want("ranker", next, pods);
    expect(epochs(await bench.settle())).toEqual({ ranker: 2 });
    expect([...bench.envoy.activeClusters]).toEqual(clusters);
  });

  test("pods that come and go change the endpoints of the plan in effect at once", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, ["r1"]));
    await bench.settle();
    bench.want("ranker", plan(1, ["r1"]), [{ pod: "a", ip: "10.0.0.1", pool: "gpu", revision: "r1" }]);
    await bench.step();
    for (const cluster of bench.envoy.routedClusters("ranker")) {
      expect(bench.envoy.endpointsOf(cluster)).toContain("10.0.0.1");
    }
  });

  test("a plan without arms is served, too", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, []));
    expect(epochs(await bench.settle())).toEqual({ ranker: 1 });
  });

  test("without an Envoy its files are prepared, and nothing counts as acknowledged", async () => {
    const bench = new Bench();
    bench.envoy.isRunning = false;
    bench.want("ranker", plan(1, ["r1"]));
    const step = await bench.step();
    expect(step.files.clusters.content).toContain("ranker_stable_");
    expect(epochs(step)).toEqual({ ranker: undefined });
    bench.envoy.restart();
    expect(epochs(await bench.settle())).toEqual({ ranker: 1 });
  });
});

describe("what Envoy refuses", () => {
  const types = ["Cluster", "Listener", "RouteConfiguration"];
  const faults: readonly Fault[] = ["Unreadable", "Unusable"];
  const cells = types.flatMap((type) => faults.map((fault) => [type, fault] as const));

  test.each(cells)(
    "%s, %s: its ModelDeployment keeps the last good plan, the others go on",
    async (type, fault) => {
      const bench = new Bench();
      const known = new Set<string>();
      bench.envoy.faultOf = (resource) => void known.add(JSON.stringify(resource));
      const names = ["a", "b", "c", "culprit", "d", "e", "f"];
      for (const [index, name] of names.entries())
        bench.want(name, plan(1, ["r1"], { port: 10_000 + index }));
      await bench.settle();
      const routed = bench.envoy.routedClusters("culprit");
      bench.envoy.faultOf = refusing("culprit", type, fault, known);
      // Another port, so that the listener is a new one as well.
      for (const [index, name] of names.entries())
        bench.want(name, plan(2, ["r2"], { port: 11_000 + index }));
      const step = await bench.settle();
      expect(epochs(step)).toEqual({ a: 2, b: 2, c: 2, culprit: 1, d: 2, e: 2, f: 2 });
      const rejected = [...step.acknowledgements].filter(([, { rejection }]) => rejection !== undefined);
      expect(rejected.map(([name]) => name)).toEqual(["culprit"]);
      expect(bench.envoy.routedClusters("culprit")).toEqual(routed);
      expect(bench.envoy.activeListeners.has("culprit")).toBe(true);

      bench.envoy.faultOf = () => undefined;
      bench.want("culprit", plan(3, ["r3"], { port: 11_003 }));
      const mended = await bench.settle();
      expect(mended.acknowledgements.get("culprit")).toEqual({
        serving: { epoch: 3, port: 11_003 },
        arms: [{ name: "Stable", weight: 10_000, revision: "r3" }],
        isListening: true,
      });
    },
  );

  test("is tried again after a while, for the reason may have passed", async () => {
    const bench = new Bench();
    bench.envoy.faultOf = refusing("ranker", "Listener", "Unusable");
    bench.want("ranker", plan(1, ["r1"]));
    const refused = await bench.settle();
    expect(refused.acknowledgements.get("ranker")).toEqual({
      rejection: "Envoy refused the listener: cannot be used",
      isListening: false,
    });
    bench.envoy.faultOf = () => undefined;
    bench.now += 30_000;
    expect(epochs(await bench.settle())).toEqual({ ranker: 1 });
  });

  test("a plan that cannot be read is reported and takes nothing away", async () => {
    const bench = new Bench();
    bench.want("ranker", plan(1, ["r1"]));
    await bench.settle();
    bench.desired.set("ranker", { invalid: "nonsense", endpoints: [] });
    const { acknowledgements } = await bench.settle();
    expect(acknowledgements.get("ranker")).toMatchObject({ serving: { epoch: 1 }, rejection: "nonsense" });
  });
});

test("a ModelDeployment that is made anew is served on its new port, though its epoch is an old one", async () => {
  const bench = new Bench();
  bench.want("ranker", plan(1, ["r1"]));
  await bench.settle();
  bench.desired.clear();
  await bench.step();
  bench.want("ranker", plan(1, ["r1"], { port: 10_777 }));
  const { acknowledgements, files } = await bench.settle();
  expect(acknowledgements.get("ranker")).toMatchObject({ serving: { epoch: 1, port: 10_777 } });
  expect(files.listeners.content).toContain('"port_value":10777');
});

test("a plan that vanishes while its ModelDeployment stays is carried out all the same", async () => {
  const bench = new Bench();
  bench.want("ranker", plan(1, ["r1"]));
  await bench.settle();
  bench.desired.set("ranker", { endpoints: [] });
  bench.desired.set("new", { endpoints: [] });
  bench.now += 100_000;
  expect(epochs(await bench.settle())).toEqual({ ranker: 1 });
});

test("a ModelDeployment that is gone is served a little longer, and then leaves nothing", async () => {
  const bench = new Bench();
  bench.want("ranker", plan(1, ["r1"]));
  await bench.settle();
  bench.desired.clear();
  await bench.settle();
  expect(bench.envoy.activeListeners.has("ranker")).toBe(true);
  for (let count = 0; count < 10; count += 1) {
    const { wakeAt } = await bench.settle();
    if (wakeAt === Number.POSITIVE_INFINITY) break;
    bench.now = Math.max(bench.now, wakeAt);
  }
  expect(bench.envoy.activeListeners.size + bench.envoy.activeClusters.size).toBe(0);
  expect(bench.state.progress.size).toBe(0);
  expect(bench.last?.files.endpoints.size).toBe(0);
});

test("one that comes back while its clusters leave begins anew, and never leads to what is gone", async () => {
  const bench = new Bench();
  bench.want("ranker", plan(1, ["r1"]));
  await bench.settle();
  bench.desired.clear();
  await bench.step();
  bench.now += 10_000;
  await bench.settle();
  expect(bench.envoy.activeListeners.has("ranker")).toBe(false);
  bench.now += 40_000;
  await bench.step();
  expect(bench.envoy.activeClusters.size).toBe(0);

  bench.envoy.warmsAtOnce = false;
  bench.want("ranker", plan(1, ["r1"]));
  for (let count = 0; count < 5; count += 1) {
    const { acknowledgements } = await bench.step();
    expect(acknowledgements.get("ranker")?.serving).toBeUndefined();
    expect(bench.envoy.activeListeners.has("ranker")).toBe(false);
  }
  bench.envoy.warmsAtOnce = true;
  expect(epochs(await bench.settle())).toEqual({ ranker: 1 });
  expect(bench.envoy.activeListeners.has("ranker")).toBe(true);
});

test("a listener whose plan was given up while it was published keeps its clusters until Envoy lets go of it", async () => {
  const bench = new Bench();
  bench.envoy.faultOf = refusing("other", "Listener", "Unreadable");
  bench.want("ranker", plan(1, ["r1"]));
  await bench.step();
  bench.want("other", plan(1, ["r1"], { port: 10_001 }));
  await bench.step();
  // Its listener is in Envoy; its removal is tried together with what is refused, and has to wait.
  bench.desired.delete("ranker");
  await bench.step();
  bench.now += 5_500;
  for (let count = 0; count < 10; count += 1) {
    await bench.step();
    for (const listener of bench.envoy.activeListeners) {
      for (const cluster of bench.envoy.routedClusters(listener)) {
        expect(bench.envoy.activeClusters).toContain(cluster);
      }
    }
  }
  expect(bench.envoy.activeListeners.has("ranker")).toBe(false);
});

test("while Envoy has not let go of a listener its clusters stay, however long that takes", async () => {
  const bench = new Bench();
  bench.want("ranker", plan(1, ["r1"]));
  await bench.settle();
  // A listeners file is on its way and answered late, so that the next one has to wait.
  bench.want("other", plan(1, ["r1"], { port: 10_001 }));
  bench.envoy.faultOf = refusing("other", "Listener", "Unreadable");
  await bench.step();
  await bench.step();
  bench.desired.delete("ranker");
  await bench.step();
  bench.now += 40_000;
  await bench.step();
  for (const cluster of bench.envoy.routedClusters("ranker")) {
    expect(bench.envoy.activeClusters.has(cluster)).toBe(true);
  }
  await bench.settle();
  expect(bench.envoy.routedClusters("ranker")).toEqual([]);
});

test("clusters that an earlier run of the router published stay until Envoy has let go of the listener", async () => {
  const bench = new Bench();
  bench.envoy.faultOf = refusing(":12001", "Listener", "Unreadable");
  bench.want("other", plan(1, ["r1"], { port: 10_001 }));
  await bench.step();
  bench.want("ranker", plan(1, ["r1"]));
  await bench.step();
  await bench.step();
  bench.want("other", plan(2, ["r1"], { port: 12_001 }));
  await bench.step();
  expect(bench.envoy.activeListeners.has("ranker")).toBe(true);
  expect(bench.last?.acknowledgements.get("ranker")?.serving).toBeUndefined();
  bench.desired.delete("ranker");
  await bench.step();
  // The removal of the listener waits, for it is tried with what is refused.
  await bench.restartRouter();
  bench.now += 10_000;
  for (let count = 0; count < 60; count += 1) {
    await bench.step();
    for (const cluster of bench.envoy.routedClusters("ranker")) {
      expect(bench.envoy.activeClusters).toContain(cluster);
    }
  }
  expect(bench.envoy.activeListeners.has("ranker")).toBe(false);
});
