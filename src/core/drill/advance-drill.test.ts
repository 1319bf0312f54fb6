import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { DRILL_PHASES } from "../../api/drill-status.ts";
import type { ProbeRecord } from "../../api/probe-record.ts";
import {
  advanceDrill,
  type DrillView,
  PREFLIGHT_LIMIT_MILLISECONDS,
  PROBE_LIMIT_MILLISECONDS,
  PROOF_LIMIT_MILLISECONDS,
} from "./advance-drill.ts";
import { askedOfRouters, type DrillPhase, type DrillState } from "./drill-state.ts";
import { judgeDrill } from "./judge-drill.ts";
import {
  failedOver,
  GOOD_DRILL,
  half,
  outage,
  recordOf,
  SETTINGS,
  type Stretch,
  well,
} from "./testdata/probe-records.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 300);
const NOW = 1_800_000_000_000;
const EXPIRY = NOW + 60_000;

function stateIn(phase: DrillPhase): DrillState {
  const isAsked = DRILL_PHASES.indexOf(phase) >= DRILL_PHASES.indexOf("Injecting");
  return {
    phase,
    sinceMilliseconds: NOW,
    ...(isAsked ? { expiryMilliseconds: EXPIRY } : {}),
    ...(phase === "Removing" || phase === "Ended"
      ? { verdict: { outcome: "Passed", reason: "WithinObjectives", message: "" } }
      : {}),
  };
}

const control = recordOf(well(10_000));
const injected = recordOf(well(10_000), failedOver(2_000));
const observed = recordOf(well(10_000), failedOver(30_000));
const reverted = recordOf(well(10_000), failedOver(30_000), well(2_000));
const whole = recordOf(...GOOD_DRILL);
const stop = { reason: "StoppedByPerson", message: "a person stopped it" };
const obstacle = { reason: "SomethingUnderWay", message: "a release is under way" };

type Event = Partial<DrillView>;
const LATE = Math.max(PREFLIGHT_LIMIT_MILLISECONDS, PROBE_LIMIT_MILLISECONDS, PROOF_LIMIT_MILLISECONDS) * 2;

/** Each row: what is seen, and for each phase the next one, with the reason of the verdict where it is new. */
const EVENTS: Readonly<Record<string, Event>> = {
  nothing: {},
  "nothing, and not acknowledged": { isAcknowledged: false },
  "the control period": { record: control },
  "the control period, not acknowledged": { record: control, isAcknowledged: false },
  "a broken control period": { record: recordOf({ ...well(10_000), bad: 2 }) },
  "the fault": { record: injected },
  "the whole fault": { record: observed },
  "the whole fault, in some routers": { record: recordOf(well(10_000), half(10_000), failedOver(20_000)) },
  "its end": { record: reverted },
  "the way back": { record: whole },
  "an outage, and the way back": { record: recordOf(well(10_000), outage(30_000), well(10_000)) },
  "an obstacle": { obstacle },
  "a stop": { stop },
  "a stop, with a whole record": { stop, record: whole },
  "too late": { nowMilliseconds: NOW + LATE },
  "too late, not acknowledged": { nowMilliseconds: NOW + LATE, isAcknowledged: false },
  "too late, with the control period": { nowMilliseconds: NOW + LATE, record: recordOf(well(1_000)) },
  "a clock set back": { nowMilliseconds: NOW - 1 },
};

const [P, C, I, O, R, F, X, E] = DRILL_PHASES;
const CELLS: Readonly<Record<string, readonly string[]>> = {
  nothing: [C, C, I, O, R, F, E, E],
  "nothing, and not acknowledged": [C, C, I, O, R, F, X, E],
  "the control period": [C, I, I, O, R, F, E, E],
  "the control period, not acknowledged": [C, C, I, O, R, F, X, E],
  "a broken control period": [C, "Removing ControlBroken", I, O, R, F, E, E],
  "the fault": [C, "Removing ControlBroken", O, O, R, F, E, E],
  "the whole fault": [C, "Removing ControlBroken", O, R, R, F, E, E],
  "the whole fault, in some routers": [C, "Removing ControlBroken", O, O, R, F, E, E],
  "its end": [C, "Removing ControlBroken", O, R, F, F, E, E],
  "the way back": [C, "Removing ControlBroken", O, R, F, "Removing WithinObjectives", E, E],
  "an outage, and the way back": [C, "Removing ControlBroken", O, R, F, "Removing NotRecovered", E, E],
  "an obstacle": [P, ...Array.from({ length: 5 }, () => "Removing SomethingUnderWay"), E, E],
  "a stop": ["Ended StoppedByPerson", ...Array.from({ length: 5 }, () => "Removing StoppedByPerson"), E, E],
  "a stop, with a whole record": [
    "Ended StoppedByPerson",
    ...Array.from({ length: 5 }, () => "Removing StoppedByPerson"),
    E,
    E,
  ],
  "too late": [
    C,
    "Removing NoProbes",
    "Removing NoProbes",
    R,
    "Removing NoProbes",
    "Removing NoProbes",
    E,
    E,
  ],
  "too late, not acknowledged": [
    C,
    "Removing NotAcknowledged",
    "Removing NotAcknowledged",
    R,
    "Removing NotAcknowledged",
    "Removing NoProbes",
    X,
    E,
  ],
  "too late, with the control period": [
    C,
    "Removing NoProbes",
    "Removing FaultNotVerified",
    R,
    "Removing RevertNotSeen",
    "Removing NoProbes",
    E,
    E,
  ],
  "a clock set back": [
    "Ended ClockSetBack",
    ...Array.from({ length: 5 }, () => "Removing ClockSetBack"),
    E,
    E,
  ],
};

const view = (phase: DrillPhase, event: Event = {}): DrillView => ({
  nowMilliseconds: NOW,
  settings: SETTINGS,
  state: stateIn(phase),
  isAcknowledged: true,
  ...event,
});

test.each(
  Object.entries(EVENTS).flatMap(([name, event]) =>
    DRILL_PHASES.map((phase, index) => [phase, name, CELLS[name]?.[index] ?? "no cell", event] as const),
  ),
)("%s: %s leads to %s", (phase, _name, expected, event) => {
  const before = stateIn(phase);
  const { state } = advanceDrill({ ...view(phase, event), state: before });
  const verdict = state.verdict === before.verdict ? [] : [state.verdict?.reason];
  expect([state.phase, ...verdict].join(" ")).toBe(expected);
});

test("an obstacle that does not go away ends a drill before it has begun", () => {
  const { state } = advanceDrill(view("Preflight", { obstacle, nowMilliseconds: NOW + LATE }));
  expect(state).toMatchObject({
    phase: "Ended",
    verdict: { outcome: "Inconclusive", reason: obstacle.reason },
  });
});

test("routers are told when the fault ends by itself, after it should have been taken back", () => {
  const { state } = advanceDrill(view("Control", { record: control }));
  expect(askedOfRouters(state)).toEqual({ routes: "Fault", expiryMilliseconds: state.expiryMilliseconds });
  expect(state.expiryMilliseconds).toBeGreaterThan(
    NOW + PROOF_LIMIT_MILLISECONDS + SETTINGS.faultMilliseconds,
  );
});

test("a fault that took as long as it may to get into every router is observed for as long as any other", () => {
  const { state } = advanceDrill(view("Control", { record: control }));
  const observing = { ...state, phase: "Observing" as const };
  const last = NOW + PROOF_LIMIT_MILLISECONDS + SETTINGS.faultMilliseconds;
  const phaseAt = (nowMilliseconds: number) =>
    advanceDrill({ ...view("Observing"), state: observing, nowMilliseconds }).state.phase;
  expect(phaseAt(last - 1)).toBe("Observing");
  expect(phaseAt(last)).toBe("Reverting");
  expect(state.expiryMilliseconds).toBeGreaterThan(last);
});

test("a fault without an end is asked of nobody", () => {
  expect(askedOfRouters({ phase: "Observing", sinceMilliseconds: NOW })).toEqual({ routes: "Probes" });
});

/** One look of a random operator: time passes, and anything may be seen. */
const stretches = fc.array(
  fc.oneof(
    fc.constantFrom<Stretch>(well(1_000), well(10_000), failedOver(1_000), failedOver(30_000), outage(2_000)),
    fc.record({
      milliseconds: fc.constantFrom(100, 1_000, 10_000),
      bad: fc.integer({ min: 0, max: 20 }),
      witnesses: fc.constant(2),
      met: fc.integer({ min: 0, max: 1 }),
      clear: fc.integer({ min: 0, max: 1 }),
    }),
  ),
  { maxLength: 6 },
);
const looks = fc.array(
  fc.record({
    passed: fc.constantFrom(0, 100, 5_000, 31_000, 130_000, 700_000, -5_000),
    isAcknowledged: fc.boolean(),
    record: fc.option(fc.oneof(stretches, fc.constant([...GOOD_DRILL])), { nil: undefined }),
    isStopped: fc.oneof(
      { weight: 12, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    isObstructed: fc.oneof(
      { weight: 8, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    /** The operator dies before it has stored what it decided. */
    isLost: fc.boolean(),
  }),
  { maxLength: 25 },
);

test("never passed without control, verified fault and enough probes; a fault has an end; a stop takes all back", () => {
  fc.assert(
    fc.property(looks, (all) => {
      let now = NOW;
      let state: DrillState | undefined;
      for (const look of all) {
        now += look.passed;
        const record: ProbeRecord | undefined =
          look.record === undefined ? undefined : recordOf(...look.record);
        const before = state;
        const { state: next } = advanceDrill({
          nowMilliseconds: now,
          settings: SETTINGS,
          isAcknowledged: look.isAcknowledged,
          ...(state === undefined ? {} : { state }),
          ...(record === undefined ? {} : { record }),
          ...(look.isStopped ? { stop } : {}),
          ...(look.isObstructed ? { obstacle } : {}),
        });
        const asked = askedOfRouters(next);
        if (asked.routes === "Fault")
          expect(asked.expiryMilliseconds).toBeGreaterThan(next.sinceMilliseconds);
        if (look.isStopped || (look.isObstructed && before !== undefined && before.phase !== "Preflight"))
          expect(asked.routes).toBe("None");
        // Nothing leads back, and a verdict stands.
        expect(DRILL_PHASES.indexOf(next.phase)).toBeGreaterThanOrEqual(
          DRILL_PHASES.indexOf(before?.phase ?? "Preflight"),
        );
        if (before?.verdict !== undefined) expect(next.verdict).toEqual(before.verdict);
        if (next.phase === "Ended" || next.phase === "Removing") expect(next.verdict).toBeDefined();
        if (next.verdict?.outcome === "Passed" && before?.verdict === undefined) {
          expect(before?.phase).toBe("Failback");
          expect(judgeDrill(record, SETTINGS).verdict.outcome).toBe("Passed");
        }
        if (before?.phase === "Removing" && !look.isAcknowledged) expect(next.phase).toBe("Removing");
        if (!look.isLost) state = next;
      }
    }),
    { numRuns },
  );
});

test("whatever is seen, a drill ends within the sum of its limits, once routers acknowledge", () => {
  fc.assert(
    fc.property(fc.option(stretches, { nil: undefined }), fc.boolean(), (seen, isObstructed) => {
      let state: DrillState | undefined;
      for (let now = NOW; now < NOW + 1_500_000; now += 5_000) {
        const step = advanceDrill({
          nowMilliseconds: now,
          settings: SETTINGS,
          isAcknowledged: true,
          ...(state === undefined ? {} : { state }),
          ...(seen === undefined ? {} : { record: recordOf(...seen) }),
          ...(isObstructed ? { obstacle } : {}),
        });
        state = step.state;
      }
      expect(state?.phase).toBe("Ended");
    }),
    { numRuns: Math.ceil(numRuns / 10) },
  );
});
