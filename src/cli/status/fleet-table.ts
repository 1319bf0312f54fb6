/**
 * The table of `petrel status`: all ModelDeployments, first those that need a person. Pure.
 */
import type { KubeObject } from "../../api/kube-object.ts";
import { servingRevision } from "../../core/rollout/leading-revision.ts";
import { ageText } from "../age-text.ts";
import { conditionOf, deploymentObject } from "../deployment-object.ts";
import { tableLines } from "../table.ts";
import { attentionOf, STATES } from "./attention.ts";

/** Longest text of the last column. */
const MAXIMUM_WHY_LENGTH = 100;

/** One row for each, in the order of need, and then by name. */
export function fleetView(objects: readonly KubeObject[], nowMilliseconds: number) {
  return objects
    .map((object) => {
      const deployment = deploymentObject(object);
      const { namespace, name, status } = deployment;
      const pools = (status.pools ?? []).filter(({ revision }) => revision === servingRevision(status));
      return {
        namespace,
        name,
        ...attentionOf(deployment, nowMilliseconds),
        since: conditionOf(deployment, "Ready")?.lastTransitionTime ?? deployment.createdAt,
        readyReplicas: pools.reduce((sum, pool) => sum + pool.readyReplicas, 0),
        replicas: pools.reduce((sum, pool) => sum + pool.replicas, 0),
        stable: status.revisions?.stable,
        candidate: status.revisions?.candidate,
      };
    })
    .toSorted(
      (left, right) =>
        STATES.indexOf(left.state) - STATES.indexOf(right.state) ||
        (`${left.namespace}/${left.name}` < `${right.namespace}/${right.name}` ? -1 : 1),
    );
}

/** The lines of the table. */
export function fleetLines(rows: ReturnType<typeof fleetView>, nowMilliseconds: number): readonly string[] {
  if (rows.length === 0) return ["No ModelDeployment is there."];
  const head = ["NAMESPACE", "NAME", "STATE", "READY", "STABLE", "CANDIDATE", "SINCE", "WHY"];
  const table = tableLines([
    head,
    ...rows.map((row) => [
      row.namespace,
      row.name,
      row.state,
      `${row.readyReplicas}/${row.replicas}`,
      row.stable ?? "-",
      row.candidate ?? "-",
      ageText(row.since, nowMilliseconds),
      cut(row.why),
    ]),
  ]);
  const needy = rows.filter(({ needsPerson }) => needsPerson).length;
  return [...table, "", `${rows.length} in all; ${needy} of them need somebody`];
}

function cut(text: string): string {
  return text.length > MAXIMUM_WHY_LENGTH ? `${text.slice(0, MAXIMUM_WHY_LENGTH)}...` : text;
}
