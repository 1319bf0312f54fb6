/**
 * Conditions as tools that know nothing of Petrel read them (kstatus): Flux, Argo CD, `kubectl wait`.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { isOperator } from "../facts.ts";
import type { Invariant } from "./invariant.ts";

const ALWAYS = ["Ready", "Available", "Promoted", "RolloutInProgress"] as const;
/** There only when True, and never beside Ready=True. */
const ABNORMAL = ["Reconciling", "Stalled"] as const;

const GIVEN_UP: ReadonlySet<unknown> = new Set([
  "RolloutAborted",
  "ValidationFailed",
  "ValidationNotMeasured",
  "Undoing",
  "Undone",
]);

/**
 * Each type stands once; some always, some only when True; all speak of the generation of the status; and the time
 * of a transition moves with a transition alone.
 */
export const conditionForm: Invariant = {
  name: "conditions have the form that tools rely on",
  brokenBy({ actor, call, before, after }) {
    if (after?.kind !== "ModelDeployment" || call?.subresource !== "status" || !isOperator(actor))
      return undefined;
    const problem = problemOf(before, after);
    return problem === undefined ? undefined : `${after.metadata.name}: ${problem}`;
  },
};

function problemOf(before: KubeObject | undefined, after: KubeObject): string | undefined {
  const conditions = asList(valueAt(after, "status", "conditions"));
  const former = asList(valueAt(before, "status", "conditions"));
  const find = (list: readonly unknown[], type: string) =>
    list.find((item) => valueAt(item, "type") === type);
  const missing = ALWAYS.find((type) => find(conditions, type) === undefined);
  if (missing !== undefined) return `${missing} is missing`;
  const isReady = valueAt(find(conditions, "Ready"), "status") === "True";
  for (const type of ABNORMAL) {
    const status = valueAt(find(conditions, type), "status");
    if (status !== undefined && status !== "True") return `${type} stands there as ${status}`;
    // A release that was given up, undone, or not let begin takes nothing from the stable revision.
    const isGivenUp = GIVEN_UP.has(valueAt(find(conditions, type), "reason"));
    if (status === "True" && isReady && !isGivenUp) return `${type} stands there beside Ready`;
  }
  const generation = valueAt(after, "status", "observedGeneration");
  for (const condition of conditions) {
    const type = asString(valueAt(condition, "type")) ?? "";
    if (conditions.some((other) => other !== condition && valueAt(other, "type") === type))
      return `two are ${type}`;
    const spokenOf = valueAt(condition, "observedGeneration");
    if (spokenOf !== generation) return `${type} is of generation ${spokenOf}, the status of ${generation}`;
    const then = find(former, type);
    const isTransition = valueAt(then, "status") !== valueAt(condition, "status");
    const hasMoved = valueAt(then, "lastTransitionTime") !== valueAt(condition, "lastTransitionTime");
    if (hasMoved && !isTransition) return `the time of ${type} moves without a transition`;
  }
  return undefined;
}
