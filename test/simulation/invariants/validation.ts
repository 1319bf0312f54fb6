/**
 * A validation comes before the first request: nothing is served by what has not passed, and nothing passes by anything
 * but the word of its Job.
 */

import { contentHash } from "../../../src/api/content-hash.ts";
import { asNumber, asString, valueAt } from "../../../src/api/json.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL } from "../../../src/api/names.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { fetchedUri } from "../cluster/evaluations.ts";
import { isProber } from "../cluster/probers.ts";
import { type Facts, isOperator } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import { storedValidation } from "../validation-history.ts";
import type { Write } from "../world.ts";
import type { Invariant } from "./invariant.ts";
import { storedRelease, verdictOf } from "./stored-release.ts";
import { storedUndo, visibleRecord } from "./stored-undo.ts";

function isReport({ actor, call, after }: Write): boolean {
  return after?.kind === "ModelDeployment" && call?.subresource === "status" && isOperator(actor);
}

function asksForValidation(deployment: KubeObject | undefined): boolean {
  return valueAt(deployment, "spec", "validation") !== undefined;
}

/** What is `Passed` or `Failed` was told so, of every threshold, by the Job of that very validation. */
export const outcomeTold: Invariant = {
  name: "a validation has the outcome that its Job told, and no other",
  brokenBy(write, { validations }) {
    const { before, after } = write;
    const now = storedValidation(after);
    if (!isReport(write) || after === undefined || now === undefined) return undefined;
    const then = storedValidation(before);
    if (then?.job === now.job && then.outcome === now.outcome) return undefined;
    const { uid = "", name } = after.metadata;
    const told = validations.told(uid, now.job);
    const isTrue =
      (now.outcome !== "Passed" || told === true) && (now.outcome !== "Failed" || told === false);
    return isTrue
      ? undefined
      : `${name}: ${now.revision} has ${now.outcome}, and Job ${now.job} told ${told}`;
  },
};

/** Of the same question the same answer, whatever becomes of its Job. */
export const outcomeHolds: Invariant = {
  name: "the outcome of a validation holds once it is stored",
  brokenBy(write) {
    const { before, after } = write;
    const then = storedValidation(before);
    if (!isReport(write) || after === undefined || then?.outcome === undefined) return undefined;
    if (storedValidation(after)?.job !== then.job) return undefined;
    return jsonEquals(valueAt(before, "status", "validation"), valueAt(after, "status", "validation"))
      ? undefined
      : `${after.metadata.name}: the outcome of Job ${then.job} was ${then.outcome}`;
  },
};

/** No revision is in a plan, and none is given replicas, that has never passed. */
export const validatedFirst: Invariant = {
  name: "nothing serves before its validation has passed",
  brokenBy(write, facts) {
    const { actor, before, after } = write;
    if (after === undefined || !isOperator(actor)) return undefined;
    if (isReport(write)) {
      if (!asksForValidation(after)) return undefined;
      const bad = (storedPlan(after)?.arms ?? [])
        .flatMap(({ pools }) => pools)
        .find(({ revision }) => !facts.validations.hasPassed(after.metadata.uid ?? "", revision));
      return bad === undefined
        ? undefined
        : `${after.metadata.name}: the plan names ${bad.revision}, which has not passed`;
    }
    const owner = after.kind === "Deployment" ? facts.ownerOf(after) : undefined;
    if (owner === undefined || !asksForValidation(owner)) return undefined;
    const replicas = (object: KubeObject | undefined) => asNumber(valueAt(object, "spec", "replicas")) ?? 0;
    const revision = after.metadata.labels?.[LABEL.modelRevision] ?? "";
    if (replicas(after) <= replicas(before)) return undefined;
    return facts.validations.hasPassed(owner.metadata.uid ?? "", revision)
      ? undefined
      : `${after.metadata.name} gets ${replicas(after)} replicas, and ${revision} has not passed`;
  },
};

/**
 * A revision becomes the candidate only where it has passed what the spec asks for now, beside what is stable from then on;
 * and the one that is to end a holdback only where it has passed beside what serves there. None is held up that has
 * traffic, whose release is under way, or that an undo goes back to.
 */
export const validatedAnew: Invariant = {
  name: "a release begins only after the validation that the spec asks for now",
  brokenBy(write, { world }) {
    const { before, after } = write;
    if (!isReport(write) || before === undefined || after === undefined || !asksForValidation(after)) {
      return undefined;
    }
    const next = roleOf(after, "next");
    const isNext = next !== undefined && next !== roleOf(before, "next");
    const problem = isNext ? notPassed(before, after, next, roleOf(after, "candidate")) : undefined;
    if (problem !== undefined) return problem;
    const candidate = roleOf(after, "candidate");
    if (candidate === undefined || candidate === roleOf(before, "candidate")) return undefined;
    const isNamed = storedPlan(before)?.arms.some(({ pools }) => pools[0]?.revision === candidate) === true;
    const release = storedRelease(before, world);
    const isUnderWay = valueAt(release, "spec", "revision") === candidate && verdictOf(release) === undefined;
    if (isNamed || isUnderWay || storedUndo(after)?.revision === candidate) return undefined;
    // The same write may end the release of what is stable then.
    return notPassed(before, after, candidate, roleOf(after, "stable"));
  },
};

function notPassed(
  before: KubeObject,
  after: KubeObject,
  revision: string,
  serves: string | undefined,
): string | undefined {
  const passed = storedValidation(before);
  const { name } = after.metadata;
  if (passed?.revision !== revision || passed.outcome !== "Passed") {
    return `${name}: ${revision} is released, and what is stored is ${JSON.stringify(passed)}`;
  }
  if (passed.settings !== settingsOf(after)) return `${name}: ${revision} passed with other settings`;
  return passed.baseline === serves
    ? undefined
    : `${name}: ${revision} was compared with ${passed.baseline}, and ${serves} serves`;
}

/** A Job is made for a question that a status has asked, and tries the models that this is about. */
export const jobsAsked: Invariant = {
  name: "a Job judges the models that the status names",
  brokenBy({ actor, before, after }, facts) {
    if (after?.kind !== "Job" || isProber(after) || before !== undefined || !isOperator(actor))
      return undefined;
    const owner = facts.ownerOf(after);
    if (owner === undefined) return undefined;
    const { name } = after.metadata;
    const question = facts.validations.question(owner.metadata.uid ?? "", name);
    if (question === undefined) return `Job ${name} is made, and no status names it`;
    const podSpec = valueAt(after, "spec", "template", "spec");
    const wrong = (["candidate", "baseline"] as const).find((part) => {
      const revision = part === "candidate" ? question.revision : question.baseline;
      const wanted =
        revision === undefined ? undefined : modelUriOf(owner, revision, question.firstPool, facts);
      const isKnown = revision === undefined || wanted !== undefined;
      return isKnown && fetchedUri(podSpec, part) !== wanted;
    });
    return wrong === undefined ? undefined : `Job ${name} tries ${fetchedUri(podSpec, wrong)} as ${wrong}`;
  },
};

/** Hash of what the spec asks for; undefined where that cannot be read. */
function settingsOf(deployment: KubeObject): string | undefined {
  const { deployment: read } = readModelDeployment(deployment);
  return read?.spec.validation === undefined ? undefined : contentHash(read.spec.validation);
}

function roleOf(deployment: KubeObject, role: "stable" | "candidate" | "next"): string | undefined {
  return asString(valueAt(deployment, "status", "revisions", role));
}

/** The model of a pool, from the record; undefined where that is gone. */
function modelUriOf(
  deployment: KubeObject,
  revision: string,
  pool: string,
  { world }: Facts,
): string | undefined {
  const data = valueAt(visibleRecord(deployment, revision, world), "data");
  return asString(valueAt(data, "poolModels", pool, "uri")) ?? asString(valueAt(data, "model", "uri"));
}
