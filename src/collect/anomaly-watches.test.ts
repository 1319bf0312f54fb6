/**
 * That the series of a deployment are watched as they were counted: what a window's value is, what is a gap, when it is
 * looked at, and that neither a restart nor a failed transaction changes what is known.
 */
import { describe, expect, jest, test } from "@jest/globals";
import { createLogger } from "../core/log.ts";
import { Chance } from "../stats/testdata/chance.ts";
import { WINDOW_SLOTS, WORK_OF_STEP } from "./anomaly-watches.ts";
import { collectedFrom } from "./collected-metrics.ts";
import { parseSettings } from "./settings.ts";
import { batchOf, SETTINGS_TEXT, tokenOf, withCollector } from "./testdata/collecting.ts";
import {
  CANDIDATE,
  type Counted,
  inWorld,
  SERIES,
  START,
  WATCHED_TEXT,
  type World,
} from "./testdata/watched-file.ts";
import { WatchTable } from "./watch-table.ts";

/** What only routers that tell of each request can say. */
const SERVED = ["load", "latency", "errors"];
const LABEL_LAG_WINDOWS = 12;
/** Number of the arm of stable. */
const STABLE = 0;

/** A shop's window: requests by the hour, clicks on a tenth. */
function shop(random: Chance, window: number): Counted {
  const mean = 5_000 * (1 + 0.6 * Math.sin((2 * Math.PI * window) / 288));
  const requests = Math.round(mean + Math.sqrt(mean) * random.normal());
  return { requests, labels: Math.round(requests / 10 + Math.sqrt(requests / 10) * random.normal()) };
}

describe("the value of a window", () => {
  test("requests of all arms at once; labels and means of stable an hour later", () =>
    inWorld((world) => {
      for (let window = 0; window < LABEL_LAG_WINDOWS; window++) {
        world.next({ requests: 1_000, labels: 100, arm: STABLE });
      }
      expect(world.finding("requests")?.value).toBeCloseTo(1_000, 6);
      expect(world.finding("labels")).toBeUndefined();
      world.next({ requests: 2_000, arm: CANDIDATE });
      expect(world.finding("requests")?.value).toBeCloseTo(2_000, 6);
      expect(world.finding("labels")?.value).toBeCloseTo(100, 6);
      expect(world.finding("metric:ctr")?.value).toBeCloseTo(0.1, 6);
      expect([...world.watches.findings()].map(({ series }) => series)).toEqual(
        SERIES.filter((series) => !SERVED.includes(series)),
      );
      expect(world.finding("requests")?.deployment).toBe("ranker");
    }));

  test("none without requests is 0 requests, no labels and no mean", () =>
    inWorld((world) => {
      for (let window = 0; window <= LABEL_LAG_WINDOWS; window++) world.next({ requests: 0 });
      expect(world.finding("requests")?.value).toBe(0);
      expect(world.finding("labels")).toBeUndefined();
      expect(world.finding("metric:ctr")).toBeUndefined();
    }));

  test("what is in doubt, or has more labels than requests, is a gap", () =>
    inWorld((world) => {
      world.next({ requests: 1_000, arm: STABLE });
      world.doubtful.push({ first: world.counted + 1, last: world.counted + 1 });
      world.next({ requests: 7, arm: STABLE });
      expect(world.finding("requests")?.value).toBeCloseTo(1_000, 6);
      world.next({ requests: 7, labels: 8, arm: STABLE });
      expect(world.finding("requests")?.value).toBeCloseTo(1_000, 6);
      world.next({ requests: 7, arm: STABLE });
      expect(world.finding("requests")?.value).toBeCloseTo(7, 6);
    }));

  test("labels that had longer than those of other windows are a gap, requests are not", () =>
    inWorld((world) => {
      for (let window = 0; window <= LABEL_LAG_WINDOWS; window++) {
        world.next({ requests: 1_000, labels: 100, arm: STABLE });
      }
      // The collector was away for an hour.
      for (let window = 0; window < 12; window++) world.count({ requests: 900, labels: 5, arm: STABLE });
      world.look();
      expect(world.finding("requests")?.value).toBeCloseTo(900, 6);
      expect(world.memories()[SERIES.indexOf("labels")]).toContain('"value":100');
    }));

  test("load of all arms, latency and errors of stable, by what clients got", () =>
    inWorld((world) => {
      const slot = world.counted + 1;
      // 0.1 ms and 20 buckets for each power of ten: 60 to 61 is from 100 ms to 112 ms.
      world.serve({ arm: "Stable", requests: 90, errors: 0, milliseconds: 9_000, latencies: [[61, 90]] });
      world.serve({ arm: "Stable", requests: 10, errors: 5, milliseconds: 11_000, latencies: [[101, 5]] });
      world.serve({ arm: "Candidate", requests: 100, errors: 100, milliseconds: 40_000, latencies: [] });
      world.next({ requests: 195, arm: STABLE });
      expect(world.store.served.sums(world.tag, { first: slot, last: slot }).size).toBe(2);
      expect(world.finding("load")?.value).toBeCloseTo(60_000 / 300_000, 12);
      expect(world.finding("errors")?.value).toBeCloseTo(0.05, 12);
      // The 90.25th of 95: a twentieth of the way through the slow ones, from 10 s on.
      expect(world.finding("latency")?.value).toBeCloseTo(10_000 * 10 ** (0.25 / 5 / 20), 6);
    }));

  test("too few requests have neither latency nor errors, nobody's have no load, and a gap is one", () =>
    inWorld((world) => {
      world.serve({ arm: "Stable", requests: 49, errors: 49, milliseconds: 490, latencies: [[61, 49]] });
      world.next({ requests: 49, arm: STABLE });
      expect(world.finding("load")?.value).toBeCloseTo(490 / 300_000, 12);
      expect(world.finding("latency")).toBeUndefined();
      expect(world.finding("errors")).toBeUndefined();
      world.next({ requests: 0 });
      expect(world.finding("load")?.value).toBeCloseTo(490 / 300_000, 12);
      world.doubtful.push({ first: world.counted + 1, last: world.counted + 1 });
      world.serve({ arm: "Stable", requests: 90, errors: 9, milliseconds: 9_000, latencies: [[61, 90]] });
      world.next({ requests: 81, arm: STABLE });
      expect(world.finding("errors")).toBeUndefined();
      expect(world.finding("load")?.value).toBeCloseTo(490 / 300_000, 12);
    }));

  test("nothing is watched where nobody asked for it", () =>
    inWorld((world) => {
      world.next({ requests: 1_000 });
      expect([...world.watches.findings()]).toEqual([]);
      expect(world.store.watches.keys()).toEqual([]);
    }, SETTINGS_TEXT));
});

describe("the work of one step", () => {
  const METRICS = 28;
  const MANY = JSON.parse(WATCHED_TEXT);
  MANY.deployments[0].metrics = Array.from({ length: METRICS }, (_, index) => ({
    ...{ name: `m${index}`, type: "ClickThroughRate", label: "click" },
  }));
  const MANY_TEXT = JSON.stringify(MANY);

  /** Memories that were read in each step until all was done. */
  function readsOfSteps(world: World): readonly number[] {
    const reads = jest.spyOn(world.store.watches, "get");
    const steps: number[] = [];
    for (let more = true; more; ) {
      reads.mockClear();
      more = world.store.transaction(() => world.watches.step());
      world.watches.committed();
      steps.push(reads.mock.calls.length);
    }
    reads.mockRestore();
    return steps;
  }

  test("loads no more memories after a restart than it may", () =>
    inWorld((world) => {
      world.next({ requests: 1_000, arm: STABLE });
      world.restarted();
      const steps = readsOfSteps(world);
      expect(steps.reduce((sum, reads) => sum + reads, 0)).toBe(METRICS + 5);
      expect(Math.max(...steps)).toBe(WORK_OF_STEP);
    }, MANY_TEXT));

  test("other settings and a commit that failed load only what they changed", () =>
    inWorld((world) => {
      world.next({ requests: 1_000, arm: STABLE });
      world.watches.committed();
      world.store.transaction(() => world.watches.configure(world.collected));
      world.watches.abandon();
      expect(readsOfSteps(world)).toEqual([0]);
      const rate = WATCHED_TEXT.replace("168h", "720h");
      const collected = world.store.transaction(() =>
        collectedFrom(parseSettings(rate), world.store, 0, false),
      );
      world.store.transaction(() => world.watches.configure(collected));
      expect(readsOfSteps(world)).toEqual([SERIES.length]);
      world.count({ requests: 1_000, arm: STABLE });
      world.store.transaction(() => world.watches.step());
      world.watches.abandon();
      expect(readsOfSteps(world)).toEqual([SERIES.length]);
    }));

  test("a series that fails is told once, and holds neither the others nor the transaction back", () =>
    inWorld((world) => {
      world.next({ requests: 1_000, arm: STABLE });
      const { watches } = world.store;
      const put = watches.put.bind(watches);
      const broken = jest.spyOn(watches, "put").mockImplementation((key, stored) => {
        put(key, stored);
        if (key.series === "requests") throw new Error("a broken row");
      });
      const before = world.memories();
      for (let window = 0; window <= LABEL_LAG_WINDOWS; window++) {
        world.count({ requests: 2_000, labels: 10, arm: STABLE });
        world.store.transaction(() => {
          world.store.setNumber("swept", window);
          world.watches.step();
        });
        world.look();
      }
      expect(world.memories()[0]).toBe(before[0]);
      expect(world.finding("requests")).toBeUndefined();
      expect(world.finding("metric:ctr")?.value).toBeCloseTo(0.005, 6);
      expect(world.store.number("swept")).toBe(LABEL_LAG_WINDOWS);
      expect(world.lines.map((line) => JSON.parse(line).message)).toEqual(["cannot watch a series"]);
      expect(world.lines[0]).toContain("a broken row");
      broken.mockRestore();
      world.next({ requests: 3_000, arm: STABLE });
      expect(world.finding("requests")?.value).toBeCloseTo(3_000, 6);
      expect(world.lines.map((line) => JSON.parse(line).message).slice(1)).toEqual([
        "can watch all series again",
      ]);
    }));
});

test("what is a day old is not told, though nothing was counted since", () =>
  inWorld((world) => {
    world.next({ requests: 1_000 });
    world.later = 86_400;
    expect(world.finding("requests")).toBeDefined();
    world.later += WINDOW_SLOTS * 60;
    expect(world.finding("requests")).toBeUndefined();
  }));

describe("after a week of a shop", () => {
  const WINDOWS = 8 * 288;

  test(
    "an outage is an alarm of the requests, a restart keeps it, and a failed transaction changes nothing",
    () =>
      inWorld((world) => {
        const random = new Chance(7);
        for (let window = 0; window < WINDOWS; window++) {
          world.next({ ...shop(random, window), arm: STABLE });
        }
        const alarms = () =>
          [...world.watches.findings()].flatMap(({ series, detectors }) =>
            [...detectors].flatMap(([type, { since }]) => (since === undefined ? [] : [`${series} ${type}`])),
          );
        expect(alarms()).toEqual([]);
        const before = world.memories();
        world.count({ requests: 0 });
        expect(() =>
          world.store.transaction(() => {
            world.watches.step();
            throw new Error("the disk is full");
          }),
        ).toThrow("the disk is full");
        world.watches.abandon();
        expect(world.memories()).toEqual(before);
        world.look();
        expect(alarms()).toContain("requests Seasonal");
        const found = world.finding("requests");
        expect(found?.detectors.get("Seasonal")?.since).toBe(START + WINDOWS);
        expect(found?.detectors.get("Seasonal")?.band?.low).toBeGreaterThan(100);
        world.restarted();
        world.look();
        expect(world.finding("requests")).toEqual(found);
      }),
    120_000,
  );

  test("series that are no longer watched are forgotten", () =>
    inWorld((world) => {
      world.next({ requests: 1_000 });
      expect(world.store.watches.keys()).toHaveLength(SERIES.length);
      const collected = world.store.transaction(() =>
        collectedFrom(parseSettings(SETTINGS_TEXT), world.store, 0, false),
      );
      world.store.transaction(() => world.watches.configure(collected));
      expect(world.store.watches.keys()).toEqual([]);
    }));

  test("a memory that was damaged is learned anew", () =>
    inWorld((world) => {
      world.next({ requests: 1_000 });
      world.store.watches.put(
        { deployment: world.tag, series: "requests" },
        { next: START + 1, memory: "{" },
      );
      world.restarted();
      world.next({ requests: 500 });
      expect(world.finding("requests")?.value).toBeCloseTo(500, 6);
    }));
});

test("a running collector goes on to store when its watches cannot", async () => {
  const put = jest.spyOn(WatchTable.prototype, "put").mockImplementation(() => {
    throw new Error("a broken table");
  });
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line), now: () => 0 });
  try {
    await withCollector(
      async (collector) => {
        await collector.impressions(batchOf(1, [{ token: tokenOf(1) }]));
        // Failing commits would be tried again every second.
        while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
        await new Promise((resolve) => setTimeout(resolve, 2_500));
        expect(collector.problem).toBeUndefined();
      },
      { settings: parseSettings(WATCHED_TEXT), log },
    );
  } finally {
    put.mockRestore();
  }
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(["cannot watch a series"]);
}, 60_000);

test(
  "a running collector shows the series, with no alarm at first",
  () =>
    withCollector(
      async (collector) => {
        const tokens = Array.from({ length: 20 }, (_, request) => ({ token: tokenOf(request) }));
        await collector.impressions(batchOf(1, tokens));
        let text = "";
        while (!/^petrel_anomaly_value\{/m.test(text)) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          text = await collector.metrics.registry.metrics();
        }
        expect(text).toMatch(/^petrel_anomaly_value\{model_deployment="ranker",series="requests"\} \d+$/m);
        expect(text).toContain(
          `petrel_anomaly_alarm{model_deployment="ranker",series="requests",detector="Seasonal"} 0`,
        );
        expect(text).not.toMatch(/^petrel_anomaly_since_timestamp_seconds\{/m);
      },
      { settings: parseSettings(WATCHED_TEXT) },
    ),
  60_000,
);
