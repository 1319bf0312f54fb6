/**
 * What a person had undone stays undone: nothing but another model or another word of a person gives it traffic.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { ANNOTATION } from "../../../src/api/names.ts";
import { modelRevisionName, modelRevisionOf } from "../../../src/core/revision/model-revision.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { isOperator } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { World, Write } from "../world.ts";
import type { Invariant } from "./invariant.ts";
import { isUndone, type StoredUndo, storedUndo, visibleRecord } from "./stored-undo.ts";

function isReport({ actor, call, after }: Write): boolean {
  return after?.kind === "ModelDeployment" && call?.subresource === "status" && isOperator(actor);
}

/**
 * An undo that stands is ended by a spec with a model that was not undone, by the token of a retry that was not there
 * when it began, by a spec with what it goes back to, and by another request; by nothing else, and above all not by an
 * annotation that goes.
 */
export const undoStands: Invariant = {
  name: "an undo stands until the spec states another model, or a person asks for something else",
  brokenBy(write) {
    const { before, after } = write;
    const undo = storedUndo(before);
    if (!isReport(write) || after === undefined || undo === undefined) return undefined;
    const now = storedUndo(after);
    if (now?.request === undo.request && now.revision === undo.revision) return undefined;
    const { name, annotations = {} } = after.metadata;
    // One to what the spec states, and what serves, has come to its end when it is taken up.
    const obeyed = valueAt(after, "status", "undo", "request");
    const isRefused = valueAt(after, "status", "undo", "refusal") !== undefined;
    if (obeyed !== undo.request && annotations[ANNOTATION.undo] === obeyed && !isRefused) return undefined;
    const retry = annotations[ANNOTATION.retry];
    const isReplaced = !isUndone(undo, valueAt(after, "spec", "model"));
    const isRetried = retry !== undefined && retry !== "" && retry !== undo.retry;
    return now === undefined && (isReplaced || isRetried || statedRevision(after) === undo.revision)
      ? undefined
      : `${name}: the undo ${undo.request} to ${undo.revision} ends, and nobody asked for that`;
  },
};

/** While an undo stands no model that was undone gets more traffic as a candidate, nor its role back. */
export const undoneStaysAway: Invariant = {
  name: "what was undone gets no traffic anew while that stands",
  brokenBy(write, { world }) {
    const { before, after } = write;
    const undo = storedUndo(after);
    if (!isReport(write) || after === undefined || undo === undefined) return undefined;
    // In the look that takes it up what serves is still what is undone.
    if (storedUndo(before)?.request !== undo.request) return undefined;
    const { name } = after.metadata;
    for (const arm of storedPlan(after)?.arms ?? []) {
      const revision = arm.pools[0]?.revision ?? "";
      const isBad = revision !== undo.revision && isOfUndone(after, undo, revision, world);
      if (arm.name === "Candidate" && isBad && arm.weight > weightOf(before, revision))
        return `${name}: ${revision} gets ${arm.weight}, and was undone by ${undo.request}`;
    }
    const [former, stable = ""] = [before, after].map((object) =>
      asString(valueAt(object, "status", "revisions", "stable")),
    );
    // One that has all the traffic, and no stable one to give it to, is where the way back begins.
    const isTaken = stable !== former && stable !== undo.revision && weightOf(before, stable) < 10_000;
    return isTaken ? `${name}: ${stable} becomes stable in the place of ${former}` : undefined;
  },
};

/** An undo leads to a revision that was stable at some time, and no other one. */
export const undoneToServed: Invariant = {
  name: "an undo goes back to what has served, and to nothing else",
  brokenBy(write, { history }) {
    const { before, after } = write;
    const undo = storedUndo(after);
    if (!isReport(write) || after === undefined || undo === undefined) return undefined;
    if (storedUndo(before)?.request === undo.request) return undefined;
    const { uid = "", name } = after.metadata;
    return history.wasStable(uid, undo.revision)
      ? undefined
      : `${name}: the undo ${undo.request} goes to ${undo.revision}, which was never stable`;
  },
};

/** Name of the model revision of the spec; undefined where that cannot be read. */
function statedRevision(deployment: KubeObject): string | undefined {
  const { deployment: read } = readModelDeployment(deployment);
  return read === undefined ? undefined : modelRevisionName(read.metadata.name, modelRevisionOf(read.spec));
}

function isOfUndone(deployment: KubeObject, undo: StoredUndo, revision: string, world: World): boolean {
  return isUndone(undo, valueAt(visibleRecord(deployment, revision, world), "data", "model"));
}

/** What a plan gives a revision, in whatever arm it leads. */
function weightOf(deployment: KubeObject | undefined, revision: string): number {
  const arms = deployment === undefined ? [] : (storedPlan(deployment)?.arms ?? []);
  return arms
    .filter(({ pools }) => pools[0]?.revision === revision)
    .reduce((sum, { weight }) => sum + weight, 0);
}
