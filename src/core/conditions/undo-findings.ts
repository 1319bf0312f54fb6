/**
 * What the conditions say of an undo: that it is on its way, that it stands, or why it was refused.
 */
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { undoneBy } from "../undo/undo-target.ts";
import type { Finding, Plans } from "./plan-conditions.ts";

const TYPE = "Undone";

/** The undo that stands, or the latest request that was refused; nothing where there is neither. */
export function undoFinding(plans: Plans): readonly Finding[] {
  const { undo } = plans;
  const refusal =
    undo.status?.refusal === undefined
      ? undefined
      : `the request to undo ${undo.status.request} was refused: ${undo.status.refusal}`;
  const found = standingFinding(plans);
  if (found === undefined)
    return refusal === undefined
      ? []
      : [{ type: TYPE, status: "False", reason: "UndoRefused", message: refusal }];
  return [{ ...found, message: [found.message, ...(refusal === undefined ? [] : [refusal])].join("; ") }];
}

/** That nobody works on the model of the spec, for it was undone. */
export function undoneFinding(plans: Plans): Finding | undefined {
  const { undo, stated } = plans.revisions;
  const isAwaited = undo === undefined || undo.next !== undefined || undo.revision === stated.revision.name;
  const found = isAwaited ? undefined : standingFinding(plans);
  return found === undefined ? undefined : { ...found, type: "Stalled" };
}

function standingFinding(plans: Plans): Finding | undefined {
  const { undo, stable, candidate, stated } = plans.revisions;
  if (undo === undefined) return undefined;
  const { revision, next, because } = undo;
  const by = undoneBy(undo);
  const request = `request ${undo.request}${because === undefined ? "" : `, ${because}`}`;
  const then = next === undefined ? afterwards(stated.revision.name, revision) : `then ${next} is released`;
  const leads = plans.traffic.arms.every(({ pools }) => pools[0]?.revision === revision);
  if (stable.name === revision && candidate === undefined && leads) {
    const message = `${by} had the traffic taken back to ${revision} (${request}); ${then}`;
    return { type: TYPE, status: "True", reason: "Undone", message };
  }
  const message = `${by} has the traffic taken back to ${revision} (${request}): ${wayOf(plans, revision)}; ${then}`;
  return { type: TYPE, status: "True", reason: "Undoing", message };
}

function afterwards(stated: string, revision: string): string {
  if (stated === revision) return "the spec states that revision";
  return `${stated}, which the spec states, is not released until spec.model is another one, or petrel retry asks for it`;
}

function wayOf({ revisions: { stable, candidate }, rollout }: Plans, revision: string): string {
  if (candidate !== undefined && candidate.name !== revision)
    return `${candidate.name} keeps what it has until ${stable.name} has as many ready replicas`;
  if (candidate === undefined)
    return stable.name === revision ? "its replicas are awaited" : "a person gave that release up";
  if (rollout.weight === FULL_WEIGHT) return "the routers take it up";
  if (rollout.wanted?.spec.strategy.type === "Recreate")
    return `${stable.name} is taken away first, and nothing answers until ${revision} is ready`;
  return `${stable.name} serves until all replicas of ${revision} are ready`;
}
