import { expect, test } from "@jest/globals";
import { plan } from "../../test/fixtures/router-world.ts";
import type { PlannedDrill } from "../api/planned-drill.ts";
import { configurationLayout } from "../render/envoy/layout.ts";
import { ExpiringFaults } from "./expiring-faults.ts";
import { renderPlan } from "./progress.ts";
import type { DesiredConfiguration } from "./sequence.ts";

const settings = { layout: configurationLayout("/etc/petrel/envoy"), address: "0.0.0.0" };
const START = Date.parse("2026-01-02T03:00:00Z");
const UNTIL = "2026-01-02T03:01:00Z";
const MINUTE = 60_000;

const drill = (until = UNTIL, longest = "2m"): PlannedDrill => ({
  name: "weekly",
  pool: "gpu",
  key: "k".repeat(32),
  fault: { status: 503, until, longest },
});
const wanted = (one: PlannedDrill | undefined, epoch = 1): DesiredConfiguration =>
  new Map([
    ["other", { traffic: renderPlan("other", plan(1), settings), endpoints: [] }],
    [
      "ranker",
      {
        traffic: renderPlan("ranker", plan(epoch, one === undefined ? {} : { drill: one }), settings),
        endpoints: [],
      },
    ],
  ]);

function router() {
  const clock = { wall: START, steady: 5_000, now: () => clock.wall, monotonic: () => clock.steady };
  return { clock, faults: new ExpiringFaults(clock, settings) };
}
const faultIn = (desired: DesiredConfiguration) => desired.get("ranker")?.traffic?.plan.drill?.fault;

test("a fault ends at its time, and the routes of the drill stay", () => {
  const { clock, faults } = router();
  const desired = wanted(drill());
  expect(faults.look(desired)).toBe(false);
  expect(faults.inEffect(desired)).toBe(desired);
  expect(faults.delayMilliseconds(desired)).toBe(MINUTE);
  clock.wall += MINUTE;
  clock.steady += MINUTE;
  expect(faults.look(desired)).toBe(true);
  const now = faults.inEffect(desired);
  expect(faultIn(now)).toBeUndefined();
  expect(now.get("ranker")?.traffic?.plan.drill).toMatchObject({ name: "weekly" });
  expect(now.get("ranker")?.traffic?.plan.epoch).toBe(1);
  expect(now.get("other")).toBe(desired.get("other"));
  // It is rendered once, and nothing has to be looked at again for it.
  expect(faults.look(desired)).toBe(false);
  expect(faults.inEffect(desired).get("ranker")?.traffic).toBe(now.get("ranker")?.traffic);
  expect(faults.delayMilliseconds(desired)).toBe(Number.POSITIVE_INFINITY);
});

test("a time of day that stands still or goes back keeps no fault", () => {
  const { clock, faults } = router();
  const desired = wanted(drill());
  faults.look(desired);
  clock.wall -= 3_600_000;
  clock.steady += 2 * MINUTE - 1;
  expect(faults.look(desired)).toBe(false);
  expect(faults.delayMilliseconds(desired)).toBe(1);
  // Another plan with the same fault does not begin its time anew.
  const later = wanted(drill(), 2);
  clock.steady += 1;
  expect(faults.look(later)).toBe(true);
  expect(faultIn(faults.inEffect(later))).toBeUndefined();
});

test("a fault that has ended does not come back with the clock", () => {
  const { clock, faults } = router();
  const desired = wanted(drill());
  clock.wall += MINUTE;
  expect(faults.look(desired)).toBe(true);
  clock.wall -= MINUTE;
  expect(faults.look(desired)).toBe(false);
  expect(faultIn(faults.inEffect(desired))).toBeUndefined();
});

test("the next fault has its own time", () => {
  const { clock, faults } = router();
  clock.wall += MINUTE;
  faults.look(wanted(drill()));
  const next = wanted(drill("2026-01-02T03:05:00Z"), 3);
  expect(faults.look(next)).toBe(false);
  expect(faultIn(faults.inEffect(next))).toBeDefined();
  expect(faults.look(wanted(undefined, 4))).toBe(false);
  expect(faults.delayMilliseconds(wanted(undefined, 4))).toBe(Number.POSITIVE_INFINITY);
});
