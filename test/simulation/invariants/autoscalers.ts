/**
 * Replicas that another autoscaler owns: handed over without a loss, and never by two.
 */
import { asNumber, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { AUTOSCALER_BOUNDS, boundsOf } from "../cluster/autoscalers.ts";
import { isOperator } from "../facts.ts";
import { standingIn } from "./autoscaling.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";
import { isUndoLost } from "./obstacle.ts";

/** The kind of the object by which each of these owners writes `spec.replicas`. */
const KIND_OF: Readonly<Record<string, keyof typeof AUTOSCALER_BOUNDS>> = {
  HPA: "HorizontalPodAutoscaler",
  KEDA: "ScaledObject",
};

function ownedIn(deployment: KubeObject) {
  const number = (...path: string[]) => asNumber(valueAt(deployment, ...path));
  return {
    kind: KIND_OF[asString(valueAt(deployment, "spec", "autoscaling", "owner")) ?? ""],
    least: number("spec", "autoscaling", "minReplicas") ?? 1,
    most: number("spec", "autoscaling", "maxReplicas") ?? 0,
    stated: number("spec", "replicas") ?? 0,
    replicas: number("status", "autoscaling", "replicas"),
    because: asString(valueAt(deployment, "status", "autoscaling", "because")),
  };
}

/** What an autoscaler takes over is what was there; and then what it writes counts, and nothing below its least. */
export const takenOver: Invariant = {
  name: "an autoscaler takes over the replicas that there are",
  brokenBy({ actor, before, after, call }) {
    if (after?.kind !== "ModelDeployment" || before === undefined || !isOperator(actor)) return undefined;
    if (call?.subresource !== "status" || valueAt(after, "spec", "suspend") === true) return undefined;
    if (valueAt(after, "status", "observedGeneration") !== after.metadata.generation) return undefined;
    const { kind, least, most, stated, replicas, because } = ownedIn(after);
    if (kind === undefined) return undefined;
    const about = `${after.metadata.namespace}/${after.metadata.name}`;
    const { replicas: former, because: formerly } = ownedIn(before);
    if (replicas === undefined) return `${about} says nothing of its replicas`;
    const kept = former === undefined ? undefined : Math.min(most, Math.max(least, former));
    const isOwned = formerly === "Autoscaler";
    const isOff = stated === 0 && replicas === 0 && (isOwned || !former);
    if (isOff) return undefined;
    if (replicas < least || replicas > most)
      return `${about} is to have ${replicas} replicas, and ${least} to ${most} are let`;
    const isWritten = replicas === Math.min(most, stated);
    if (because === "Autoscaler" && !isWritten) return `${about} has ${replicas}, which no autoscaler wrote`;
    const standing = standingIn(before, after);
    if (kept === undefined && replicas < Math.min(most, standing))
      return `${about} begins with ${replicas} replicas, and ${standing} are there`;
    if (kept === undefined || replicas === kept) return undefined;
    return isOwned && isWritten
      ? undefined
      : `${about} had ${former} replicas and has ${replicas}, and no autoscaler owned them`;
  },
};

/** One owner, by one object, with the bounds that people state. */
export const oneAutoscaler: RestInvariant = {
  name: "replicas have the one owner that is stated",
  problems(facts) {
    const { world } = facts;
    return world.objects("ModelDeployment").flatMap((deployment) => {
      if (valueAt(deployment, "spec", "suspend") === true || isUndoLost(deployment, facts)) return [];
      const { uid, name } = deployment.metadata;
      const { kind, least, most, stated, because } = ownedIn(deployment);
      const owned = Object.keys(AUTOSCALER_BOUNDS)
        .flatMap((each) => world.objects(each))
        .filter((object) => world.controllerOf(object)?.metadata.uid === uid);
      const kinds = owned.map((object) => object.kind);
      if (kinds.join() !== (kind ?? ""))
        return [`${name} has ${kinds.join(" and ") || "no autoscaler"} in place of ${kind ?? "none"}`];
      // 0 turns an autoscaler off, so nothing is handed over to it.
      if (kind === undefined || stated === 0) return [];
      const bounds = owned.map(boundsOf).join();
      return because === "Autoscaler" && bounds === `${least},${most}`
        ? []
        : [`${name} is not handed over: ${because}, ${bounds}`];
    });
  },
};
