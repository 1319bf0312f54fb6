/**
 * The routers of a namespace: whole where there is a ModelDeployment, and never taken away under traffic.
 */
import { valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { decideRouters } from "../../../src/core/router/decide-routers.ts";
import { firstDrift, withApplyHash } from "../../../src/kube/drift.ts";
import { ROUTER_NAME } from "../../../src/render/router.ts";
import { isRouter } from "../cluster/pod.ts";
import { isOperator, type Needs } from "../facts.ts";
import { SETTINGS } from "../operators/operator-process.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";

/** The operator removes nothing of the routers while they carry out a plan that gives somebody traffic. */
export const routersInUse: Invariant = {
  name: "routers never go while they carry traffic",
  brokenBy(write, facts) {
    const { actor, before, after } = write;
    if (before === undefined || after !== undefined || !isOperator(actor)) return undefined;
    if (before.kind === "Pod" || !isRouter(before) || facts.ownerOf(before) !== undefined) return undefined;
    const carryTraffic = ({ plans }: Needs) => plans.some(({ arms }) => arms.length > 0);
    return carryTraffic(facts.needsOf(before)) && carryTraffic(facts.whenSent(write))
      ? `${actor} removes ${before.kind} ${before.metadata.namespace}/${before.metadata.name}`
      : undefined;
  },
};

/** Every namespace with a ModelDeployment has all objects of its routers, as they should be. */
export const routersWhole: RestInvariant = {
  name: "the routers of a namespace are whole",
  problems(facts) {
    const namespaces = new Set(
      facts.world.objects("ModelDeployment").map(({ metadata }) => metadata.namespace ?? ""),
    );
    return [...namespaces].flatMap((namespace) => {
      const isTaken = facts.world
        .allObjects()
        .some(
          (object) =>
            facts.isForeign(object) &&
            object.metadata.namespace === namespace &&
            object.metadata.name === ROUTER_NAME,
        );
      const isCounting = facts.world
        .objects("ModelDeployment")
        .some(
          ({ metadata, spec }) => metadata.namespace === namespace && valueAt(spec, "quality") !== undefined,
        );
      return isTaken
        ? []
        : wantedObjects(namespace, isCounting).flatMap((wanted) => problemsOf(wanted, facts.world));
    });
  },
};

/** What the true decision makes of a namespace with one ModelDeployment, counted or not, and nothing in it yet. */
function wantedObjects(namespace: string, isCounting: boolean): readonly KubeObject[] {
  const nothing = { standing: new Map<string, string>(), credentials: [] };
  return decideRouters({ namespace, modelDeploymentCount: 1, isCounting, ...nothing, settings: SETTINGS })
    .apply;
}

function problemsOf(
  wanted: KubeObject,
  world: { find(kind: string, namespace: string, name: string): KubeObject | undefined },
): readonly string[] {
  const { namespace = "", name } = wanted.metadata;
  const standing = world.find(wanted.kind, namespace, name);
  const about = `${wanted.kind} ${namespace}/${name}`;
  if (standing === undefined) return [`${about} is missing`];
  const drift = firstDrift(withApplyHash(wanted), standing);
  return drift === undefined ? [] : [`${about} differs in ${drift}`];
}
