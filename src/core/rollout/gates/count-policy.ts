/**
 * What becomes of the gates on counts while they have nothing, or too little, to judge by. They fail by their own verdict
 * alone: neither a deadline that nobody declared nor a collector that is away gives a release up.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import { DEFAULT_GATE_DEADLINE, type GateSpec } from "../../../api/rollout-gates.ts";
import { comparesArms } from "./gate-questions.ts";
import type { GatePolicy } from "./settle-gate.ts";

/**
 * The policy for the gates on counts of a release. They wait as long as a gate that compares the arms would. Where none
 * would, or there is none, a step is not held for want of data.
 */
export function countPolicy(declared: readonly GateSpec[]): GatePolicy {
  const comparing = declared.filter((gate) => comparesArms([gate]));
  if (comparing.some(({ onNoData }) => onNoData !== "Proceed")) return { failsByVerdictAlone: true };
  const deadlines = comparing.map(({ deadline }) => deadline ?? DEFAULT_GATE_DEADLINE);
  const deadline = deadlines.reduce(
    (longest, other) =>
      parseDurationMilliseconds(other) > parseDurationMilliseconds(longest) ? other : longest,
    "0s",
  );
  return { onNoData: "Proceed", deadline, failsByVerdictAlone: true };
}
