/**
 * The garbage collector of the controller manager, as one explicit step: what has lost its owners goes,
 * foreground deletions go on, orphans are let go. The caller decides when, so that a simulation can put
 * anything in between.
 */
import type { KubeObject } from "../../src/api/kube-object.ts";
import { referenceTo } from "../../src/kube/object-key.ts";
import type { KubePort } from "../../src/kube/port.ts";
import type { ObjectStore } from "./object-store.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";
const MANAGER = { fieldManager: "kube-controller-manager" };

/** Works until nothing is left to do. Returns the number of steps that it took. */
export async function collectGarbage(port: KubePort, store: ObjectStore): Promise<number> {
  let steps = 0;
  while (await collectOne(port, store.all())) steps += 1;
  return steps;
}

/** Takes the first step that is to be taken. Returns whether there was one. */
async function collectOne(port: KubePort, existing: readonly KubeObject[]): Promise<boolean> {
  const byUid = new Map(existing.map((object) => [object.metadata.uid, object]));
  for (const object of existing) {
    const isDone =
      object.metadata.deletionTimestamp === undefined
        ? await collectDependent(port, byUid, object)
        : await goOnDeleting(port, existing, object);
    if (isDone) return true;
  }
  return false;
}

/** Deletes what has lost all its owners, and takes lost ones off what has others. */
async function collectDependent(
  port: KubePort,
  byUid: ReadonlyMap<string | undefined, KubeObject>,
  object: KubeObject,
): Promise<boolean> {
  const living = owners(object).filter(({ uid }) => {
    const owner = byUid.get(uid);
    return owner !== undefined && sameNamespace(owner, object);
  });
  if (living.length === owners(object).length) return false;
  if (living.length === 0) await port.delete(referenceTo(object), precondition(object));
  else await port.replace(withMetadata(object, { ownerReferences: living }), MANAGER);
  return true;
}

/** Goes on with a deletion that waits for its dependents. */
async function goOnDeleting(
  port: KubePort,
  existing: readonly KubeObject[],
  object: KubeObject,
): Promise<boolean> {
  const { finalizers = [], uid } = object.metadata;
  const dependents = existing.filter((other) => owners(other).some((owner) => owner.uid === uid));
  if (finalizers.includes(ORPHAN)) return await letGo(port, object, dependents);
  if (finalizers.includes(FOREGROUND)) return await goOnInForeground(port, object, dependents);
  return false;
}

async function letGo(port: KubePort, owner: KubeObject, dependents: readonly KubeObject[]): Promise<boolean> {
  for (const dependent of dependents) {
    const ownerReferences = owners(dependent).filter(({ uid }) => uid !== owner.metadata.uid);
    await port.replace(withMetadata(dependent, { ownerReferences }), MANAGER);
  }
  await port.replace(withoutFinalizer(owner, ORPHAN), MANAGER);
  return true;
}

async function goOnInForeground(
  port: KubePort,
  owner: KubeObject,
  dependents: readonly KubeObject[],
): Promise<boolean> {
  const blocking = dependents.filter((dependent) =>
    owners(dependent).some(({ uid, blockOwnerDeletion }) => uid === owner.metadata.uid && blockOwnerDeletion),
  );
  const standing = dependents.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  for (const dependent of standing) {
    await port.delete(referenceTo(dependent), {
      ...precondition(dependent),
      propagationPolicy: "Foreground",
    });
  }
  if (standing.length > 0) return true;
  if (blocking.length > 0) return false;
  await port.replace(withoutFinalizer(owner, FOREGROUND), MANAGER);
  return true;
}

function owners(object: KubeObject) {
  return object.metadata.ownerReferences ?? [];
}

function sameNamespace(owner: KubeObject, dependent: KubeObject): boolean {
  return owner.metadata.namespace === undefined || owner.metadata.namespace === dependent.metadata.namespace;
}

function withMetadata(object: KubeObject, change: Partial<KubeObject["metadata"]>): KubeObject {
  return { ...object, metadata: { ...object.metadata, ...change } };
}

function withoutFinalizer(object: KubeObject, finalizer: string): KubeObject {
  return withMetadata(object, {
    finalizers: (object.metadata.finalizers ?? []).filter((name) => name !== finalizer),
  });
}

function precondition({ metadata: { uid } }: KubeObject): { readonly uid?: string } {
  return uid === undefined ? {} : { uid };
}
