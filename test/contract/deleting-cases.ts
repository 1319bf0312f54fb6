/**
 * Contract: deletes, finalizers and the garbage collector.
 */
import { expect } from "@jest/globals";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { remove as removeTarget } from "../../src/kube/apply.ts";
import { referenceTo } from "../../src/kube/object-key.ts";
import type { KubePort } from "../../src/kube/port.ts";
import {
  ANYBODY,
  type ContractCase,
  currentVersion,
  errorOf,
  exists,
  LeaseWatch,
  lease,
  ownedBy,
  reference,
} from "./contract-case.ts";

const FINALIZER = "petrel.dev/contract";

function remove(port: KubePort, object: KubeObject): Promise<void> {
  return removeTarget(port, referenceTo(object), object.metadata.uid ?? "");
}

/** Cases of `delete` and of what follows from it. */
export const deletingCases: readonly ContractCase[] = [
  {
    name: "a delete is bound to one very object by its uid",
    async run(environment) {
      const { port } = environment;
      const first = await port.create(lease(environment, "a"), ANYBODY);
      await remove(port, first);
      const second = await port.create(lease(environment, "a"), ANYBODY);
      expect(second.metadata.uid).not.toBe(first.metadata.uid);
      expect(await errorOf(remove(port, first))).toMatchObject({ status: 409, reason: "Conflict" });
      expect(await exists(environment, second)).toBe(true);
      await remove(port, second);
      expect(await exists(environment, second)).toBe(false);
      // What is gone is as it was wanted.
      await remove(port, second);
    },
  },
  {
    name: "deleting what does not exist is 404 NotFound",
    async run(environment) {
      const error = await errorOf(environment.port.delete(reference(environment, "lease", "a"), {}));
      expect(error).toMatchObject({ status: 404, reason: "NotFound" });
    },
  },
  {
    name: "an object with a finalizer stays, marked, until the finalizer is gone",
    async run(environment) {
      const { port } = environment;
      const created = await port.create(lease(environment, "a", { finalizers: [FINALIZER] }), ANYBODY);
      const watch = new LeaseWatch(environment, { resourceVersion: await currentVersion(environment) });
      await remove(port, created);
      const marked = await port.get(reference(environment, "lease", "a"));
      expect(marked.metadata.deletionTimestamp).toMatch(/Z$/);
      const { finalizers: _finalizers, ...metadata } = marked.metadata;
      await port.replace({ ...marked, metadata }, ANYBODY);
      expect(await watch.take(2)).toEqual(["MODIFIED a", "DELETED a"]);
      expect(await exists(environment, created)).toBe(false);
      watch.abort();
    },
  },
  {
    name: "what an object owns goes after it",
    async run(environment) {
      const { port } = environment;
      const owner = await port.create(lease(environment, "owner"), ANYBODY);
      const child = await port.create(
        lease(environment, "child", { ownerReferences: [ownedBy(owner)] }),
        ANYBODY,
      );
      const bystander = await port.create(lease(environment, "bystander"), ANYBODY);
      await remove(port, owner);
      await environment.collectedUntil(async () => !(await exists(environment, child)));
      expect(await exists(environment, bystander)).toBe(true);
    },
  },
  {
    name: "what was made for an owner that is gone already is removed",
    async run(environment) {
      const { port } = environment;
      const owner = await port.create(lease(environment, "owner"), ANYBODY);
      await remove(port, owner);
      await port.create(lease(environment, "owner"), ANYBODY);
      const child = await port.create(
        lease(environment, "child", { ownerReferences: [ownedBy(owner)] }),
        ANYBODY,
      );
      await environment.collectedUntil(async () => !(await exists(environment, child)));
    },
  },
  {
    name: "one of two owners that goes takes its reference with it, not the object",
    async run(environment) {
      const { port } = environment;
      const one = await port.create(lease(environment, "one"), ANYBODY);
      const two = await port.create(lease(environment, "two"), ANYBODY);
      const ownerReferences = [ownedBy(one), ownedBy(two)];
      await port.create(lease(environment, "child", { ownerReferences }), ANYBODY);
      await remove(port, one);
      const owners = async () =>
        (await port.get(reference(environment, "lease", "child"))).metadata.ownerReferences ?? [];
      await environment.collectedUntil(async () => (await owners()).length === 1);
      expect(await owners()).toMatchObject([{ name: "two" }]);
    },
  },
  {
    name: "an owner that is deleted in the foreground goes after what it owns",
    async run(environment) {
      const { port } = environment;
      const owner = await port.create(lease(environment, "owner"), ANYBODY);
      const ownerReferences = [ownedBy(owner, true)];
      const child = await port.create(
        lease(environment, "child", { ownerReferences, finalizers: [FINALIZER] }),
        ANYBODY,
      );
      await port.delete(reference(environment, "lease", "owner"), { propagationPolicy: "Foreground" });
      const childNow = () => port.get(reference(environment, "lease", "child"));
      await environment.collectedUntil(
        async () => (await childNow()).metadata.deletionTimestamp !== undefined,
      );
      expect(await exists(environment, owner)).toBe(true);
      const { metadata, ...rest } = await childNow();
      const finalizers = metadata.finalizers?.filter((name) => name !== FINALIZER) ?? [];
      await port.replace({ ...rest, metadata: { ...metadata, finalizers } } as typeof child, ANYBODY);
      await environment.collectedUntil(async () => !(await exists(environment, owner)));
      expect(await exists(environment, child)).toBe(false);
    },
  },
  {
    name: "an owner that is deleted as an orphan's parent leaves what it owned",
    async run(environment) {
      const { port } = environment;
      const owner = await port.create(lease(environment, "owner"), ANYBODY);
      await port.create(lease(environment, "child", { ownerReferences: [ownedBy(owner)] }), ANYBODY);
      await port.delete(reference(environment, "lease", "owner"), { propagationPolicy: "Orphan" });
      await environment.collectedUntil(async () => !(await exists(environment, owner)));
      const child = await port.get(reference(environment, "lease", "child"));
      expect(child.metadata.ownerReferences ?? []).toEqual([]);
    },
  },
];
