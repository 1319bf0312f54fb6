/**
 * Small campaigns with fixed seeds: the gate keeps its error and has its power, and a gate that takes requests for
 * users is caught by the same campaign.
 */
import { expect, jest, test } from "@jest/globals";
import { Chance } from "../../src/stats/testdata/chance.ts";
import { type GateResult, runCampaign, type Scenario } from "./campaign.ts";
import { countProcessOnClicks } from "./comparators/requests.ts";
import { harmOfAmounts, harmOfClicks, harmOfRefusals, promotion } from "./petrel-gates.ts";
import { clopperPearson } from "./proportion.ts";
import { WeightedTable } from "./weighted-table.ts";

/** A campaign computes for seconds; on a busy machine for longer. */
jest.setTimeout(120_000);

const HEAVY_HOUR: Scenario = {
  name: "an hour",
  shop: { users: "Heavy", clickThrough: 0.05, size: 50_000 },
  change: 0,
  weights: [1_000],
  minutes: 60,
  requestsPerMinute: 1_000,
  minutesBetweenLooks: 2,
};

function share(results: readonly GateResult[], gate: { readonly name: string }): number {
  const result = results.find(({ gate: name }) => name === gate.name);
  return result === undefined ? Number.NaN : result.alarms / result.runs;
}

test("without a change the gate keeps its error, and one on requests is caught", () => {
  const busy = {
    ...HEAVY_HOUR,
    shop: { ...HEAVY_HOUR.shop, bot: 0.2 },
    minutes: 360,
    minutesBetweenLooks: 10,
  };
  const results = runCampaign(busy, [harmOfClicks, harmOfAmounts, countProcessOnClicks], 60, 1);
  expect(share(results, harmOfClicks)).toBeLessThan(0.05);
  expect(share(results, harmOfAmounts)).toBeLessThan(0.05);
  expect(share(results, countProcessOnClicks)).toBeGreaterThan(0.12);
});

test("half of the clicks lost is found in minutes", () => {
  const results = runCampaign({ ...HEAVY_HOUR, change: -0.5 }, [harmOfClicks, harmOfAmounts], 30, 2);
  expect(share(results, harmOfClicks)).toBe(1);
  expect(results[0]?.medianMinutes).toBeLessThanOrEqual(10);
  expect(results[1]?.medianMinutes).toBeLessThanOrEqual(12);
});

test("a candidate exactly at the margin does not pass, a good one does", () => {
  const decided: Scenario = { ...HEAVY_HOUR, weights: [5_000], minutes: 360, minutesBetweenLooks: 60 };
  const gate = promotion(0.2, "Higher");
  expect(share(runCampaign({ ...decided, change: -0.2 }, [gate], 40, 3), gate)).toBeLessThan(0.05);
  expect(share(runCampaign(decided, [gate], 20, 4), gate)).toBeGreaterThan(0.9);
});

test("where fewer are better the gate keeps its error, finds a rise soon, and is no obstacle to fewer", () => {
  const busy = { ...HEAVY_HOUR, minutes: 360, minutesBetweenLooks: 10 };
  expect(share(runCampaign(busy, [harmOfRefusals], 60, 5), harmOfRefusals)).toBeLessThan(0.05);
  const more = runCampaign({ ...HEAVY_HOUR, change: 1 }, [harmOfRefusals], 30, 6);
  expect(share(more, harmOfRefusals)).toBe(1);
  expect(more[0]?.medianMinutes).toBeLessThanOrEqual(10);
  const fewer = runCampaign({ ...HEAVY_HOUR, change: -0.5 }, [harmOfRefusals], 30, 8);
  expect(share(fewer, harmOfRefusals)).toBe(0);
});

test("where fewer are better one exactly at the margin does not pass, a good one does", () => {
  const decided: Scenario = { ...HEAVY_HOUR, weights: [5_000], minutes: 360, minutesBetweenLooks: 60 };
  const gate = promotion(0.2, "Lower");
  expect(share(runCampaign({ ...decided, change: 0.2 }, [gate], 40, 9), gate)).toBeLessThan(0.05);
  expect(share(runCampaign(decided, [gate], 20, 10), gate)).toBeGreaterThan(0.9);
});

test("equal seeds give equal campaigns", () => {
  const run = () => runCampaign({ ...HEAVY_HOUR, change: -0.3 }, [harmOfClicks], 3, 7);
  expect(run()).toEqual(run());
});

test("a table of weights is drawn from by its weights", () => {
  const chance = new Chance(11);
  const draws = 20_000;
  const table = new WeightedTable(Float64Array.of(1, 0, 5, 2));
  const counts = [0, 0, 0, 0];
  for (let draw = 0; draw < draws; draw++) {
    const index = table.draw(chance);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  expect(counts[1]).toBe(0);
  expect((counts[0] ?? 0) / draws).toBeCloseTo(1 / 8, 2);
  expect((counts[2] ?? 0) / draws).toBeCloseTo(5 / 8, 2);
});

test("bounds of a probability, as scipy has them", () => {
  const { lower, upper } = clopperPearson(13, 400, 0.01);
  expect(lower).toBeCloseTo(0.015361671, 8);
  expect(upper).toBeCloseTo(0.059508856, 8);
  expect(clopperPearson(0, 100, 0.01)).toEqual({ lower: 0, upper: expect.closeTo(0.045_007, 5) });
  expect(clopperPearson(100, 100, 0.01).upper).toBe(1);
});
