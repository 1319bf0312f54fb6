/**
 * How the state machine of a release asks its gates: of which step, and what it keeps of what they say.
 */
import type { GateStatus } from "../../../api/gate-status.ts";
import type { RolloutHistoryEntry } from "../../../api/model-rollout.ts";
import { holdbackStep, mirrorOfStep, type RolloutStep, weightOfStep } from "../rollout-steps.ts";
import type { StepView } from "./gate-evidence.ts";
import { NO_DATA_PATIENCE_MILLISECONDS } from "./settle-gate.ts";

/** What a gate says, and when it is to be asked again although nothing else happens. */
export interface NamedFinding extends GateStatus {
  readonly wakeAtMilliseconds?: number;
}

/** A step as gates are asked about it. */
export type JudgedStep = Omit<StepView, "nowMilliseconds" | "epochs">;

/**
 * A step to be judged.
 *
 * @param entry of the step in the history.
 * @param dueAt when it has lasted its time; undefined once it was passed.
 */
export function judgedStep(
  steps: readonly RolloutStep[],
  step: number,
  entry: RolloutHistoryEntry | undefined,
  dueAt: number | undefined,
): JudgedStep {
  const held = holdbackStep(steps);
  return {
    weight: weightOfStep(steps, step),
    mirror: mirrorOfStep(steps, step),
    isLast: step === (held ?? steps.length) - 1,
    ...(held !== undefined && step >= held ? { isHoldback: true } : {}),
    ...(entry?.inEffectAt === undefined ? {} : { inEffectAtMilliseconds: Date.parse(entry.inEffectAt) }),
    ...(dueAt === undefined ? {} : { dueAtMilliseconds: dueAt }),
  };
}

/** What a status keeps. */
export function storedGates(gates: readonly NamedFinding[]): GateStatus[] {
  return gates.map(({ wakeAtMilliseconds: _wake, ...status }) => status);
}

/**
 * Whether a gate lets its step end. One that is decided in the holdback holds no step, unless it has only just nothing to
 * judge by.
 */
export function letsEnd(
  gate: Pick<GateStatus, "outcome" | "deferred" | "noDataSince">,
  nowMilliseconds: number,
): boolean {
  const { outcome, deferred } = gate;
  return (
    outcome === "Pass" || (deferred === true && outcome !== "Fail" && letsHoldbackEnd(gate, nowMilliseconds))
  );
}

/**
 * Whether a gate lets a holdback end: in whatever state, but for one that has only just nothing to judge by. An operator that
 * was away has not read yet what may show harm.
 */
export function letsHoldbackEnd(
  { noDataSince }: Pick<GateStatus, "noDataSince">,
  nowMilliseconds: number,
): boolean {
  return (
    noDataSince === undefined || nowMilliseconds - Date.parse(noDataSince) >= NO_DATA_PATIENCE_MILLISECONDS
  );
}

/** Which gate is waited for; undefined when none is. Its numbers, which move with every reading, stand with the gate. */
export function awaitedGate(gates: readonly NamedFinding[], nowMilliseconds: number): string | undefined {
  const blocking = gates.find((gate) => !letsEnd(gate, nowMilliseconds));
  if (blocking === undefined) return undefined;
  return `waits for gate ${blocking.name}: ${blocking.reason ?? blocking.message}`;
}
