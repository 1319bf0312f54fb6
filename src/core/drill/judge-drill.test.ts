import { expect, test } from "@jest/globals";
import { settingsProblem } from "./drill-settings.ts";
import { judgeDrill } from "./judge-drill.ts";
import { ProbeRecordError, readProbeRecord } from "./read-probe-record.ts";
import {
  failedOver,
  GOOD_DRILL,
  outage,
  PER_SLOT,
  recordOf,
  SETTINGS,
  START_MILLISECONDS,
  type Stretch,
  stillMoved,
  well,
} from "./testdata/probe-records.ts";

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
  ["Inconclusive", "ProberLate", [well(10_000), mixed(30_000, { late: 1 }), well(10_000)]],
  ["Inconclusive", "FaultTooShort", [well(10_000), failedOver(20_000), well(10_000)]],
  ["Inconclusive", "FaultTooShort", [well(10_000), outage(20_000), well(10_000)]],
  ["Inconclusive", "RevertNotSeen", [well(10_000), failedOver(30_000)]],
  ["Inconclusive", "RevertNotSeen", [well(10_000), failedOver(30_000), well(4_000)]],
  ["Failed", "NotRecovered", [well(10_000), outage(30_000), well(10_000)]],
  // Recovered only once the fault had gone.
  ["Failed", "NotRecovered", [well(10_000), outage(26_000), failedOver(4_000), well(10_000)]],
  ["Failed", "NotRecovered", [well(10_000), mixed(30_000, { slow: 10 }), well(10_000)]],
  ["Failed", "RecoveredTooLate", [well(10_000), outage(10_100), failedOver(20_000), well(10_000)]],
  ["Failed", "AvailabilityTooLow", [well(10_000), outage(300), failedOver(29_700), well(10_000)]],
  ["Failed", "NotFailedBack", [well(10_000), failedOver(30_000), stillMoved(10_000)]],
  ["Failed", "FailbackBroken", [well(10_000), failedOver(30_000), { ...well(300), bad: 5 }, well(9_700)]],
])("%s for %s", (outcome, reason, stretches) => {
  expect(verdictOn(...stretches)).toMatchObject({ outcome, reason });
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
