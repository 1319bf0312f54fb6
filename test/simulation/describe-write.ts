/**
 * One line of text for a write, with what matters of it. For the trace.
 */
import { asString, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { storedPlan } from "./plan-history.ts";
import type { Write } from "./world.ts";

/** What somebody did to an object. */
export function describeWrite({ actor, before, after }: Write): string {
  const object = after ?? before;
  if (object === undefined) return `${actor} writes nothing`;
  const verb = before === undefined ? "creates" : after === undefined ? "removes" : "writes";
  const { kind, metadata } = object;
  const what = `${kind} ${metadata.namespace}/${metadata.name} v${metadata.resourceVersion}`;
  return [`${actor} ${verb} ${what}`, after === undefined ? "" : details(after)].filter(Boolean).join(": ");
}

function details(object: KubeObject): string {
  const isDeleted = object.metadata.deletionTimestamp === undefined ? "" : "is being deleted; ";
  switch (object.kind) {
    case "Deployment":
      return `${isDeleted}replicas ${valueAt(object, "spec", "replicas")}`;
    case "ModelDeployment":
      return `${isDeleted}${describeStatus(object)}`;
    case "ModelRollout":
      return [
        `${valueAt(object, "spec", "revision")} ${valueAt(object, "status", "phase")}`,
        `step ${valueAt(object, "status", "step")} of ${valueAt(object, "status", "steps")}`,
        `${valueAt(object, "status", "weight")} since ${valueAt(object, "status", "weightInEffectAt")}`,
        `${valueAt(object, "status", "message")}`,
      ].join("; ");
    case "ModelExperiment":
      return [
        `${isDeleted}${valueAt(object, "status", "phase")} ${valueAt(object, "status", "reason") ?? ""}`,
        `until ${valueAt(object, "status", "endsAt")}`,
        `${valueAt(object, "status", "message")}`,
      ].join("; ");
    case "FailoverDrill":
      return [
        `${isDeleted}${valueAt(object, "status", "phase")} ${valueAt(object, "status", "reason") ?? ""}`,
        `${valueAt(object, "status", "verdict", "outcome") ?? ""} ${valueAt(object, "status", "verdict", "reason") ?? ""}`,
      ].join("; ");
    case "Event":
      return `${object["reason"]} ${object["note"]}`;
    default:
      return isDeleted;
  }
}

function describeStatus(deployment: KubeObject): string {
  const plan = storedPlan(deployment);
  const arms = (plan?.arms ?? []).map(({ name, weight, pools }) => {
    return `${name} ${weight} to ${pools.map((pool) => `${pool.revision}/${pool.pool}x${pool.replicas}`).join(" ")}`;
  });
  const revisions = valueAt(deployment, "status", "revisions");
  const stable = asString(valueAt(revisions, "stable")) ?? "none";
  const candidate = asString(valueAt(revisions, "candidate"));
  const conditions = valueAt(deployment, "status", "conditions");
  const told = (Array.isArray(conditions) ? conditions : []).map((condition: unknown) => {
    return `${valueAt(condition, "type")}=${valueAt(condition, "status")}/${valueAt(condition, "reason")}`;
  });
  return [
    `generation ${deployment.metadata.generation}`,
    `stable ${stable}${candidate === undefined ? "" : `, candidate ${candidate}`}`,
    plan === undefined ? "no plan" : `epoch ${plan.epoch} on ${plan.port}: ${arms.join("; ") || "no arm"}`,
    told.join(" "),
  ].join("; ");
}
