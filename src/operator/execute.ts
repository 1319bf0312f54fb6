/**
 * Carries a decision out: applies, then scales, then removals, each only where the live object is not as it
 * should be already. What is made new is sized right after that, before anybody else has touched it.
 *
 * It never takes over an object that belongs to somebody else, and it never writes past the loss of leadership.
 * What the API server refuses for good comes back as a refusal, so that it can be reported; everything else is
 * thrown, to be tried again.
 */
import { canonicalJson } from "../api/content-hash.ts";
import { asNumber, asRecord, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { LABEL } from "../api/names.ts";
import type { Decision, ScaleIntent } from "../core/decision.ts";
import type { Logger } from "../core/log.ts";
import type { LiveObjects, Refusal } from "../core/observation.ts";
import { applyChild, applyGuidance, createChild, FIELD_MANAGER, remove, scale } from "../kube/apply.ts";
import { firstDrift, standsAs, withApplyHash } from "../kube/drift.ts";
import { replicasOwnedOnlyBy } from "../kube/managed-fields.ts";
import { referenceTo } from "../kube/object-key.ts";
import { isConflict, isNotFound, KubeError, type KubePort } from "../kube/port.ts";
import { liveKey } from "./gather.ts";

/** What execution needs. */
export interface Execution {
  readonly port: KubePort;
  readonly live: LiveObjects;
  /** Whether an object that exists under a needed name is ours to write. */
  readonly isOurs: (object: KubeObject) => Ownership;
  /**
   * Rejects when what was decided from is no longer what is stored. Asked right before each write that can take
   * capacity away: such a write cannot be taken back by a later look. Absent where nothing has to be asked.
   */
  readonly confirm?: () => Promise<void>;
  readonly signal: AbortSignal;
  /** Told of every write, so that a line says which reconcile did what. */
  readonly log: Logger;
}

/** Whose an object is. `Leaving` objects are being removed, or belonged to a former owner and will be collected. */
export type Ownership = "Ours" | "Leaving" | "Foreign";

/** The writes of a decision. */
export type Writes = Pick<Decision, "apply" | "remove" | "pause"> & Partial<Pick<Decision, "scale">>;

/** What pods must not be without: what they may reach and be reached by, and who they are. */
const GUARDS: ReadonlySet<string> = new Set([RESOURCE.networkPolicy.kind, RESOURCE.serviceAccount.kind]);
const POD_MAKERS: ReadonlySet<string> = new Set([RESOURCE.deployment.kind, RESOURCE.job.kind]);

/**
 * Carries out the writes. Resolves with what the API server refused for good. Where that is a guard of pods of which
 * none stands, no pod of the same component is asked for that would be without it.
 */
export async function execute(writes: Writes, execution: Execution): Promise<readonly Refusal[]> {
  const refusals = new Map<string, Refusal>();
  const sizes = new Map((writes.scale ?? []).map((intent) => [scaledKey(intent), intent]));
  const leaving = new Set<string>();
  const unguarded = new Set<string | undefined>();
  for (const object of writes.apply) {
    execution.signal.throwIfAborted();
    const key = liveKey(object);
    if (POD_MAKERS.has(object.kind) && unguarded.has(componentOf(object))) continue;
    const outcome = await applyOne(object, execution);
    if (outcome.type === "Refused") {
      const isMissed = GUARDS.has(object.kind) && !execution.live.has(key);
      if (isMissed) unguarded.add(componentOf(object));
      refusals.set(key, isMissed ? sayingThatPodsWait(outcome.refusal) : outcome.refusal);
    }
    if (outcome.type === "Leaving") {
      // Nothing depends on a Deployment: what else is to be done need not wait for it.
      if (object.kind !== RESOURCE.deployment.kind) throw stillLeaving(key);
      leaving.add(key);
    }
    const size = outcome.type === "Created" ? sizes.get(key) : undefined;
    if (size === undefined || outcome.type !== "Created") continue;
    sizes.delete(key);
    await scaleNew(size, outcome.resourceVersion, execution);
  }
  const applied = new Map(writes.apply.map((object) => [liveKey(object), object]));
  for (const [key, size] of sizes) {
    const isUnguarded = unguarded.has(componentOf(applied.get(key) ?? execution.live.get(key)));
    if (refusals.has(key) || leaving.has(key) || (isUnguarded && asksForPods(size, execution.live))) continue;
    await scaleStanding(size, execution);
  }
  if (writes.pause !== undefined) await pause(writes.pause, execution);
  for (const key of leaving) throw stillLeaving(key);
  for (const { reference, uid } of writes.remove) {
    await execution.confirm?.();
    execution.signal.throwIfAborted();
    await remove(execution.port, reference, uid);
    execution.log.info("removed", { "petrel.object": `${reference.resource.kind}/${reference.name}` });
  }
  return [...refusals.values()];
}

/** A person may have let it go on since it was read: then this is not what was decided from any more. */
async function pause(guidance: KubeObject, { port, confirm, signal, log }: Execution): Promise<void> {
  await confirm?.();
  signal.throwIfAborted();
  await applyGuidance(port, guidance);
  log.info("paused", { "petrel.object": liveKey(guidance) });
}

function componentOf(object: KubeObject | undefined): string | undefined {
  return object?.metadata.labels?.[LABEL.component];
}

function sayingThatPodsWait(refusal: Refusal): Refusal {
  return { ...refusal, message: `${refusal.message}; no pod is made without it` };
}

function stillLeaving(key: string): Error {
  return new Error(`${key} is still being removed`);
}

/** Whether a Deployment is to be sized that stands not, or that has less now. */
function asksForPods(size: ScaleIntent, live: LiveObjects): boolean {
  const standing = live.get(scaledKey(size));
  return standing === undefined || size.replicas > (asNumber(valueAt(standing, "spec", "replicas")) ?? 1);
}

function scaledKey({ name }: ScaleIntent): string {
  return `${RESOURCE.deployment.kind}/${name}`;
}

/**
 * Sizes what was made a moment ago. As it was made it has no capacity to lose, so nothing is asked before; once
 * somebody else has written it, it may have, and it is as any other.
 */
async function scaleNew(
  size: ScaleIntent,
  resourceVersion: string | undefined,
  execution: Execution,
): Promise<void> {
  try {
    if (resourceVersion !== undefined) return await scaleNow(size, execution, resourceVersion);
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
  await scaleStanding(size, execution);
}

/** Sizes what may have capacity to lose. */
async function scaleStanding(size: ScaleIntent, execution: Execution): Promise<void> {
  await execution.confirm?.();
  await scaleNow(size, execution);
}

async function scaleNow(size: ScaleIntent, execution: Execution, resourceVersion?: string): Promise<void> {
  const { name, namespace, replicas } = size;
  execution.signal.throwIfAborted();
  await scale(execution.port, { resource: RESOURCE.deployment, name, namespace }, replicas, resourceVersion);
  execution.log.info("scaled", { "petrel.object": scaledKey(size), "petrel.replicas": replicas });
}

/**
 * What became of an object that was to be applied: it is new, it stands as it should, its name is not free yet, or it was
 * refused for good.
 */
type Outcome =
  | { readonly type: "Created"; readonly resourceVersion: string | undefined }
  | { readonly type: "Stands" }
  | { readonly type: "Leaving" }
  | { readonly type: "Refused"; readonly refusal: Refusal };

const STANDS: Outcome = { type: "Stands" };

async function applyOne(object: KubeObject, execution: Execution): Promise<Outcome> {
  const live = execution.live.get(liveKey(object));
  if (live !== undefined && standsAs(object, live)) return STANDS;
  const desired = withApplyHash(object);
  try {
    if (live === undefined) return await createOne(desired, execution);
    if (bindsAnotherRole(desired, live)) {
      await remove(execution.port, referenceTo(live), uidOf(live));
      execution.log.info("removed", { "petrel.object": liveKey(object), "petrel.drift": "roleRef" });
      execution.signal.throwIfAborted();
      return await createOne(desired, execution);
    }
    await applyChild(execution.port, fencedReplicas(desired, live), uidOf(live));
    const drift = firstDrift(desired, live);
    execution.log.info("applied", { "petrel.object": liveKey(object), "petrel.drift": drift });
    return STANDS;
  } catch (error) {
    if (isOfUnknownKind(error)) {
      const message = `the cluster does not know the kind ${object.kind} of ${object.apiVersion}: install what brings it`;
      return refused({ object: liveKey(object), reason: "KindMissing", message });
    }
    if (!isRefusedForGood(error)) throw error;
    return refused({ object: liveKey(object), reason: "ChildRejected", message: error.message });
  }
}

function uidOf({ metadata: { uid = "" } }: KubeObject): string {
  return uid;
}

function refused(refusal: Refusal): Outcome {
  return { type: "Refused", refusal };
}

/**
 * What a RoleBinding binds can never be changed. The role has another name when the release has, and is of another
 * kind when the operator is for chosen namespaces: then the binding is to a role that is gone.
 */
function bindsAnotherRole(desired: KubeObject, live: KubeObject): boolean {
  return (
    desired.kind === RESOURCE.roleBinding.kind &&
    canonicalJson(desired["roleRef"]) !== canonicalJson(live["roleRef"])
  );
}

/** The cache does not know the object, which is not yet to say that the name is free. */
async function createOne(desired: KubeObject, execution: Execution): Promise<Outcome> {
  const { port, isOurs, signal, log } = execution;
  try {
    const created = await createChild(port, desired);
    log.info("created", { "petrel.object": liveKey(desired) });
    return { type: "Created", resourceVersion: created.metadata.resourceVersion };
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
  signal.throwIfAborted();
  const standing = await port.get(referenceTo(desired));
  const ownership = isOurs(standing);
  if (ownership === "Foreign") {
    const message = `${desired.kind} ${desired.metadata.name} exists and belongs to somebody else; delete or rename it, or rename the ModelDeployment`;
    return refused({ object: liveKey(desired), reason: "NotOwned", message });
  }
  if (ownership === "Leaving") return { type: "Leaving" };
  signal.throwIfAborted();
  // It is ours and the cache does not have it: the cache is behind, or somebody took the label off by which it is
  // found. Such a field is taken back, or it would stand against every later apply.
  if (desired.kind === RESOURCE.controllerRevision.kind) await keepContent(port, desired, standing);
  else {
    const kept = fencedReplicas(withStandingReplicas(desired, standing), standing);
    await applyChild(port, kept, uidOf(standing));
  }
  log.info("applied", { "petrel.object": liveKey(desired) });
  return STANDS;
}

/**
 * What a ControllerRevision holds is for good. What was decided without knowing it must not be carried on: pods would
 * be made from another template than the one that is kept.
 */
async function keepContent(port: KubePort, desired: KubeObject, standing: KubeObject): Promise<void> {
  await applyChild(port, { ...desired, data: standing["data"] }, uidOf(standing));
  if (canonicalJson(standing["data"]) === canonicalJson(desired["data"])) return;
  throw new Error(
    `${liveKey(desired)} holds something else than was decided: the cache does not have it yet`,
  );
}

/**
 * Replicas are said only as they stood when they were read: they may have been sized since, so the apply holds for
 * that version alone.
 */
function fencedReplicas(desired: KubeObject, read: KubeObject): KubeObject {
  const { resourceVersion } = read.metadata;
  if (valueAt(desired, "spec", "replicas") === undefined || resourceVersion === undefined) return desired;
  return { ...desired, metadata: { ...desired.metadata, resourceVersion } };
}

/** What was decided as a new Deployment must not bring one that stands down to the replicas of its creation. */
function withStandingReplicas(desired: KubeObject, standing: KubeObject): KubeObject {
  const spec = asRecord(desired["spec"]);
  if (standing.kind !== RESOURCE.deployment.kind || spec === undefined) return desired;
  const { replicas: _created, ...rest } = spec;
  const isUnclaimed = replicasOwnedOnlyBy(standing, FIELD_MANAGER.children);
  const replicas = isUnclaimed ? { replicas: valueAt(standing, "spec", "replicas") } : {};
  return { ...desired, spec: { ...rest, ...replicas } };
}

/** Words of the API server for a path that it does not serve: of a group that is not there, and of a kind within one. */
const UNSERVED = ["404 page not found", "could not find the requested resource"] as const;

/** Whether the cluster does not know the kind. Where the object or its namespace is not there the API server names that. */
function isOfUnknownKind(error: unknown): boolean {
  return isNotFound(error) && UNSERVED.some((words) => error.message.includes(words));
}

/**
 * Bad requests and invalid objects stay so until the spec changes, and what is forbidden (by a quota, a policy, a missing
 * right) until somebody else acts. A namespace that is on its way out forbids everything new, and is no news: all in
 * it goes.
 */
function isRefusedForGood(error: unknown): error is KubeError {
  if (!(error instanceof KubeError)) return false;
  if (error.status === 403) return !error.message.includes("because it is being terminated");
  return error.status === 422 || error.status === 400;
}
