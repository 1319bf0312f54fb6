/**
 * The release that the status of a ModelDeployment names, as it is stored: told here once more, without the planner.
 */
import { asList, asNumber, asRecord, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { storedValidation } from "../validation-history.ts";
import type { World } from "../world.ts";
import { storedUndo } from "./stored-undo.ts";

/** The current ModelRollout of a ModelDeployment; undefined when there is none. */
export function storedRelease(deployment: KubeObject, world: World): KubeObject | undefined {
  const { namespace = "", uid } = deployment.metadata;
  const name = asString(valueAt(deployment, "status", "rollout", "name"));
  const release = name === undefined ? undefined : world.find("ModelRollout", namespace, name);
  return release?.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true ? release : undefined;
}

/** `12.5%` as 1,250 parts of 10,000. */
export function partsOf(percentage: unknown): number {
  return Math.round(Number.parseFloat(asString(percentage) ?? "0") * 100);
}

/** Steps as people wrote them, that of mirrored requests first. */
export function stepsOf(release: KubeObject): readonly unknown[] {
  const strategy = valueAt(release, "spec", "strategy");
  const shadow = valueAt(strategy, "shadow");
  const { share = "1%", minDuration } = asRecord(shadow) ?? {};
  const mirroring = shadow === undefined ? [] : [{ weight: "0%", mirrored: share, minDuration }];
  return [...mirroring, ...asList(valueAt(strategy, "canary", "steps"))];
}

/** Number of the holdback of a release; undefined where it has none. */
export function holdbackOf(release: KubeObject): number | undefined {
  return valueAt(release, "spec", "holdback") === undefined ? undefined : stepsOf(release).length + 1;
}

/** Share of the traffic that stable keeps in the holdback of a release, which has come to it; undefined else. */
export function heldShareOf(release: KubeObject | undefined): number | undefined {
  if (release === undefined || verdictOf(release) !== undefined) return undefined;
  const held = holdbackOf(release);
  const wasIn = asList(valueAt(release, "status", "history")).some(
    (entry) => valueAt(entry, "step") === held && valueAt(entry, "weight") !== "100%",
  );
  return held === undefined || !wasIn ? undefined : partsOf(valueAt(release, "spec", "holdback", "weight"));
}

/** What became of a release, or undefined while it is under way. */
export function verdictOf(release: KubeObject | undefined): string | undefined {
  return asString(valueAt(release, "status", "verdict", "outcome"));
}

/**
 * Replicas that a revision is to have in a pool at rest, where the spec asks for so many: of a candidate those that its
 * step needs, two at least; of stable none once it is taken away, or while it has not passed its validation. In a holdback
 * the candidate has all of them and stable those of its share, one at least, until the traffic goes back.
 */
export function replicasAtRest(deployment: KubeObject, revision: string, all: number, world: World): number {
  const validation = storedValidation(deployment);
  const isJudged = valueAt(deployment, "spec", "validation") !== undefined;
  const { outcome = "Passed" } = validation ?? {};
  if (isJudged && validation?.revision === revision && outcome !== "Passed") return 0;
  const candidate = asString(valueAt(deployment, "status", "revisions", "candidate"));
  const release = storedRelease(deployment, world);
  if (candidate === undefined || release === undefined || verdictOf(release) !== undefined) return all;
  const held = heldShareOf(release);
  const isReturning = valueAt(release, "status", "returning") !== undefined;
  if (held !== undefined || isReturning) {
    const weight = partsOf(valueAt(release, "status", "weight"));
    const carrying = (share: number) => Math.min(all, Math.max(1, Math.ceil((share * all) / 10_000)));
    if (revision === candidate) return isReturning ? carrying(weight) : all;
    return isReturning || weight === 0 ? all : carrying(held ?? 0);
  }
  if (revision !== candidate) return valueAt(release, "spec", "strategy", "type") === "Recreate" ? 0 : all;
  const step = Math.max(1, asNumber(valueAt(release, "status", "step")) ?? 0);
  const isSkipped = valueAt(release, "status", "stableLostAt") !== undefined;
  const isPromoted =
    valueAt(release, "spec", "decision") === "Promote" || storedUndo(deployment)?.revision === revision;
  const wanted = stepsOf(release)[step - 1];
  if (wanted === undefined || isSkipped || isPromoted) return all;
  const load = partsOf(valueAt(wanted, "weight")) + partsOf(valueAt(wanted, "mirrored"));
  return Math.min(all, Math.max(2, Math.ceil((load * all) / 10_000)));
}
