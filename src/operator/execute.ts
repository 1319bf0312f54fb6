/**
 * Carries a decision out: applies, then scales, then removals, each only where the live object is not as it
 * should be already.
 *
 * It never takes over an object that belongs to somebody else, and it never writes past the loss of leadership.
 * What the API server refuses for good comes back as a refusal, so that it can be reported; everything else is
 * thrown, to be tried again.
 */
import { asRecord, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { Decision } from "../core/decision.ts";
import type { LiveObjects, Refusal } from "../core/observation.ts";
import { applyChild, createChild, FIELD_MANAGER, scale } from "../kube/apply.ts";
import { isApplied, withApplyHash } from "../kube/drift.ts";
import { replicasOwnedOnlyBy } from "../kube/managed-fields.ts";
import { referenceTo } from "../kube/object-key.ts";
import { isNotFound, KubeError, type KubePort } from "../kube/port.ts";
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
}

/** Whose an object is. `Leaving` objects belonged to a former owner and will be collected. */
export type Ownership = "Ours" | "Leaving" | "Foreign";

/** The writes of a decision. */
export type Writes = Pick<Decision, "apply" | "remove"> & Partial<Pick<Decision, "scale">>;

/** Carries out the writes. Resolves with what the API server refused for good. */
export async function execute(writes: Writes, execution: Execution): Promise<readonly Refusal[]> {
  const refusals: Refusal[] = [];
  for (const object of writes.apply) {
    execution.signal.throwIfAborted();
    const refusal = await applyOne(object, execution);
    if (refusal !== undefined) refusals.push(refusal);
  }
  const refused = new Set(refusals.map((refusal) => refusal.object));
  for (const { name, namespace, replicas } of writes.scale ?? []) {
    if (refused.has(`Deployment/${name}`)) continue;
    await execution.confirm?.();
    execution.signal.throwIfAborted();
    await scale(execution.port, { resource: RESOURCE.deployment, name, namespace }, replicas);
  }
  for (const { reference, uid } of writes.remove) {
    await execution.confirm?.();
    execution.signal.throwIfAborted();
    await ignoringNotFound(execution.port.delete(reference, uid === undefined ? {} : { uid }));
  }
  return refusals;
}

async function applyOne(object: KubeObject, execution: Execution): Promise<Refusal | undefined> {
  const live = execution.live.get(liveKey(object));
  const desired = withApplyHash(object);
  if (live !== undefined && isApplied(desired, live)) return undefined;
  try {
    if (live !== undefined) {
      await applyChild(execution.port, fencedReplicas(desired, live));
      return undefined;
    }
    return await createOne(desired, execution);
  } catch (error) {
    if (!isRefusedForGood(error)) throw error;
    return { object: liveKey(object), reason: "ChildRejected", message: error.message };
  }
}

/** The cache does not know the object, which is not yet to say that the name is free. */
async function createOne(desired: KubeObject, { port, isOurs }: Execution): Promise<Refusal | undefined> {
  const standing = await port.get(referenceTo(desired)).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const ownership = standing === undefined ? "Ours" : isOurs(standing);
  if (ownership === "Foreign") {
    const message = `${desired.kind} ${desired.metadata.name} exists and belongs to somebody else; delete or rename it, or rename the ModelDeployment`;
    return { object: liveKey(desired), reason: "NotOwned", message };
  }
  if (ownership === "Leaving") {
    throw new Error(`${liveKey(desired)} of a former owner is still being removed`);
  }
  // It is ours and the cache does not have it: the cache is behind, or somebody took the label off by which it is
  // found. Such a field is taken back, or it would stand against every later apply.
  if (standing === undefined) await createChild(port, desired);
  else await applyChild(port, fencedReplicas(withStandingReplicas(desired, standing), standing));
  return undefined;
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

/** Bad requests and invalid objects stay so until the spec changes. */
function isRefusedForGood(error: unknown): error is KubeError {
  return error instanceof KubeError && (error.status === 422 || error.status === 400);
}

async function ignoringNotFound(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
