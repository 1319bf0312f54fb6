/**
 * At rest, what is told of the pools behind the first one is so.
 *
 * It is told here a second time, in plain words and without the planners.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL } from "../../../src/api/names.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { isReady } from "../cluster/pod.ts";
import type { Facts } from "../facts.ts";
import { storedPools } from "../scaled-replicas.ts";
import type { RestInvariant } from "./invariant.ts";
import { obstacleTo } from "./obstacle.ts";

/** The condition, its word, and the coverage, by the pods that there are. */
export const standbyTold: RestInvariant = {
  name: "what is told of the standby is so",
  problems(facts) {
    return facts.world.objects("ModelDeployment").flatMap((object) => {
      const { deployment } = readModelDeployment(object);
      if (deployment === undefined || object.metadata.deletionTimestamp !== undefined) return [];
      const obstacle = obstacleTo(deployment, facts);
      if (obstacle === "NameTaken" || obstacle === "Suspended" || obstacle === "UndoLost") return [];
      const [told, wanted] = [toldOf(object), wantedOf(object, facts)];
      return told === wanted ? [] : [`${object.metadata.name}: it is told ${told}, and ${wanted} is so`];
    });
  },
};

function toldOf({ status }: KubeObject): string {
  const found = asList(valueAt(status, "conditions")).find(
    (condition) => valueAt(condition, "type") === "StandbyReady",
  );
  const coverage = valueAt(status, "standby", "coverage");
  return found === undefined && coverage === undefined
    ? "nothing"
    : `${valueAt(found, "status")} ${valueAt(found, "reason")} ${coverage}`;
}

function wantedOf(object: KubeObject, { world }: Facts): string {
  const [first, ...behind] = storedPools(object);
  if (first === undefined || first.replicas === 0 || behind.length === 0) return "nothing";
  const { namespace, name } = object.metadata;
  const revisions = valueAt(object, "status", "revisions");
  const candidate = asString(valueAt(revisions, "candidate"));
  const holds = valueAt(object, "status", "rollout", "heldBack") !== undefined;
  const isReturning = valueAt(object, "status", "rollout", "returning") !== undefined;
  const serving = holds && !isReturning && candidate !== undefined ? candidate : valueAt(revisions, "stable");
  const ready = world.objects("Pod").filter((pod) => {
    const { labels = {}, deletionTimestamp, namespace: place } = pod.metadata;
    const isOurs = place === namespace && labels[LABEL.modelDeployment] === name;
    const isBehind = behind.some((pool) => pool.name === labels[LABEL.pool]);
    const isServing = labels[LABEL.modelRevision] === serving;
    return isOurs && isBehind && isServing && isReady(pod) && deletionTimestamp === undefined;
  }).length;
  if (ready >= first.replicas) return "True StandbyCovers 100";
  if (ready === 0) return "False StandbyNotReady 0";
  return `False StandbyShort ${Math.floor((10 * ready) / first.replicas) * 10}`;
}
