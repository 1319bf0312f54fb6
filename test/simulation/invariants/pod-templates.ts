/**
 * What pods are made from: a template that is on record, and no other one unless a person has asked for it.
 */
import { asList, asRecord, asString, valueAt } from "../../../src/api/json.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { ModelDeployment } from "../../../src/api/model-deployment.ts";
import { ANNOTATION, CONTAINER, LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import type { PoolSpec } from "../../../src/api/pool.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { type Facts, isOperator } from "../facts.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";
import { obstacleTo } from "./obstacle.ts";

/** A Deployment of model servers names its template only once that was kept: the next operator has to find it. */
export const templateKept: Invariant = {
  name: "pods are made from a template that was kept before",
  brokenBy({ actor, before, after }, facts) {
    if (after?.kind !== "Deployment" || !isOperator(actor) || facts.ownerOf(after) === undefined)
      return undefined;
    const { namespace = "", name } = after.metadata;
    const record = recordOf(after);
    if (record !== undefined && record === recordOf(before)) return undefined;
    return record !== undefined && facts.wasKept(namespace, record)
      ? undefined
      : `${name} names ${record ?? "no template"}, which was never kept`;
  },
};

/** The pods of a Deployment are made anew only from a template of another record, which means other inputs. */
export const templateStays: Invariant = {
  name: "no pod is made anew unless a person has asked for it",
  brokenBy({ actor, before, after }) {
    if (before?.kind !== "Deployment" || after === undefined || !isOperator(actor)) return undefined;
    const record = recordOf(after);
    if (record === undefined || record !== recordOf(before)) return undefined;
    const isSame = jsonEquals(valueAt(before, "spec", "template"), valueAt(after, "spec", "template"));
    return isSame ? undefined : `${after.metadata.name} gets another template, and both are ${record}`;
  },
};

/** At rest, each Deployment has the template of its record, with what its pool asks for, and no other one is kept. */
export const podTemplates: RestInvariant = {
  name: "pods are as the spec says, and their template is on record",
  problems(facts) {
    return facts.world.objects("ModelDeployment").flatMap((object) => {
      const { deployment } = readModelDeployment(object);
      if (deployment === undefined || object.metadata.deletionTimestamp !== undefined) return [];
      const obstacle = obstacleTo(deployment, facts);
      if (obstacle === "Suspended" || obstacle === "NameTaken" || obstacle === "UndoLost") return [];
      const { namespace, name } = object.metadata;
      return problemsOf(deployment, facts).map((problem) => `${namespace}/${name}: ${problem}`);
    });
  },
};

function problemsOf({ metadata, spec, status }: ModelDeployment, facts: Facts): readonly string[] {
  const owned = (kind: string) =>
    facts.world
      .objects(kind)
      .filter((child) => facts.ownerOf(child)?.metadata.uid === metadata.uid && isVisible(child));
  const servers = owned("Deployment");
  const { stable, candidate } = status.revisions ?? {};
  // What is on its way out is as it was.
  const inUse = servers.flatMap((child) => {
    const { [LABEL.modelRevision]: revision, [LABEL.pool]: name } = child.metadata.labels ?? {};
    const pool = spec.pools.find((wanted) => wanted.name === name);
    const hasRole = revision === stable || revision === candidate;
    return pool === undefined || !hasRole ? [] : [{ child, pool }];
  });
  const named = new Set(servers.map(recordOf));
  const surplus = owned("ControllerRevision").filter(
    (record) => record.metadata.labels?.[LABEL.pool] !== undefined && !named.has(record.metadata.name),
  );
  const refresh = metadata.annotations?.[ANNOTATION.refresh];
  return [
    ...inUse.flatMap(({ child, pool }) => templateProblems(child, pool, facts)),
    ...surplus.map((record) => `template ${record.metadata.name} is kept, and no pods are made from it`),
    ...(status.observedRefresh === refresh
      ? []
      : [`a refresh ${refresh} is asked for, and ${status.observedRefresh} was seen`]),
  ];
}

function templateProblems(child: KubeObject, pool: PoolSpec, { world }: Facts): readonly string[] {
  const { namespace = "", name } = child.metadata;
  const record = world.find("ControllerRevision", namespace, recordOf(child) ?? "");
  const template = valueAt(child, "spec", "template");
  const server = asList(valueAt(template, "spec", "containers")).find(
    (container) => valueAt(container, "name") === CONTAINER.serve,
  );
  const { limits = {}, requests = {} } = pool.resources ?? {};
  const isAsked = (list: "limits" | "requests", wanted: Readonly<Record<string, string | number>>) =>
    Object.entries(wanted).every(
      ([resource, amount]) =>
        String(asRecord(valueAt(server, "resources", list))?.[resource]) === String(amount),
    );
  return [
    ...(record === undefined ? [`the template of ${name} is not on record`] : []),
    ...(record === undefined || jsonEquals(valueAt(record, "data", "template"), template)
      ? []
      : [`${name} has another template than its record`]),
    ...(isAsked("limits", limits) && isAsked("requests", requests)
      ? []
      : [`pods of ${name} do not ask for what pool ${pool.name} says`]),
  ];
}

function recordOf(deployment: KubeObject | undefined): string | undefined {
  return asString(deployment?.metadata.annotations?.[ANNOTATION.podRevision]);
}

function isVisible({ metadata }: KubeObject): boolean {
  return metadata.labels?.[LABEL.managedBy] === MANAGED_BY;
}
