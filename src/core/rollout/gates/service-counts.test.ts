import { expect, test } from "@jest/globals";
import { inStepOne } from "../../../../test/fixtures/released-world.ts";
import type { FirstTries, TryWindow } from "../../../stats/first-tries.ts";
import type { Observation, ObservedPod } from "../../observation.ts";
import type { Reading } from "./reading.ts";
import { isCountedRecently, serviceOf, WARM_UP_MILLISECONDS, windowsOf } from "./service-counts.ts";

const MINUTE = 60_000;
const EDGES = [5, 10];
const tries = (count: number) => ({ tries: count, errors: 1, latencies: [count - 1, 0, 0] });
const minute = (slot: number, changes: Partial<TryWindow> = {}): TryWindow => ({
  slot,
  minutes: 1,
  epoch: 7,
  candidate: tries(10),
  stable: tries(90),
  uncompared: 40,
  ...changes,
});

/** A release in its first step, its pods ready since these moments. */
function observed(since: (pod: ObservedPod) => number | undefined): Observation {
  const observation = inStepOne().observation();
  return {
    ...observation,
    routers: observation.routers.map((router, index) => ({ ...router, address: `10.0.0.${index + 1}` })),
    pods: observation.pods.map((pod) => {
      const readySinceMilliseconds = since(pod);
      return readySinceMilliseconds === undefined ? pod : { ...pod, readySinceMilliseconds };
    }),
  };
}

const whole = (windows: readonly TryWindow[], changes: Partial<FirstTries> = {}): Reading<FirstTries> => ({
  kind: "Whole",
  atMilliseconds: 110 * MINUTE,
  value: { edgesMilliseconds: EDGES, windows, countedThrough: 109, ...changes },
});

function figures(observation: Observation, windows: readonly TryWindow[]) {
  const reading = serviceOf(observation, whole(windows));
  if (reading.kind !== "Whole") throw new Error(reading.reason);
  return reading.value;
}

test("both arms have the minutes of the routers, and the pods of their first pool", () => {
  const observation = observed(() => 0);
  const { latencyEdgesMilliseconds, candidate, stable } = figures(observation, [minute(100), minute(101)]);
  expect(latencyEdgesMilliseconds).toEqual(EDGES);
  expect(candidate.minutes).toEqual(Array(2).fill({ firstTries: 10, errors: 1, latencies: [9, 0, 0] }));
  expect(stable.minutes).toEqual(
    Array(2).fill({ firstTries: 90, errors: 1, latencies: [89, 0, 0], uncompared: 40 }),
  );
  const revisionOf = (name: string) =>
    observation.deployment.status.traffic?.arms.find((arm) => arm.name === name)?.pools[0]?.revision;
  const ready = (name: string) =>
    observation.pods.filter(({ revision, isReady }) => isReady && revision === revisionOf(name)).length;
  expect([candidate.warmPods, stable.warmPods]).toEqual([ready("Candidate"), ready("Stable")]);
  expect(candidate.warmPods).toBeGreaterThan(0);
});

test.each([
  [WARM_UP_MILLISECONDS - 1, 0],
  [WARM_UP_MILLISECONDS, 1],
])("a pod that has been ready for %d ms counts %d", (ago, warm) => {
  const { nowMilliseconds } = observed(() => 0);
  const { candidate } = figures(
    observed(() => nowMilliseconds - ago),
    [],
  );
  expect(candidate.warmPods > 0 ? 1 : 0).toBe(warm);
});

test("a pod of which it is not known since when it is ready is not warm", () => {
  expect(
    figures(
      observed(() => undefined),
      [],
    ).candidate.warmPods,
  ).toBe(0);
});

test("minutes in which a pod of either arm was cold are left out of both", () => {
  // Ready in the middle of minute 102, so warm in the middle of minute 103.
  let isFirst = true;
  const observation = observed(() => {
    const since = isFirst ? 102.5 * MINUTE : 0;
    isFirst = false;
    return since;
  });
  const windows = [100, 101, 102, 103, 104].map((slot) => minute(slot, { candidate: tries(slot) }));
  const { candidate, stable } = figures(observation, windows);
  expect(candidate.minutes.map(({ firstTries }) => firstTries)).toEqual([100, 101, 104]);
  expect(stable.minutes).toHaveLength(3);
  const block = minute(100, { minutes: 10 });
  expect(figures(observation, [block, minute(110)]).candidate.minutes).toHaveLength(1);
});

test("what did not come whole is no evidence", () => {
  const observation = observed(() => 0);
  expect(serviceOf(observation, undefined)).toMatchObject({ kind: "Missing" });
  const torn = { kind: "Torn", atMilliseconds: 5, reason: "no answer" } as const;
  expect(serviceOf(observation, torn)).toBe(torn);
});

test("windows of long ago are no evidence: every router has to have counted the last minutes", () => {
  const observation = observed(() => 0);
  const windows = [minute(100), minute(101)];
  const kindOf = (changes: Partial<FirstTries>) => serviceOf(observation, whole(windows, changes)).kind;
  expect(kindOf({})).toBe("Whole");
  expect(kindOf({ countedThrough: 106 })).toBe("Whole");
  expect(kindOf({ countedThrough: 105 })).toBe("Missing");
  const value = { edgesMilliseconds: EDGES, windows };
  const never = { kind: "Whole", atMilliseconds: 110 * MINUTE, value } as const;
  expect(serviceOf(observation, never)).toMatchObject({
    kind: "Missing",
    reason: "not every router has counted the last minutes of the step",
  });
});

test("a clock that goes before makes no router look fresh", () => {
  expect(isCountedRecently({ countedThrough: 110 }, 110 * MINUTE)).toBe(true);
  expect(isCountedRecently({ countedThrough: 110 }, 110 * MINUTE - 1)).toBe(false);
});

test("what was counted before the share was in effect, or under other plans, is not about the step", () => {
  const question = { fromMilliseconds: 101.5 * MINUTE, epochs: { first: 7, last: 8 } };
  const windows = [
    minute(101),
    minute(102),
    minute(103, { epoch: 6 }),
    minute(104, { epoch: 8 }),
    minute(105, { epoch: 9 }),
  ];
  const told = { edgesMilliseconds: EDGES, windows };
  const ours = windowsOf({ ...told, countedThrough: 104 }, question);
  expect(ours.windows.map(({ slot }) => slot)).toEqual([102, 104]);
  expect(ours.countedThrough).toBe(104);
  // What is counted now is not about the step.
  expect(windowsOf({ ...told, countedThrough: 105 }, question).countedThrough).toBeUndefined();
  expect(windowsOf(told, question).countedThrough).toBeUndefined();
});
