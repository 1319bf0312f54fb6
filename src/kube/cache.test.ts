/**
 * The cache over an API server in memory: projection, indexes, changes, and the truth in the end whatever
 * fails.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { type FaultScript, FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { createLogger } from "../core/log.ts";
import { Cache, type CacheChange } from "./cache.ts";
import { KubeError, type KubePort } from "./port.ts";

interface Summary {
  readonly name: string;
  readonly tier: string;
}

const log = createLogger({ write: () => {}, now: () => 0 });
const WRITER = { fieldManager: "test", force: true };

function lease(name: string, tier: string): KubeObject {
  const metadata = { name, namespace: "ns", labels: { tier } };
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec: { holderIdentity: "big" } };
}

function makeCache(port: KubePort, clock: VirtualClock, project = summarize) {
  const cache = new Cache({
    port,
    resource: RESOURCE.lease,
    project,
    indexes: { tier: ({ tier }: Summary) => [tier] },
    clock,
    random: () => 0.5,
    log,
  });
  const changes: CacheChange<Summary>[] = [];
  cache.subscribe((change) => changes.push(change));
  return { cache, changes };
}

function summarize({ metadata }: KubeObject): Summary {
  return { name: metadata.name, tier: metadata.labels?.["tier"] ?? "" };
}

function setUp(script: FaultScript = {}) {
  const clock = new VirtualClock();
  const server = new MemoryApiServer(clock);
  const port = new FaultyPort(server, clock, script);
  const write = (name: string, tier: string) => server.apply(lease(name, tier), WRITER);
  const remove = (name: string) => server.delete({ resource: RESOURCE.lease, namespace: "ns", name }, {});
  return { clock, server, port, write, remove };
}

const running = () => new AbortController().signal;

describe("a cache", () => {
  test("holds what is kept of each object, and finds it by key and by index", async () => {
    const { clock, port, write } = setUp();
    await write("a", "gold");
    await write("b", "gold");
    await write("c", "iron");
    const { cache } = makeCache(port, clock);
    void cache.run(running());
    await clock.runUntilIdle();
    await cache.synced;
    expect(cache.get("ns/a")).toEqual({ name: "a", tier: "gold" });
    expect(cache.get("a")).toBeUndefined();
    expect(cache.list().map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(cache.byIndex("tier", "gold").map(({ name }) => name)).toEqual(["a", "b"]);
    expect(cache.byIndex("tier", "tin")).toEqual([]);
  });

  test("tells each change with what was before", async () => {
    const { clock, port, write, remove } = setUp();
    const { cache, changes } = makeCache(port, clock);
    void cache.run(running());
    await write("a", "gold");
    await clock.runUntilIdle();
    await write("a", "iron");
    await remove("a");
    await clock.runUntilIdle();
    const gold = { name: "a", tier: "gold" };
    const iron = { name: "a", tier: "iron" };
    expect(changes).toEqual([
      { key: "ns/a", before: undefined, after: gold },
      { key: "ns/a", before: gold, after: iron },
      { key: "ns/a", before: iron, after: undefined },
    ]);
    expect(cache.byIndex("tier", "gold")).toEqual([]);
    expect(cache.byIndex("tier", "iron")).toEqual([]);
  });

  test("tells nothing when a new list repeats what is known", async () => {
    const { clock, server, port, write } = setUp();
    await write("a", "gold");
    const { cache, changes } = makeCache(port, clock);
    void cache.run(running());
    await clock.runUntilIdle();
    port.breakWatches();
    await clock.runUntilIdle();
    await write("b", "gold");
    server.compact();
    await clock.advance(10_000);
    expect(changes.map(({ key }) => key)).toEqual(["ns/a", "ns/b"]);
  });

  test("tells the other listeners, too, when one throws", async () => {
    const { clock, port, write } = setUp();
    const { cache } = makeCache(port, clock);
    const heard: string[] = [];
    cache.subscribe(() => {
      throw new Error("a defect");
    });
    const end = cache.subscribe(({ key }) => heard.push(key));
    void cache.run(running());
    await write("a", "gold");
    await clock.runUntilIdle();
    end();
    await write("b", "gold");
    await clock.runUntilIdle();
    expect(heard).toEqual(["ns/a"]);
    expect(cache.get("ns/b")).toBeDefined();
  });

  test("keeps the former value of an object that cannot be projected", async () => {
    const { clock, port, write } = setUp();
    const { cache } = makeCache(port, clock, (object) => {
      if (object.metadata.labels?.["tier"] === "bad") throw new Error("a defect");
      return summarize(object);
    });
    void cache.run(running());
    await write("a", "gold");
    await clock.runUntilIdle();
    await write("a", "bad");
    await write("b", "iron");
    await clock.runUntilIdle();
    expect(cache.get("ns/a")).toEqual({ name: "a", tier: "gold" });
    expect(cache.get("ns/b")).toBeDefined();
  });

  test("is not synced before it has seen everything", async () => {
    const { clock, port } = setUp({ call: () => ({ refusal: new KubeError(503, "Unavailable", "") }) });
    const { cache } = makeCache(port, clock);
    let isSynced = false;
    void cache.synced.then(() => {
      isSynced = true;
    });
    void cache.run(running());
    await clock.advance(600_000);
    expect(isSynced).toBe(false);
    expect(cache.stalenessMilliseconds()).toBe(Number.POSITIVE_INFINITY);
  });

  test("looks at the namespaces that it is told and at no other, and is synced once it has seen them all", async () => {
    const { clock, server, port } = setUp();
    const put = (namespace: string, name: string) =>
      server.apply(
        { ...lease(name, "gold"), metadata: { name, namespace, labels: { tier: "gold" } } },
        WRITER,
      );
    for (const namespace of ["one", "two", "other"]) await put(namespace, "a");
    const cache = new Cache({
      port,
      resource: RESOURCE.lease,
      namespaces: ["one", "two"],
      project: summarize,
      clock,
      random: () => 0.5,
      log,
    });
    const keys: string[] = [];
    cache.subscribe(({ key }) => keys.push(key));
    void cache.run(running());
    await clock.runUntilIdle();
    await cache.synced;
    for (const namespace of ["one", "two", "other"]) await put(namespace, "b");
    await server.delete({ resource: RESOURCE.lease, namespace: "two", name: "a" }, {});
    await clock.runUntilIdle();
    expect(keys.toSorted()).toEqual(["one/a", "one/b", "two/a", "two/a", "two/b"]);
    expect(cache.get("two/a")).toBeUndefined();
    expect(cache.stalenessMilliseconds()).toBeLessThan(1_000);
  });

  test("knows how old its knowledge may be", async () => {
    const { clock, port } = setUp();
    const { cache } = makeCache(port, clock);
    void cache.run(running());
    await clock.advance(59_000);
    expect(cache.stalenessMilliseconds()).toBe(59_000);
    await clock.advance(2_000);
    expect(cache.stalenessMilliseconds()).toBe(1_000);
  });
});

test("whatever goes wrong, a cache is right in the end, and so are its indexes and its changes", async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("Write"), name: fc.nat(5), tier: fc.nat(2) }),
    fc.record({ type: fc.constant("Remove"), name: fc.nat(5) }),
    fc.record({ type: fc.constant("Compact") }),
    fc.record({ type: fc.constant("Break") }),
    fc.record({ type: fc.constant("Wait"), milliseconds: fc.nat(20_000) }),
  );
  const faults = fc.infiniteStream(fc.nat(9));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), faults, async (steps, chances) => {
      let isHealthy = false;
      const chance = () => (isHealthy ? 9 : (chances.next().value ?? 9));
      const { clock, server, port, write, remove } = setUp({
        call: () => {
          const drawn = chance();
          if (drawn === 0) return { refusal: new KubeError(500, "InternalError", "") };
          if (drawn === 1) return { refusal: new KubeError(410, "Expired", "") };
          return drawn === 2 ? { losesAnswer: true } : { delayMilliseconds: drawn * 10 };
        },
        event: () => {
          const drawn = chance();
          if (drawn === 0) return { breaks: "Cleanly" };
          if (drawn === 1) return { breaks: new KubeError(0, "NoAnswer", "") };
          return drawn === 2 ? { delayMilliseconds: 1_000 } : undefined;
        },
      });
      const { cache, changes } = makeCache(port, clock);
      void cache.run(running());
      for (const { type, ...rest } of steps) {
        const { name = 0, tier = 0, milliseconds = 0 } = rest as Record<string, number>;
        if (type === "Write") await write(`l-${name}`, `t-${tier}`);
        if (type === "Remove") await remove(`l-${name}`).catch(() => {});
        if (type === "Compact") server.compact();
        if (type === "Break") port.breakWatches();
        await clock.advance(milliseconds);
      }
      isHealthy = true;
      await clock.advance(600_000);

      const expected = server.objects().map(summarize);
      const byName = (left: Summary, right: Summary) => (left.name < right.name ? -1 : 1);
      expect([...cache.list()].sort(byName)).toEqual(expected);
      for (const tier of ["t-0", "t-1", "t-2"]) {
        const indexed = [...cache.byIndex("tier", tier)].sort(byName);
        expect(indexed).toEqual(expected.filter((summary) => summary.tier === tier));
      }
      const followed = new Map<string, Summary>();
      for (const { key, before, after } of changes) {
        expect(followed.get(key)).toEqual(before);
        if (after === undefined) followed.delete(key);
        else followed.set(key, after);
      }
      expect([...followed.values()].sort(byName)).toEqual(expected);
    }),
    { numRuns: 150 },
  );
}, 60_000);
