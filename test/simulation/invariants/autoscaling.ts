/**
 * Replicas by the load: within their bounds, never fewer without knowledge, and no hand-over that loses any.
 */
import { asList, asNumber, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { COMPONENT, LABEL } from "../../../src/api/names.ts";
import { LOAD_SLOT_MILLISECONDS, loadSlotAt } from "../../../src/stats/load-slots.ts";
import { isOperator } from "../facts.ts";
import { REQUESTS_PER_REPLICA } from "../loads.ts";
import { SCALE_IN_MILLISECONDS } from "../people/specs.ts";
import type { Write } from "../world.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";

const SLOTS_A_MINUTE = 4;
/** A decision may be stored so much later than it was made. */
const LATENESS_MILLISECONDS = 35_000;

/** Replicas that stood before in the pool that is the first one now. */
export function standingIn(before: KubeObject, after: KubeObject): number {
  const first = valueAt(asList(valueAt(after, "spec", "pools"))[0], "name");
  const standing = asList(valueAt(before, "status", "pools"))
    .filter((pool) => valueAt(pool, "name") === first)
    .map((pool) => asNumber(valueAt(pool, "replicas")) ?? 0);
  return Math.max(0, ...standing);
}

/** A report of an operator about the spec that stands; undefined for any other write. */
function reportIn({ actor, before, after, call }: Write) {
  if (after?.kind !== "ModelDeployment" || before === undefined || !isOperator(actor)) return undefined;
  if (call?.subresource !== "status") return undefined;
  const isOfSpec = valueAt(after, "status", "observedGeneration") === after.metadata.generation;
  if (!isOfSpec || valueAt(after, "spec", "suspend") === true) return undefined;
  const numberIn = (object: KubeObject, ...path: string[]) => asNumber(valueAt(object, ...path));
  const owner = valueAt(after, "spec", "autoscaling", "owner");
  // What an autoscaler owns has invariants of its own.
  if (owner === "HPA" || owner === "KEDA") return undefined;
  const petrelOwns = owner === "Petrel";
  return {
    petrelOwns,
    about: `${after.metadata.namespace}/${after.metadata.name}`,
    former: numberIn(before, "status", "autoscaling", "replicas"),
    replicas: numberIn(after, "status", "autoscaling", "replicas"),
    inPlaceOf: numberIn(before, "status", "autoscaling", "inPlaceOf"),
    wasHandedBack: asString(valueAt(before, "status", "autoscaling", "because")) === "HandedBack",
    stated: numberIn(after, "spec", "replicas"),
    least: numberIn(after, "spec", "autoscaling", "minReplicas") ?? 1,
    most: numberIn(after, "spec", "autoscaling", "maxReplicas") ?? 0,
    standing: standingIn(before, after),
  };
}

/** Never more replicas, nor fewer, than people let. */
export const scaledWithinBounds: Invariant = {
  name: "replicas by the load stay within their bounds",
  brokenBy(write) {
    const report = reportIn(write);
    if (report === undefined || !report.petrelOwns) return undefined;
    const { replicas, least, most, about } = report;
    const isWithin = replicas !== undefined && replicas >= least && replicas <= most;
    return isWithin ? undefined : `${about} is to have ${replicas} replicas, and ${least} to ${most} are let`;
  },
};

/** Whoever takes replicas away was told of the whole time before, and all of that needed no more. */
export const scaledInByKnowledge: Invariant = {
  name: "no replica goes but by a load that is known to need it no more",
  brokenBy(write, facts) {
    const report = reportIn(write);
    if (report === undefined || !report.petrelOwns || facts.clocksDiffer) return undefined;
    const { former, replicas, most, about } = report;
    if (former === undefined || replicas === undefined || replicas >= former || former > most)
      return undefined;
    const uid = write.after?.metadata.uid ?? "";
    const now = facts.world.clock.now();
    const last = loadSlotAt(now - LATENESS_MILLISECONDS) - 1;
    const first = loadSlotAt(now - SCALE_IN_MILLISECONDS) + 1;
    for (let slot = first; slot <= last; slot++) {
      const told = facts.loads.toldOf(write.actor, uid, slot);
      if (told === undefined) return `${about} goes from ${former} to ${replicas}, and nobody told of a slot`;
      if (slot - first < SLOTS_A_MINUTE - 1) continue;
      const minute = Array.from({ length: SLOTS_A_MINUTE }, (_, at) =>
        facts.loads.toldOf(write.actor, uid, slot - at),
      );
      const rate = minute.reduce<number>((sum, one) => sum + (one ?? 0), 0) / SLOTS_A_MINUTE;
      if (rate / REQUESTS_PER_REPLICA > replicas)
        return `${about} goes from ${former} to ${replicas}, and ${(now - slot * LOAD_SLOT_MILLISECONDS) / 1_000} s ago there were ${rate} requests a second`;
    }
    return undefined;
  },
};

/** Whoever takes over begins with what is there. */
export const handedOver: Invariant = {
  name: "a hand-over of replicas loses none",
  brokenBy(write) {
    const report = reportIn(write);
    if (report === undefined) return undefined;
    const { petrelOwns, former, replicas, inPlaceOf, wasHandedBack, stated, most, standing, about } = report;
    if (petrelOwns) {
      const begins = former === undefined && replicas !== undefined;
      return begins && replicas < Math.min(most, standing)
        ? `${about} begins with ${replicas} replicas, and ${standing} are there`
        : undefined;
    }
    if (former === undefined || replicas === former || stated === former) return undefined;
    const isStated = stated !== inPlaceOf && (wasHandedBack || stated !== 1);
    return isStated && replicas === undefined
      ? undefined
      : `${about} had ${former} replicas and has ${replicas ?? stated}, and nobody asked for that`;
  },
};

/** What was learned of a load is kept once, and goes with what it is about. */
export const loadMemories: RestInvariant = {
  name: "what is known of a load is kept once",
  problems({ world }) {
    const kept = world
      .objects("ControllerRevision")
      .filter(({ metadata }) => metadata.labels?.[LABEL.component] === COMPONENT.loadMemory)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    return world.objects("ModelDeployment").flatMap((deployment) => {
      if (valueAt(deployment, "spec", "suspend") === true) return [];
      const own = kept.filter(
        (memory) => world.controllerOf(memory)?.metadata.uid === deployment.metadata.uid,
      );
      const most = valueAt(deployment, "spec", "autoscaling") === undefined ? 0 : 1;
      return own.length <= most ? [] : [`${deployment.metadata.name} keeps ${own.length} of its load`];
    });
  },
};
