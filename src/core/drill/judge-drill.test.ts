import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { settingsProblem } from "./drill-settings.ts";
import { judgeDrill } from "./judge-drill.ts";
import { ProbeRecordError, readProbeRecord } from "./read-probe-record.ts";
import {
  failedOver,
  GOOD_DRILL,
  half,
  outage,
  PER_SLOT,
  recordOf,
  SETTINGS,
  SLOT_MILLISECONDS,
  START_MILLISECONDS,
  type Stretch,
  stillMoved,
  well,
} from "./testdata/probe-records.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 300);

const verdictOn = (...stretches: readonly Stretch[]) =>
  judgeDrill(readProbeRecord(recordOf(...stretches)), SETTINGS).verdict;

test("a failover that no client notices passes, and every moment of it is told", () => {
  const { verdict, evidence } = judgeDrill(recordOf(...GOOD_DRILL), SETTINGS);
  expect(verdict).toMatchObject({ outcome: "Passed", reason: "WithinObjectives" });
  expect(evidence?.timeline).toEqual({
    faultAtMilliseconds: START_MILLISECONDS + 10_000,
    verified: 0,
    detected: 0,
    moved: 0,
    recovered: 0,
    reverted: 30_000,
    failedBack: 30_000,
    resolutionMilliseconds: 100,
  });
  expect(evidence?.fault).toMatchObject({ sent: 300 * PER_SLOT, bad: 0, moved: 300 * PER_SLOT });
});

const mixed = (milliseconds: number, more: Partial<Stretch> = {}): Stretch => ({
  ...failedOver(milliseconds),
  ...more,
});

test("a short outage that the availability allows is in the timeline, and passes", () => {
  const record = recordOf(
    well(10_000),
    // Routers get the fault one after the other.
    mixed(300, { moved: 0, bad: 1, witnesses: 2, clear: 1 }),
    mixed(700, { moved: 15, witnesses: 2, clear: 1 }),
    failedOver(29_000),
    stillMoved(2_000),
    well(10_000),
  );
  const { verdict, evidence } = judgeDrill(record, SETTINGS);
  expect(verdict.outcome).toBe("Passed");
  expect(evidence?.timeline).toMatchObject({
    verified: 1_000,
    detected: 300,
    moved: 1_000,
    recovered: 300,
    reverted: 30_000,
    failedBack: 32_000,
  });
});

test.each<[outcome: string, reason: string, stretches: readonly Stretch[]]>([
  ["Inconclusive", "ControlTooShort", []],
  ["Inconclusive", "ControlTooShort", [well(5_000), failedOver(30_000), well(10_000)]],
  ["Inconclusive", "ControlBroken", [{ ...well(10_000), bad: 1 }, failedOver(30_000), well(10_000)]],
  ["Inconclusive", "ControlBroken", [{ ...well(10_000), slow: 3 }, failedOver(30_000), well(10_000)]],
  ["Inconclusive", "ControlBroken", [{ ...well(10_000), late: 1 }, failedOver(30_000), well(10_000)]],
  ["Inconclusive", "ControlBroken", [stillMoved(10_000), failedOver(30_000), well(10_000)]],
  // Neither with the fault nor without it: what the target answers is not known.
  ["Inconclusive", "ControlBroken", [{ milliseconds: 10_000 }]],
  ["Inconclusive", "FaultNotVerified", [well(50_000)]],
  ["Inconclusive", "FaultNotVerified", [well(10_000), failedOver(500), well(40_000)]],
  // One of two routers has the fault.
  [
    "Inconclusive",
    "FaultNotVerified",
    [well(10_000), mixed(30_000, { witnesses: 2, clear: 1 }), well(10_000)],
  ],
  // Witnesses see one of two routers, which alone has it.
  ["Inconclusive", "FaultNotWhole", [well(10_000), mixed(30_000, { moved: PER_SLOT / 2 }), well(10_000)]],
  [
    "Inconclusive",
    "FaultNotWhole",
    [well(10_000), failedOver(20_000), mixed(10_000, { moved: 15 }), well(10_000)],
  ],
  ["Inconclusive", "TooFewProbes", [well(10_000), failedOver(12_000), well(10_000)]],
  // So long only some of the routers had it.
  ["Inconclusive", "TooFewProbes", [well(10_000), half(20_000), failedOver(10_000), well(10_000)]],
  ["Inconclusive", "FaultTooShort", [well(10_000), half(10_000), failedOver(20_000), well(10_000)]],
  ["Inconclusive", "ProberLate", [well(10_000), mixed(30_000, { late: 1 }), well(10_000)]],
  ["Inconclusive", "FaultTooShort", [well(10_000), failedOver(20_000), well(10_000)]],
  // The prober has no witnesses any more: nobody knows whether the fault is there.
  [
    "Inconclusive",
    "FaultTooShort",
    [well(10_000), failedOver(20_000), { ...failedOver(10_000), witnesses: 0, met: 0 }, well(10_000)],
  ],
  ["Inconclusive", "FaultTooShort", [well(10_000), outage(20_000), well(10_000)]],
  ["Inconclusive", "RevertNotSeen", [well(10_000), failedOver(30_000)]],
  ["Inconclusive", "RevertNotSeen", [well(10_000), failedOver(30_000), well(4_000)]],
  ["Failed", "NotRecovered", [well(10_000), outage(30_000), well(10_000)]],
  // Recovered only once the fault had gone.
  ["Failed", "NotRecovered", [well(10_000), outage(26_000), failedOver(4_000), well(10_000)]],
  ["Failed", "NotRecovered", [well(10_000), mixed(30_000, { slow: 10 }), well(10_000)]],
  ["Failed", "RecoveredTooLate", [well(10_000), outage(10_100), failedOver(20_000), well(10_000)]],
  ["Failed", "AvailabilityTooLow", [well(10_000), outage(300), failedOver(29_700), well(10_000)]],
  // Well only while not all routers had the fault.
  ["Failed", "NotRecovered", [well(10_000), half(10_000), mixed(30_000, { slow: 10 }), well(10_000)]],
  [
    "Failed",
    "AvailabilityTooLow",
    [well(10_000), half(30_000), failedOver(29_000), mixed(1_000, { bad: 1, moved: 19 }), well(10_000)],
  ],
  ["Failed", "TooSlow", [well(10_000), failedOver(10_000), mixed(20_000, { slow: 10 }), well(10_000)]],
  [
    "Failed",
    "TooSlow",
    [well(10_000), half(30_000), failedOver(29_000), mixed(1_000, { slow: 10 }), well(10_000)],
  ],
  ["Failed", "NotFailedBack", [well(10_000), failedOver(30_000), stillMoved(10_000)]],
  ["Failed", "FailbackBroken", [well(10_000), failedOver(30_000), { ...well(300), bad: 5 }, well(9_700)]],
  ["Failed", "FailbackBroken", [well(10_000), failedOver(30_000), { ...well(10_000), slow: 10 }]],
  // Before all routers are without the fault again.
  [
    "Failed",
    "FailbackBroken",
    [well(10_000), failedOver(30_000), { ...half(20_000), bad: PER_SLOT }, well(10_000)],
  ],
  [
    "Failed",
    "FailbackBroken",
    [well(10_000), failedOver(30_000), { ...half(20_000), slow: 10 }, well(10_000)],
  ],
  [
    "Failed",
    "FailbackBroken",
    [well(10_000), failedOver(30_000), half(30_000), { ...well(10_000), slow: 1 }],
  ],
])("%s for %s", (outcome, reason, stretches) => {
  expect(verdictOn(...stretches)).toMatchObject({ outcome, reason });
});

test("no time is counted from a later moment because a router was late", () => {
  const late = (more: Partial<Stretch>) =>
    judgeDrill(
      recordOf(well(10_000), { ...half(2_000), ...more }, failedOver(30_000), well(10_000)),
      SETTINGS,
    );
  expect(late({}).evidence?.timeline).toMatchObject({ verified: 2_000, recovered: 0 });
  expect(late({}).verdict.outcome).toBe("Passed");
  expect(late({ bad: 1 }).evidence?.timeline).toMatchObject({ verified: 2_000, recovered: 2_000 });
});

const slots = (most: number) => fc.oneof(fc.constant(0), fc.nat(most));

test("passed is what is within the objectives under a whole fault and on all of the way back, and nothing else", () => {
  const drills = fc.record({
    lag: slots(300),
    fault: fc.integer({ min: 100, max: 350 }),
    slowUnderFault: slots(20),
    gap: slots(250),
    badInGap: slots(2),
    slowInGap: slots(2),
  });
  const time = (count: number) => count * SLOT_MILLISECONDS;
  fc.assert(
    fc.property(drills, ({ lag, fault, slowUnderFault, gap, badInGap, slowInGap }) => {
      const { outcome } = verdictOn(
        well(10_000),
        half(time(lag)),
        failedOver(time(fault)),
        mixed(time(slowUnderFault), { slow: 1 }),
        { ...half(time(gap)), bad: badInGap, slow: slowInGap },
        well(10_000),
      );
      const observed = fault + slowUnderFault;
      const backSent = (gap + 100) * PER_SLOT;
      const backBad = gap * badInGap;
      const isSound =
        observed >= 270 &&
        slowUnderFault <= observed * PER_SLOT * 0.01 &&
        backBad <= backSent * 0.001 &&
        gap * slowInGap <= (backSent - backBad) * 0.01;
      expect(outcome === "Passed").toBe(isSound);
    }),
    { numRuns },
  );
});

test("a target that answers late under latency, or as routers end a fault one after the other, is no fault that is not whole", () => {
  const answered = recordOf(well(10_000), mixed(30_000, { moved: 0 }), well(10_000));
  expect(judgeDrill(answered, { ...SETTINGS, fault: "Latency" }).verdict.outcome).toBe("Passed");
  for (const fault of ["PoolLoss", "Errors", "Hang"] as const)
    expect(judgeDrill(answered, { ...SETTINGS, fault }).verdict.reason).toBe("FaultNotWhole");
  expect(verdictOn(well(10_000), failedOver(29_500), mixed(500, { moved: 0 }), well(10_000)).outcome).toBe(
    "Passed",
  );
  const few = [failedOver(15_000), mixed(200, { moved: 0 }), failedOver(14_800)];
  expect(verdictOn(well(10_000), ...few, well(10_000)).outcome).toBe("Passed");
});

test("without any probes nothing is concluded", () => {
  expect(judgeDrill(undefined, SETTINGS).verdict).toMatchObject({
    outcome: "Inconclusive",
    reason: "NoProbes",
  });
});

test("the time between two witnesses is the error of every time", () => {
  const silent: Stretch = { milliseconds: 400, witnesses: 0 };
  const { evidence } = judgeDrill(recordOf(well(10_000), silent, failedOver(30_000), well(10_000)), SETTINGS);
  expect(evidence?.timeline).toMatchObject({
    faultAtMilliseconds: START_MILLISECONDS + 10_000,
    verified: 400,
    resolutionMilliseconds: 500,
  });
});

test.each([
  ["a list is shorter", { good: [1] }],
  ["more are good than were sent", { good: Array.from({ length: 500 }, () => PER_SLOT + 1) }],
  ["a witness met the fault and did not", { met: Array.from({ length: 500 }, () => 1) }],
  ["a count is negative", { late: [-1] }],
  ["a list is missing", { met: undefined }],
])("a record is refused in which %s", (_what, change) => {
  const record = recordOf(well(50_000));
  expect(readProbeRecord(record)).toEqual(record);
  expect(() => readProbeRecord({ ...record, ...change })).toThrow(ProbeRecordError);
});

test.each([
  ["availability", { objectives: { ...SETTINGS.objectives, availability: 1 } }],
  ["slow answers", { objectives: { ...SETTINGS.objectives, slowShare: -1 } }],
  ["the fault lasts", { faultMilliseconds: 16_000 }],
  ["failback", { failbackMilliseconds: 1_000 }],
])("settings with which no drill can pass are told: %s", (what, change) => {
  expect(settingsProblem(SETTINGS)).toBeUndefined();
  expect(settingsProblem({ ...SETTINGS, ...change })).toContain(what);
});
