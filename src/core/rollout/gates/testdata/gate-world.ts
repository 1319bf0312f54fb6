/**
 * What gates see, made up: a release in which all is well, and ways in which it is not.
 */
import { USER_GROUPS } from "../../../../stats/evidence.ts";
import type {
  ArmCell,
  ArmService,
  CollectedEvidence,
  GateEvidence,
  MetricEvidence,
  ServiceFigures,
  StepView,
} from "../gate-evidence.ts";
import type { Reading } from "../reading.ts";

/** The present moment. */
export const NOW = Date.UTC(2026, 0, 2);
/** In milliseconds. */
export const MINUTE = 60_000;
/** In milliseconds. */
export const HOUR = 60 * MINUTE;

/** A step that has been in effect for two hours, of one that it has to last. */
export const STEP: StepView = {
  nowMilliseconds: NOW,
  weight: 1_000,
  epochs: { first: 3, last: 3 },
  isLast: false,
  inEffectAtMilliseconds: NOW - 2 * HOUR,
  dueAtMilliseconds: NOW - HOUR,
};

/** The step before all the traffic. */
export const LAST: StepView = { ...STEP, weight: 5_000, isLast: true };

/** Nothing that was read. */
export const NOTHING: GateEvidence = { queries: new Map(), hooks: new Map() };

/** Just read. */
export function whole<Value>(value: Value, atMilliseconds = NOW - 1_000): Reading<Value> {
  return { kind: "Whole", atMilliseconds, value };
}

/** A cell with so many answers in each group, and successes that differ from group to group but not by chance. */
export function cell(epoch: number, arm: ArmCell["arm"], answers: number, successes: number): ArmCell {
  const groups = Array.from({ length: USER_GROUPS }, (_, group) => group);
  return {
    epoch,
    arm,
    answers: groups.map(() => answers),
    // Every other group has one more than the others.
    sums: groups.map((group) => Math.max(0, Math.min(answers, successes + (group % 2)))),
  };
}

/** The same candidate, `change` being what it adds to the successes of a group. */
export function clicks(change: number, answers = 400): readonly ArmCell[] {
  return [cell(3, "Candidate", answers, 20 + change), cell(3, "Stable", answers, 20)];
}

/** Clicks whose labels take half an hour. */
export function metricOf(cells: readonly ArmCell[]): MetricEvidence {
  return {
    metric: { values: "ZeroOne", better: "Higher" },
    maturesMilliseconds: HOUR / 2,
    arrived: cells,
    matured: cells,
  };
}

/** Evidence of collectors. */
export function collected(
  cells: readonly ArmCell[],
  changes: Partial<CollectedEvidence> = {},
): CollectedEvidence {
  return {
    metrics: new Map([["ctr", metricOf(cells)]]),
    requestsPerSecond: 10,
    recentRequests: [
      { epoch: 3, arm: "Candidate", requests: 600 },
      { epoch: 3, arm: "Stable", requests: 5_400 },
    ],
    drawn: { of: "Users", epochs: [{ weights: [1_000, 9_000], users: [1_000, 9_000] }] },
    assignedArms: { told: 12_000, checked: 10_000, misplaced: 0 },
    ...changes,
  };
}

/** Buckets up to 5, 10, 20, 40 and 80 ms, and beyond. */
export const EDGES = [5, 10, 20, 40, 80] as const;

/** An hour of one arm: so many first tries a minute, errors, and slow ones of 40 to 80 ms. */
export function hourOf(tries: number, errors: number, slow: number, warmPods = 4): ArmService {
  const latencies = [0, Math.floor((tries - slow) / 2), Math.ceil((tries - slow) / 2), 0, slow, 0];
  return {
    warmPods,
    minutes: Array.from({ length: 60 }, () => ({ firstTries: tries, errors, latencies })),
  };
}

/** Figures of both arms. */
export function figures(candidate: ArmService, stable: ArmService = hourOf(1_000, 1, 2)): ServiceFigures {
  return { latencyEdgesMilliseconds: EDGES, candidate, stable };
}

/** All is well with everything. */
export const WELL: GateEvidence = {
  collected: whole(collected(clicks(0))),
  drawsUsers: true,
  service: whole(figures(hourOf(1_000, 1, 2))),
  queries: new Map([["gate", whole(0.5)]]),
  hooks: new Map([["gate", whole({ outcome: "Pass", message: "fine" } as const)]]),
};
