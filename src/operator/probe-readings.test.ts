/** What is known of probes: asked every second, kept while nothing better comes, and never of another drill. */
import { expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { ProbeRecord } from "../api/probe-record.ts";
import { drillKey } from "../core/drill/plan-drill.ts";
import { recordOf, well } from "../core/drill/testdata/probe-records.ts";
import { startStatusServer } from "../process/status-server.ts";
import { PROBE_RECORD_PATH } from "../render/prober.ts";
import { askProbersOverHttp } from "./ask-prober.ts";
import { PROBE_ASK_PERIOD_MILLISECONDS, ProbeReadings } from "./probe-readings.ts";

const KEY = "shop/ranker";

function asking() {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const told: string[] = [];
  const world: { record: ProbeRecord | undefined; address: string | undefined } = {
    record: undefined,
    address: "10.0.0.1",
  };
  const readings = new ProbeReadings({
    clock,
    addressOf: () => world.address,
    onRecord: (key) => told.push(key),
    ask: async (address, key) => {
      asked.push(`${address} ${key}`);
      if (world.record === undefined) throw new Error("no answer");
      return world.record;
    },
  });
  return { clock, asked, told, world, readings };
}

test("the prober is asked every second by the key of its drill, and more that it tells is told", async () => {
  const { clock, asked, told, world, readings } = asking();
  readings.follow(KEY, "uid-1");
  await clock.advance(PROBE_ASK_PERIOD_MILLISECONDS);
  expect(asked).toEqual([`10.0.0.1 ${drillKey("uid-1")}`, `10.0.0.1 ${drillKey("uid-1")}`]);
  expect([told, readings.of(KEY)]).toEqual([[], undefined]);
  world.record = recordOf(well(1_000));
  await clock.advance(PROBE_ASK_PERIOD_MILLISECONDS);
  expect(readings.of(KEY)).toEqual({ drill: "uid-1", record: world.record });
  await clock.advance(PROBE_ASK_PERIOD_MILLISECONDS);
  expect(told).toEqual([KEY]);
});

test("a record stands while nothing comes, and one of another prober takes its place never", async () => {
  const { clock, world, readings } = asking();
  const first = recordOf(well(1_000));
  world.record = first;
  readings.follow(KEY, "uid-1");
  await clock.advance(0);
  world.record = { ...recordOf(well(5_000)), startMilliseconds: first.startMilliseconds + 1 };
  await clock.advance(PROBE_ASK_PERIOD_MILLISECONDS);
  world.record = undefined;
  await clock.advance(PROBE_ASK_PERIOD_MILLISECONDS);
  expect(readings.of(KEY)?.record).toEqual(first);
});

test("another drill begins with nothing, and nobody is asked any more when there is none", async () => {
  const { clock, asked, world, readings } = asking();
  world.record = recordOf(well(1_000));
  readings.follow(KEY, "uid-1");
  await clock.advance(0);
  readings.follow(KEY, "uid-2");
  expect(readings.of(KEY)).toBeUndefined();
  await clock.advance(0);
  readings.follow(KEY, undefined);
  const count = asked.length;
  await clock.advance(10 * PROBE_ASK_PERIOD_MILLISECONDS);
  expect(asked).toHaveLength(count);
});

test("nobody is asked before there is an address", async () => {
  const { clock, asked, world, readings } = asking();
  world.address = undefined;
  readings.follow(KEY, "uid-1");
  await clock.advance(PROBE_ASK_PERIOD_MILLISECONDS);
  expect(asked).toEqual([]);
  readings.close();
});

test.each([
  ["a record", JSON.stringify(recordOf(well(1_000))), undefined],
  ["what contradicts itself", JSON.stringify({ ...recordOf(well(1_000)), good: [1] }), "expected 10 slots"],
  ["no record", "{}", "expected a record of probes"],
  ["too much", JSON.stringify("x".repeat(2 ** 20)), "answers too much"],
  ["the record of another drill", undefined, "status 404"],
])("over HTTP: %s", async (_what, text, problem) => {
  const documents = {
    [PROBE_RECORD_PATH]: (query: URLSearchParams) => (query.get("key") === "mine" ? text : undefined),
  };
  const registry = new Registry();
  const server = await startStatusServer({ host: "127.0.0.1", port: 0, registry, checks: {}, documents });
  try {
    const answer = askProbersOverHttp(server.port)("127.0.0.1", "mine", new AbortController().signal);
    if (problem === undefined) expect(await answer).toEqual(recordOf(well(1_000)));
    else await expect(answer).rejects.toThrow(problem);
  } finally {
    await server.close();
  }
});
