/**
 * Errors in the planner of conditions.
 */
import type { Observation } from "../../../src/core/observation.ts";
import { conditionForm } from "../invariants/condition-form.ts";
import { convergence } from "../invariants/convergence.ts";
import { COMES_TO_REST, IDLE } from "../simulation.ts";
import { type Condition, type PlantedBug, seeing, telling } from "./planted-bug.ts";

function changed(
  conditions: readonly Condition[],
  type: string,
  change: Partial<Condition>,
): readonly Condition[] {
  return conditions.map((condition) => (condition.type === type ? { ...condition, ...change } : condition));
}

/** Says something of a condition, with the time since when it has been said. */
function stating(
  conditions: readonly Condition[],
  { deployment, nowMilliseconds }: Observation,
  type: string,
  status: Condition["status"],
): readonly Condition[] {
  const former = find(deployment.status.conditions, type);
  const lastTransitionTime =
    former?.status === status
      ? former.lastTransitionTime
      : new Date(nowMilliseconds).toISOString().replace(/\.\d+Z$/, "Z");
  return changed(conditions, type, { status, lastTransitionTime });
}

function find(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** All of them. */
export const CONDITION_BUGS: readonly PlantedBug[] = [
  {
    what: "says Ready whatever is so",
    substitutes: telling((conditions, observation) => stating(conditions, observation, "Ready", "True")),
    noticedBy: [convergence.name, conditionForm.name],
  },
  {
    what: "says Available whatever is so",
    substitutes: telling((conditions, observation) => stating(conditions, observation, "Available", "True")),
    noticedBy: [convergence.name],
  },
  {
    what: "says Promoted whatever is so",
    substitutes: telling((conditions, observation) => stating(conditions, observation, "Promoted", "True")),
    noticedBy: [convergence.name],
  },
  {
    what: "tells the time in a message",
    substitutes: telling((conditions, { nowMilliseconds }) =>
      conditions.map((condition) => ({
        ...condition,
        message: `${condition.message} at ${nowMilliseconds}`,
      })),
    ),
    noticedBy: [COMES_TO_REST, IDLE],
  },
  {
    what: "says Stalled=False where nothing is stalled",
    substitutes: telling((conditions) => {
      const ready = find(conditions, "Ready");
      if (ready === undefined || find(conditions, "Stalled") !== undefined) return conditions;
      return [...conditions, { ...ready, type: "Stalled", status: "False" }];
    }),
    noticedBy: [conditionForm.name],
  },
  {
    what: "leaves Reconciling there once it is Ready",
    substitutes: telling((conditions, { deployment }) => {
      const former = find(deployment.status.conditions, "Reconciling");
      const ready = find(conditions, "Ready");
      if (former === undefined || ready === undefined || find(conditions, "Reconciling") !== undefined) {
        return conditions;
      }
      return [...conditions, { ...former, observedGeneration: ready.observedGeneration }];
    }),
    noticedBy: [conditionForm.name],
  },
  {
    what: "moves the time of a transition with every look",
    substitutes: telling((conditions, { nowMilliseconds }) =>
      conditions.map((condition) => ({
        ...condition,
        lastTransitionTime: new Date(nowMilliseconds).toISOString().replace(/\.\d+Z$/, "Z"),
      })),
    ),
    noticedBy: [conditionForm.name],
  },
  {
    what: "speaks of the generation of the last report",
    substitutes: telling((conditions, { deployment }) =>
      conditions.map((condition) => ({
        ...condition,
        observedGeneration: deployment.status.observedGeneration ?? condition.observedGeneration,
      })),
    ),
    noticedBy: [conditionForm.name],
  },
  {
    what: "takes Ready away from stable when a candidate fails",
    substitutes: telling((conditions, observation) => {
      const rollout = find(conditions, "RolloutInProgress");
      const fails = rollout?.reason === "FetchFailed" || rollout?.reason === "ModelNotLoaded";
      return fails ? stating(conditions, observation, "Ready", "False") : conditions;
    }),
    noticedBy: [convergence.name],
    withinSeeds: 400,
  },
  {
    what: "does not say why a candidate does not come up",
    substitutes: telling((conditions) => {
      const isTrue = find(conditions, "RolloutInProgress")?.status === "True";
      return isTrue ? changed(conditions, "RolloutInProgress", { reason: "NewRevision" }) : conditions;
    }),
    noticedBy: [convergence.name, IDLE],
  },
  {
    what: "does not tell what the API server has refused",
    substitutes: seeing((observation) => ({ ...observation, refusals: [] })),
    noticedBy: [convergence.name],
  },
];
