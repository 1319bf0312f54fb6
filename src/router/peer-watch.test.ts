import { describe, expect, jest, test } from "@jest/globals";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { brokenConnection, FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { asList, valueAt } from "../api/json.ts";
import { ANNOTATION } from "../api/names.ts";
import { createLogger } from "../core/log.ts";
import { renderSlice, sliceName } from "./endpoint-slices.ts";
import { renderMarking } from "./peer-slices.ts";
import { MARK_MANAGER, MARKING_MANAGER, PeerWatch } from "./peer-watch.ts";
import type { RouterIdentity } from "./router-identity.ts";
import { SliceWriter } from "./slice-writer.ts";

// All time in here is virtual: how long it takes says nothing.
jest.setTimeout(300_000);

const NAMESPACE = "shop";
const READY = { ready: true, serving: true, terminating: false };
const MARKED = { ready: false, serving: true, terminating: false };

/** One router, with its EndpointSlices and without Envoy. */
class TestRouter {
  reachesApi = true;
  watchesBreak = false;
  /** Each way, to the API server and back. */
  apiLatencyMilliseconds = 0;
  /** How much later than asked for this process notices that time is up. */
  latenessMilliseconds = 0;
  readonly identity: RouterIdentity;
  readonly writer: SliceWriter;
  readonly #world: World;

  constructor(world: World, name: string, uid: string, podIp: string) {
    this.#world = world;
    this.identity = { namespace: NAMESPACE, podName: name, podUid: uid, podIp, nodeName: name };
    const { clock } = world;
    const port = new FaultyPort(world.api, clock, {
      call: ({ verb, object }) => {
        if (!this.reachesApi) return { refusal: brokenConnection() };
        if (verb === "apply") world.allWrites.push(name);
        if (verb === "apply" && object?.["endpoints"] !== undefined) world.writes.push(name);
        const milliseconds = this.apiLatencyMilliseconds;
        // Even a delay of nothing would wait for the clock.
        if (milliseconds === 0) return undefined;
        return { delayMilliseconds: milliseconds, answerDelayMilliseconds: milliseconds };
      },
      event: () => {
        if (!this.reachesApi || this.watchesBreak) return { breaks: brokenConnection() };
        return this.apiLatencyMilliseconds === 0
          ? undefined
          : { delayMilliseconds: this.apiLatencyMilliseconds };
      },
    });
    const log = createLogger({ write: () => {}, now: () => clock.now() });
    const access = { identity: this.identity, port, clock, random: () => 0.5, log };
    this.writer = new SliceWriter(access);
    const peers = new PeerWatch({
      ...access,
      slices: this.writer.slices,
      probe: (address, timeoutMilliseconds) => this.#probe(address, timeoutMilliseconds),
    });
    void this.writer.run(new AbortController().signal);
    const start = () => void peers.run(new AbortController().signal);
    void this.writer.synced.then(() => clock.schedule(world.offsetMilliseconds(name), start));
  }

  /** Has plans of these ModelDeployments in effect. */
  serve(...names: readonly string[]): void {
    const serving = { epoch: 1, port: 10_000 };
    this.writer.want(names.map((name) => renderSlice(name, { serving }, "Serving", this.identity)));
  }

  #probe(address: string, timeoutMilliseconds: number): Promise<boolean> {
    const answers = !this.#world.unreachable.has(`${this.identity.podIp} ${address}`);
    return new Promise((resolve) => {
      const delay = answers ? 1 : timeoutMilliseconds + this.latenessMilliseconds;
      this.#world.clock.schedule(delay, () => resolve(answers));
    });
  }
}

/** Routers of one namespace, the API server and the network, in memory and on one virtual clock. */
class World {
  readonly clock = new VirtualClock();
  readonly api = new MemoryApiServer(this.clock);
  /** Names of the routers that wrote endpoints, in the order of their writes. */
  readonly writes: string[] = [];
  /** Those that wrote anything. */
  readonly allWrites: string[] = [];
  /** `FROM TO` addresses between which nothing passes. */
  readonly unreachable = new Set<string>();
  readonly routers: TestRouter[] = [];

  async start(count: number, serves: (index: number) => readonly string[] = () => ["ranker"]): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const metadata = { name: `router-${index}`, namespace: NAMESPACE };
      const pod = await this.api.create(
        { apiVersion: "v1", kind: "Pod", metadata },
        { fieldManager: "test" },
      );
      const router = new TestRouter(this, metadata.name, pod.metadata.uid ?? "", `10.0.0.${index + 1}`);
      this.routers.push(router);
      await router.writer.synced;
      router.serve(...serves(index));
    }
    await this.clock.advance(5_000);
    this.writes.length = 0;
    this.allWrites.length = 0;
  }

  /** How much later than it could a router begins to watch the others. */
  offsetMilliseconds: (name: string) => number = () => 0;

  /**
   * Moves time forward and says when no router took connections for the ModelDeployment, each time in milliseconds
   * from now. Nothing changes but when a timer runs.
   */
  async timesWithoutRouter(milliseconds: number): Promise<readonly number[]> {
    const start = this.clock.monotonic();
    const times: number[] = [];
    for (;;) {
      const next = this.clock.nextTimerAt();
      if (next === undefined || next > start + milliseconds) return times;
      await this.clock.advance(Math.max(0, next - this.clock.monotonic()));
      const isTaken = [...this.routers.keys()].some(
        (index) => valueAt(this.conditions(index), "ready") === true,
      );
      if (!isTaken) times.push(this.clock.monotonic() - start);
    }
  }

  router(index: number): TestRouter {
    const router = this.routers[index];
    if (router === undefined) throw new Error(`no router ${index}`);
    return router;
  }

  /** Nothing passes between two routers, in either direction. */
  part(left: number, right: number): void {
    const [one, other] = [this.router(left).identity.podIp, this.router(right).identity.podIp];
    this.unreachable.add(`${one} ${other}`).add(`${other} ${one}`);
  }

  /** The node of a router is cut off. */
  cutOff(index: number): void {
    this.router(index).reachesApi = false;
    for (const other of this.routers.keys()) if (other !== index) this.part(index, other);
  }

  reconnect(index: number): void {
    this.router(index).reachesApi = true;
    this.unreachable.clear();
  }

  slice(index: number, modelDeployment = "ranker") {
    const name = sliceName(modelDeployment, this.router(index).identity);
    return this.api
      .objects()
      .find(({ kind, metadata }) => kind === "EndpointSlice" && metadata.name === name);
  }

  conditions(index: number, modelDeployment = "ranker"): unknown {
    return valueAt(asList(this.slice(index, modelDeployment)?.["endpoints"])[0], "conditions");
  }
}

async function worldOf(count: number, serves?: (index: number) => readonly string[]): Promise<World> {
  const world = new World();
  await world.start(count, serves);
  return world;
}

describe("a router on a lost node", () => {
  test("is marked not ready within 1.7 s, for every ModelDeployment, by one of the others", async () => {
    const world = await worldOf(3, () => ["ranker", "search"]);
    world.cutOff(0);
    await world.clock.advance(1_700);
    for (const name of ["ranker", "search"]) {
      expect(world.conditions(0, name)).toEqual(MARKED);
      expect(world.conditions(1, name)).toEqual(READY);
      expect(world.conditions(2, name)).toEqual(READY);
    }
    expect(world.writes).toHaveLength(2);
    expect(new Set(world.writes).size).toBe(1);
    await world.clock.advance(60_000);
    expect(world.writes).toHaveLength(2);
  });

  test("takes its EndpointSlice back when it lives again, and nothing of the mark is left", async () => {
    const world = await worldOf(2);
    world.cutOff(0);
    await world.clock.advance(20_000);
    expect(world.conditions(0)).toEqual(MARKED);
    world.reconnect(0);
    await world.clock.advance(60_000);
    expect(world.conditions(0)).toEqual(READY);
    expect(world.slice(0)?.metadata.managedFields?.map(({ manager }) => manager)).toEqual(["petrel-router"]);
    expect(world.writes).toEqual(["router-1", "router-0"]);
  });

  test("is marked again when it is lost again", async () => {
    const world = await worldOf(2);
    for (let round = 0; round < 3; round += 1) {
      world.cutOff(0);
      await world.clock.advance(1_700);
      expect({ round, conditions: world.conditions(0) }).toEqual({ round, conditions: MARKED });
      world.reconnect(0);
      await world.clock.advance(60_000);
      expect({ round, conditions: world.conditions(0) }).toEqual({ round, conditions: READY });
    }
  });

  test("marks nobody, nor when it comes back", async () => {
    const world = await worldOf(2);
    world.cutOff(0);
    await world.clock.advance(20_000);
    world.router(0).reachesApi = true;
    await world.clock.advance(60_000);
    expect(world.conditions(1)).toEqual(READY);
  });

  test("is marked by the one that is left when two are lost at once", async () => {
    const world = await worldOf(3);
    world.cutOff(0);
    world.cutOff(1);
    await world.clock.advance(3_000);
    expect([0, 1, 2].map((index) => world.conditions(index))).toEqual([MARKED, MARKED, READY]);
  });
});

describe("nobody is marked", () => {
  test("who is the last one of a ModelDeployment", async () => {
    const world = await worldOf(2, (index) => (index === 0 ? ["ranker", "search"] : ["search"]));
    world.cutOff(0);
    await world.clock.advance(60_000);
    expect(world.conditions(0, "search")).toEqual(MARKED);
    expect(world.conditions(0, "ranker")).toEqual(READY);
  });

  test("who has never answered", async () => {
    const world = new World();
    for (const [one, other] of [
      ["10.0.0.1", "10.0.0.2"],
      ["10.0.0.2", "10.0.0.1"],
    ])
      world.unreachable.add(`${one} ${other}`);
    await world.start(2);
    await world.clock.advance(60_000);
    expect([world.conditions(0), world.conditions(1)]).toEqual([READY, READY]);
    expect(world.writes).toEqual([]);
  });

  test("by a router that hears nothing from the API server", async () => {
    const world = await worldOf(2);
    world.router(1).watchesBreak = true;
    // Broken at the next event; then every watch anew.
    world.router(0).serve("ranker", "search");
    await world.clock.advance(1_000);
    world.cutOff(0);
    await world.clock.advance(60_000);
    expect(world.conditions(0)).toEqual(READY);
  });

  test("by a router that stood still itself", async () => {
    const world = await worldOf(2);
    world.router(1).latenessMilliseconds = 500;
    world.cutOff(0);
    await world.clock.advance(60_000);
    expect(world.conditions(0)).toEqual(READY);
  });
});

test("two routers that reach the API server and not each other hardly write, and both go on", async () => {
  const world = await worldOf(2);
  world.part(0, 1);
  await world.clock.advance(600_000);
  expect([world.conditions(0), world.conditions(1)]).toEqual([READY, READY]);
  // Each mark is taken back; the times between them double from 30 s on.
  expect(world.writes.length).toBeGreaterThanOrEqual(4);
  expect(world.writes.length).toBeLessThanOrEqual(2 * 2 * 5);
  // Before and after a mark its router says that it makes one.
  expect(world.allWrites.length).toBeLessThanOrEqual(2 * 4 * 5);
});

describe("some router takes connections at every moment, though none sees another", () => {
  const offsets = Array.from({ length: 10 }, (_, index) => index * 40);

  // Where it takes long to say that one is about to mark, each hears it of the other, and nobody marks anybody.
  test.each([
    { latencyMilliseconds: 1, leastMarks: 5 },
    { latencyMilliseconds: 10, leastMarks: 5 },
    { latencyMilliseconds: 50, leastMarks: 1 },
    { latencyMilliseconds: 150, leastMarks: 0 },
  ])("with $latencyMilliseconds ms to the API server", async ({ latencyMilliseconds, leastMarks }) => {
    let marks = 0;
    for (const [count, offset] of offsets.flatMap((each) => [[2, each] as const, [3, each] as const])) {
      const world = new World();
      world.offsetMilliseconds = (name) => Number(name.slice("router-".length)) * offset;
      await world.start(count);
      for (const index of world.routers.keys()) {
        world.router(index).apiLatencyMilliseconds = latencyMilliseconds;
        for (let other = 0; other < index; other += 1) world.part(index, other);
      }
      const times = await world.timesWithoutRouter(3_000);
      expect({ count, offset, times }).toEqual({ count, offset, times: [] });
      expect(world.allWrites.length).toBeGreaterThan(0);
      marks += world.writes.length;
    }
    expect(marks).toBeGreaterThanOrEqual(leastMarks);
  });
});

test("a router that died while it was about to mark another one says so no more when it is back", async () => {
  const world = await worldOf(2);
  const live = world.slice(0);
  if (live === undefined) throw new Error("no EndpointSlice");
  await world.api.apply(renderMarking(live, true), { fieldManager: MARKING_MANAGER, force: true });
  await world.clock.advance(2_000);
  expect(world.slice(0)?.metadata.annotations).not.toHaveProperty([ANNOTATION.marking]);
});

test("a mark is the whole of what its field manager owns", async () => {
  const world = await worldOf(2);
  world.cutOff(0);
  await world.clock.advance(2_000);
  const mark = world.slice(0)?.metadata.managedFields?.find(({ manager }) => manager === MARK_MANAGER);
  expect(mark?.fieldsV1).toEqual({ "f:endpoints": {} });
});
