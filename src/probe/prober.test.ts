/** The open loop, on a virtual clock: what becomes of answers changes nothing of what is sent. */
import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { readProbeRecord } from "../core/drill/read-probe-record.ts";
import type { Connections, ProbeAnswer } from "./probe-client.ts";
import { Prober, type ProberOptions } from "./prober.ts";

const KEY = "k".repeat(32);
const WITNESS = `${KEY}-witness`;
const TIMEOUT_MILLISECONDS = 500;

/** What a request gets, and after how many milliseconds; nothing at all: it times out. */
type Server = (
  drill: string,
  atMilliseconds: number,
) => (Omit<ProbeAnswer, "milliseconds"> & { readonly after: number }) | undefined;

const good = (pool = "gpu", after = 5) => ({ status: 200, pool, revision: "r1", after });
/** A server answers on a route of everybody's. */
const unrouted = (status = 200) => ({ status, revision: "r1", after: 5 });

function probing(server: Server, more: Partial<ProberOptions> = {}) {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const sent: { readonly drill: string; readonly at: number; readonly connections: Connections }[] = [];
  const client = {
    send(drill: string, timeoutMilliseconds: number, connections: Connections): Promise<ProbeAnswer> {
      const at = clock.monotonic();
      sent.push({ drill, at, connections });
      const { after, ...answer } = server(drill, at) ?? { after: timeoutMilliseconds };
      return new Promise((resolve) =>
        clock.schedule(after, () => resolve({ ...answer, milliseconds: clock.monotonic() - at })),
      );
    },
  };
  const prober = new Prober({
    client,
    clock,
    key: KEY,
    pool: "gpu",
    fault: "PoolLoss",
    perSecond: 100,
    witnessesPerSecond: 10,
    timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    slowMilliseconds: 50,
    slotMilliseconds: 100,
    longestMilliseconds: 60_000,
    ...more,
  });
  const ended = prober.run(stop.signal);
  return { clock, stop, sent, prober, ended };
}

/** The routes are seen after 10 looks, 210 ms each. */
const START = 2_100;
const sum = (counts: readonly number[] | undefined) => (counts ?? []).reduce((all, count) => all + count, 0);

test("a server that stalls slows nothing: as many probes are sent, and those without an answer are bad", async () => {
  const isStalled = (at: number) => at >= START + 1_000 && at < START + 3_000;
  const world = probing((_drill, at) => (isStalled(at) ? undefined : good()));
  await world.clock.advance(START + 5_000);
  const probes = world.sent.filter(({ drill, at }) => drill === KEY && at >= START && at < START + 5_000);
  expect(Math.abs(probes.length - 500)).toBeLessThanOrEqual(1);
  const gaps = probes.slice(1).map(({ at }, index) => at - (probes[index]?.at ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(12);
  await world.clock.advance(1_000);
  const record = readProbeRecord(world.prober.record);
  expect(record.sent.slice(0, 50)).toEqual(Array.from({ length: 50 }, () => 10));
  const bad = record.sent.map((count, slot) => count - (record.good[slot] ?? 0));
  // Bad in the slots in which they were due, and nowhere else.
  expect(sum(bad)).toBe(200);
  expect(sum(bad.slice(10, 31))).toBe(200);
  expect(sum(record.late)).toBe(0);
});

test("a slot is told once all its probes have ended, and never changes then", async () => {
  const world = probing((_drill, at) => (at >= START + 1_000 && at < START + 1_100 ? undefined : good()));
  await world.clock.advance(START + 1_400);
  const early = world.prober.record;
  expect(early?.sent.length).toBe(10);
  await world.clock.advance(1_000);
  const later = world.prober.record;
  expect(later?.sent.length).toBeGreaterThanOrEqual(23);
  expect(later?.good.slice(0, 10)).toEqual(early?.good);
});

test("what is slow, moved, refused, and by whom witnesses were answered is told apart", async () => {
  const world = probing((drill, at) => {
    if (at < START + 1_000) return good();
    if (drill === WITNESS) return { status: 503, faultFlag: "FI", after: 5 };
    return at < START + 2_000
      ? good("cpu")
      : at < START + 3_000
        ? good("gpu", 80)
        : { status: 500, after: 5 };
  });
  await world.clock.advance(START + 4_500);
  const record = readProbeRecord(world.prober.record);
  const between = (column: "moved" | "slow" | "good" | "met" | "clear", from: number, to: number) =>
    sum(record[column].slice(from, to));
  // Due at the edge of a slot, sent up to a tick later.
  const about = (count: number) => expect.closeTo(count, -1);
  expect([between("moved", 0, 10), between("moved", 10, 20), between("moved", 21, 40)]).toEqual([
    about(0),
    about(100),
    0,
  ]);
  expect([between("slow", 0, 19), between("slow", 20, 30), between("good", 31, 40)]).toEqual([
    0,
    about(100),
    0,
  ]);
  expect([between("clear", 0, 10), between("met", 11, 40)]).toEqual([10, 29]);
});

test.each([
  ["no answer tells a pool", undefined],
  ["another pool answers probes", "cpu"],
])("nothing is counted while %s", async (_what, before) => {
  let pool = before;
  const world = probing((drill) => {
    if (pool === undefined) return unrouted();
    return good(drill === WITNESS ? "gpu" : pool);
  });
  await world.clock.advance(10_000);
  expect(world.prober.record).toBeUndefined();
  pool = "gpu";
  await world.clock.advance(5_000);
  expect(sum(world.prober.record?.sent)).toBeGreaterThan(200);
});

test("a prober that stood still says of its probes that they were late", async () => {
  const clock = new VirtualClock();
  let lag = 0;
  const lagging = {
    now: () => clock.now() + lag,
    monotonic: () => clock.monotonic() + lag,
    schedule: clock.schedule.bind(clock),
  };
  const client = { send: async () => ({ status: 200, pool: "gpu", milliseconds: 1 }) };
  const prober = new Prober({
    client,
    clock: lagging,
    key: KEY,
    pool: "gpu",
    fault: "Hang",
    perSecond: 100,
    witnessesPerSecond: 10,
    timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    slowMilliseconds: 50,
    slotMilliseconds: 100,
    longestMilliseconds: 60_000,
  });
  void prober.run(new AbortController().signal);
  await clock.advance(4_000);
  lag = 1_000;
  await clock.advance(1_000);
  expect(sum(prober.record?.late)).toBeGreaterThan(80);
  expect(sum(prober.record?.late)).toBeLessThan(100);
});

test("it ends by itself, and when it is asked to", async () => {
  const world = probing(() => good(), { longestMilliseconds: 1_000 });
  await world.clock.advance(START + 2_000);
  await world.ended;
  expect(sum(world.prober.record?.sent)).toBe(100);
  for (const before of [500, START + 500]) {
    const asked = probing(() => good());
    await asked.clock.advance(before);
    asked.stop.abort();
    await asked.clock.advance(1_000);
    await asked.ended;
  }
});

test.each([200, 422, 500])(
  "it ends once its routes are gone and servers answer %d: what it would send then is as anybody's request",
  async (status) => {
    const isRouted = (at: number) => at < START + 2_000;
    const world = probing((_drill, at) => (isRouted(at) ? good() : unrouted(status)));
    await world.clock.advance(START + 5_000);
    await world.ended;
    const last = Math.max(...world.sent.map(({ at }) => at));
    expect(last).toBeLessThan(START + 2_500);
    expect(sum(world.prober.record?.sent)).toBeGreaterThan(150);
  },
);

test("answers of routers themselves tell nothing of routes", async () => {
  const world = probing((_drill, at) => (at < START + 1_000 ? good() : { status: 503, after: 5 }));
  await world.clock.advance(START + 5_000);
  expect(Math.max(...world.sent.map(({ at }) => at))).toBeGreaterThan(START + 4_900);
  world.stop.abort();
});

test("before its routes are there it sends witnesses alone, and few; its start needs both", async () => {
  const world = probing((_drill, at) => (at < 10_000 ? unrouted() : good()));
  await world.clock.advance(10_000);
  expect(world.sent.filter(({ drill }) => drill === KEY)).toEqual([]);
  expect(world.sent.length).toBeLessThanOrEqual(10);
  await world.clock.advance(5_000);
  expect(sum(world.prober.record?.sent)).toBeGreaterThan(200);
  world.stop.abort();
});

test("every witness comes on a connection of its own, and probes do not", async () => {
  const world = probing(() => good());
  await world.clock.advance(START + 2_000);
  const connectionsOf = (key: string) =>
    new Set(world.sent.filter(({ drill }) => drill === key).map(({ connections }) => connections));
  expect([...connectionsOf(WITNESS)]).toEqual(["Own"]);
  expect([...connectionsOf(KEY)]).toEqual(["Mixed"]);
  world.stop.abort();
});

test("what names no pool has not moved", async () => {
  const world = probing((drill, at) =>
    at >= START + 1_000 && at < START + 1_100 && drill === KEY ? unrouted() : good(),
  );
  await world.clock.advance(START + 3_000);
  expect(sum(world.prober.record?.moved)).toBe(0);
  expect(sum(world.prober.record?.good)).toBe(sum(world.prober.record?.sent));
  world.stop.abort();
});
