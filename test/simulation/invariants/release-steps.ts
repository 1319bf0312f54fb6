/**
 * A release takes its steps, each of them for its time, and promotes nothing without.
 */

import { parseDurationMilliseconds } from "../../../src/api/duration.ts";
import { asList, asNumber, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import type { TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { modelRevisionName, modelRevisionOf } from "../../../src/core/revision/model-revision.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { isReady } from "../cluster/pod.ts";
import type { Facts } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { Write } from "../world.ts";
import type { Invariant } from "./invariant.ts";
import { heldShareOf, holdbackOf, partsOf, stepsOf, storedRelease } from "./stored-release.ts";
import { storedUndo } from "./stored-undo.ts";

/**
 * A candidate becomes stable only when its release has passed every step, or a person had it promoted, or stable was
 * lost; and only with a plan in effect at every live router that gives it all.
 */
export const promotedBySteps: Invariant = {
  name: "never a promotion without its steps, and without all the traffic in effect",
  brokenBy({ actor, before, after }, facts) {
    if (before?.kind !== "ModelDeployment" || after === undefined) return undefined;
    const former = asString(valueAt(before, "status", "revisions", "stable"));
    const stable = asString(valueAt(after, "status", "revisions", "stable"));
    if (former === undefined || stable === undefined || former === stable) return undefined;
    const { namespace = "", name } = after.metadata;
    const kept = facts.world.find("ControllerRevision", namespace, former);
    if (kept?.metadata.labels?.[LABEL.managedBy] !== MANAGED_BY) return undefined;
    const plan = storedPlan(before);
    const served = plan?.arms.some(({ pools }) => pools.some(({ revision }) => revision === former)) === true;
    if (!served) return undefined;
    const about = `${name}: ${stable} takes the place of ${former}`;
    const behind = facts.plansInEffect(before).find((inEffect) => shareOf(inEffect, stable) !== 10_000);
    if (behind !== undefined) return `${about}, and a router gives it ${shareOf(behind, stable)}`;
    const release = storedRelease(before, facts.world);
    if (valueAt(release, "spec", "revision") !== stable) return `${about}, and no release of it is current`;
    if (release === undefined) return undefined;
    const seen = facts.releaseSeenBy(actor, namespace, release.metadata.name);
    if (valueAt(seen, "spec", "decision") === "Abort") return `${about}, and a person gave its release up`;
    // A way back takes no steps.
    return storedUndo(before)?.revision === stable
      ? undefined
      : (missingStep(release, about) ?? endedForNothing(before, release, about, facts));
  },
};

function shareOf(plan: TrafficPlan, revision: string): number {
  return plan.arms
    .filter(({ pools }) => pools[0]?.revision === revision)
    .reduce((sum, { weight }) => sum + weight, 0);
}

function missingStep(release: KubeObject, about: string): string | undefined {
  const isExcused =
    valueAt(release, "spec", "decision") === "Promote" ||
    valueAt(release, "status", "stableLostAt") !== undefined;
  if (isExcused) return undefined;
  const passed = asList(valueAt(release, "status", "history"))
    .filter((entry) => valueAt(entry, "endedAt") !== undefined)
    .map((entry) => valueAt(entry, "step"));
  const missing = stepsOf(release).findIndex((_step, index) => !passed.includes(index + 1));
  if (missing >= 0) return `${about}, and step ${missing + 1} was not passed`;
  const isHeldBack = holdbackOf(release) === undefined || heldShareOf(release) !== undefined;
  return isHeldBack ? undefined : `${about}, and nothing was held back`;
}

/** A holdback that nobody disturbed lasts its time, unless what the spec asks for by then has come up beside it. */
function endedForNothing(
  deployment: KubeObject,
  release: KubeObject,
  about: string,
  facts: Facts,
): string | undefined {
  const number = holdbackOf(release);
  const held = asList(valueAt(release, "status", "history")).find(
    (entry) => valueAt(entry, "step") === number,
  );
  const isOver = held === undefined || valueAt(held, "endedAt") !== undefined;
  if (isOver || valueAt(release, "spec", "decision") === "Promote") return undefined;
  if (number === undefined || !facts.isCalm || !facts.calmSince(release, number)) return undefined;
  const { deployment: read } = readModelDeployment(deployment);
  if (read === undefined) return undefined;
  const { namespace, name } = read.metadata;
  const wanted = modelRevisionName(name, modelRevisionOf(read.spec));
  const hasComeUp = facts.world
    .objects("Pod")
    .filter(({ metadata }) => metadata.namespace === namespace)
    .some((pod) => pod.metadata.labels?.[LABEL.modelRevision] === wanted && isReady(pod));
  return hasComeUp ? undefined : `${about}, its holdback is cut short, and nothing comes in its place`;
}

/** A step is told as in effect only when every live router gives it its weight, and lasts its time from there. */
export const stepTimes: Invariant = {
  name: "a step is counted from when it is in effect, for its whole time, and with its approval",
  brokenBy(write, facts) {
    const { before, after, call } = write;
    if (after?.kind !== "ModelRollout" || before === undefined || call?.subresource !== "status")
      return undefined;
    const entry = asList(valueAt(after, "status", "history")).at(-1);
    const step = asNumber(valueAt(entry, "step"));
    if (step === undefined) return undefined;
    const former = asList(valueAt(before, "status", "history")).find(
      (candidate) => valueAt(candidate, "step") === step,
    );
    const about = `${after.metadata.name}: step ${step}`;
    const [then, now] = [valueAt(former, "inEffectAt"), valueAt(entry, "inEffectAt")];
    if (
      now !== undefined &&
      now !== then &&
      !facts.clocksDiffer &&
      isBefore(now, valueAt(entry, "startedAt"))
    )
      return `${about} is told as in effect since ${now}, and was begun later`;
    if (now !== undefined && then === undefined) return notInEffect(after, entry, about, facts);
    return endsTooEarly(write, about, facts);
  },
};

function isBefore(time: unknown, other: unknown): boolean {
  return Date.parse(asString(time) ?? "") < Date.parse(asString(other) ?? "");
}

function notInEffect(release: KubeObject, entry: unknown, about: string, facts: Facts): string | undefined {
  const owner = facts.ownerOf(release);
  const revision = asString(valueAt(release, "spec", "revision")) ?? "";
  if (owner === undefined) return undefined;
  const given = (plan: TrafficPlan) =>
    `${shareOf(plan, revision)} and copies of ${mirroredTo(plan, revision)}`;
  const wanted = `${partsOf(valueAt(entry, "weight"))} and copies of ${partsOf(valueAt(entry, "mirrored"))}`;
  const other = facts.plansInEffect(owner).find((plan) => given(plan) !== wanted);
  return other === undefined
    ? undefined
    : `${about} is told as in effect, and a router gives ${given(other)} instead of ${wanted}`;
}

function mirroredTo({ mirror }: TrafficPlan, revision: string): number {
  return mirror?.pools[0]?.revision === revision ? mirror.share : 0;
}

/** The step that ends with a write; the next one may begin with the same write. */
function endedStep({ before, after }: Write): number | undefined {
  if (before === undefined || after === undefined) return undefined;
  const isEnded = (object: KubeObject, number: number) =>
    asList(valueAt(object, "status", "history")).some(
      (entry) => valueAt(entry, "step") === number && valueAt(entry, "endedAt") !== undefined,
    );
  return asList(valueAt(after, "status", "history"))
    .map((entry) => asNumber(valueAt(entry, "step")) ?? 0)
    .find((number) => isEnded(after, number) && !isEnded(before, number));
}

/** No step of a release with a gate ends unless the gate has let it: who ends it was told so, of this step, and lately. */
export const stepGates: Invariant = {
  name: "never a step that ends without its gates",
  brokenBy(write, facts) {
    const { actor, after, call } = write;
    if (after?.kind !== "ModelRollout" || call?.subresource !== "status") return undefined;
    const ended = endedStep(write);
    // A holdback waits for nobody.
    if (ended === undefined || ended === holdbackOf(after)) return undefined;
    const isMirroring = valueAt(stepsOf(after)[ended - 1], "mirrored") !== undefined;
    if (!isMirroring && asList(valueAt(after, "spec", "gates")).length === 0) return undefined;
    const { namespace = "", name } = after.metadata;
    const deployment = asString(valueAt(after, "spec", "modelDeployment")) ?? "";
    const since = isMirroring
      ? facts.judges.sinceAgreement(actor, namespace, deployment)
      : facts.judges.sincePass(actor, namespace, name, ended);
    const isLately = since !== undefined && (facts.clocksDiffer || since <= LATEST_ANSWER_MILLISECONDS);
    return isLately
      ? undefined
      : `${name}: step ${ended} ends, and ${actor} knows of no Pass (${since} ms ago)`;
  },
};

/** An answer is used for three minutes; the decision by it is stored some seconds later. */
const LATEST_ANSWER_MILLISECONDS = 180_000 + 60_000;

function endsTooEarly(write: Write, about: string, facts: Facts): string | undefined {
  const { after } = write;
  const ended = endedStep(write);
  if (ended === undefined || after === undefined) return undefined;
  const isHoldback = ended === holdbackOf(after);
  const wanted = isHoldback ? valueAt(after, "spec", "holdback") : stepsOf(after)[ended - 1];
  const isApproved =
    valueAt(wanted, "pause") !== true || (asNumber(valueAt(after, "spec", "approvedStep")) ?? 0) >= ended;
  if (!isApproved) return `${about}: step ${ended} ends without its approval`;
  if (facts.clocksDiffer) return undefined;
  const lasted = facts.sinceInEffect(after, ended);
  const minimum = parseDurationMilliseconds(
    asString(valueAt(wanted, isHoldback ? "for" : "minDuration")) ?? "0s",
  );
  // Stored times are whole milliseconds.
  if (lasted === undefined || lasted < minimum - 1)
    return `${about}: step ${ended} ends after ${lasted} ms in effect instead of ${minimum}`;
  const isJudged = !isHoldback && asList(valueAt(after, "spec", "gates")).length > 0;
  const waits = valueAt(wanted, "pause") === true || valueAt(wanted, "mirrored") !== undefined || isJudged;
  if (!facts.isCalm || waits) return undefined;
  const late = facts.calmSince(after, ended) ? lasted - minimum : 0;
  return late > WAKE_UP_MILLISECONDS ? `${about}: step ${ended} ends ${late} ms late` : undefined;
}

/** What a look costs at most while nothing goes wrong: the steps of the simulated time, and round trips. */
const WAKE_UP_MILLISECONDS = 3_000;
