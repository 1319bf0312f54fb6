/**
 * Contract: server-side apply, field ownership, and status.
 */
import { expect } from "@jest/globals";
import { isRecord } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { applyChild, applyStatus, createChild, FIELD_MANAGER } from "../../src/kube/apply.ts";
import { isApplied, withApplyHash } from "../../src/kube/drift.ts";
import { ownersOf } from "../../src/kube/managed-fields.ts";
import {
  as,
  type ContractCase,
  deployment,
  errorOf,
  lease,
  modelDeployment,
  reference,
  roleBinding,
  service,
} from "./contract-case.ts";

/** The status that the definition gives to what nobody has looked at. */
const UNSEEN = { observedGeneration: 0 };

/** Cases of `apply` on objects and on their status. */
export const applyingCases: readonly ContractCase[] = [
  {
    name: "an apply creates what is missing, and owns what it said",
    async run(environment) {
      const { port } = environment;
      const object = lease(environment, "a", { labels: { app: "x" } }, { holderIdentity: "x" });
      const applied = await port.apply(object, as("one"));
      expect(applied).toMatchObject({ metadata: { labels: { app: "x" } }, spec: { holderIdentity: "x" } });
      expect(managers(applied, "metadata", "labels", "app")).toEqual(["one"]);
      expect(managers(applied, "spec", "holderIdentity")).toEqual(["one"]);
      expect(await port.get(reference(environment, "lease", "a"))).toEqual(applied);
    },
  },
  {
    name: "an apply that changes nothing gives no new version",
    async run(environment) {
      const { port } = environment;
      const object = lease(environment, "a", { labels: { app: "x" } }, { leaseDurationSeconds: 15 });
      const first = await port.apply(object, as("one"));
      const second = await port.apply(object, as("one"));
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    },
  },
  {
    name: "a field that its only manager no longer applies is removed, and nobody else's is",
    async run(environment) {
      const { port } = environment;
      await port.apply(lease(environment, "a", { labels: { mine: "1", both: "1" } }), as("one"));
      await port.apply(lease(environment, "a", { labels: { yours: "2", both: "1" } }), as("two"));
      const after = await port.apply(lease(environment, "a"), as("one"));
      expect(after.metadata.labels).toEqual({ yours: "2", both: "1" });
    },
  },
  {
    name: "changing another manager's field is 409 Conflict, and takes it over with force",
    async run(environment) {
      const { port } = environment;
      await port.apply(lease(environment, "a", {}, { holderIdentity: "x" }), as("one"));
      const wanted = lease(environment, "a", {}, { holderIdentity: "y" });
      const error = await errorOf(port.apply(wanted, as("two", false)));
      expect(error).toMatchObject({ status: 409, reason: "Conflict" });
      expect(error?.message).toContain('"one"');
      const forced = await port.apply(wanted, as("two"));
      expect(forced["spec"]).toEqual({ holderIdentity: "y" });
      expect(managers(forced, "spec", "holderIdentity")).toEqual(["two"]);
    },
  },
  {
    name: "a field that two managers say alike belongs to both",
    async run(environment) {
      const { port } = environment;
      const object = lease(environment, "a", {}, { holderIdentity: "x" });
      await port.apply(object, as("one"));
      const shared = await port.apply(object, as("two", false));
      expect(managers(shared, "spec", "holderIdentity")).toEqual(["one", "two"]);
    },
  },
  {
    name: "a replace takes over what it changes",
    async run(environment) {
      const { port } = environment;
      const spec = { holderIdentity: "x", leaseDurationSeconds: 15 };
      const applied = await port.apply(lease(environment, "a", {}, spec), as("one"));
      const replaced = await port.replace(
        { ...applied, spec: { ...spec, holderIdentity: "y" } },
        { fieldManager: "two" },
      );
      expect(managers(replaced, "spec", "holderIdentity")).toEqual(["two"]);
      expect(managers(replaced, "spec", "leaseDurationSeconds")).toEqual(["one"]);
    },
  },
  {
    name: "lists with keys merge by item",
    async run(environment) {
      const { port } = environment;
      await port.apply(service(environment, "a", [{ name: "http", port: 80 }]), as("one"));
      const both = await port.apply(service(environment, "a", [{ name: "grpc", port: 81 }]), as("two"));
      expect(portNames(both)).toEqual(["http", "grpc"]);
      const left = await port.apply(service(environment, "a", [{ name: "http", port: 80 }]), as("two"));
      expect(portNames(left)).toEqual(["http"]);
    },
  },
  {
    name: "items of nested lists with keys merge, and go when their only manager drops them",
    async run(environment) {
      const { port } = environment;
      const env = [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ];
      await port.apply(deployment(environment, "a", { env }), as("one"));
      const changed = [
        { name: "B", value: "3" },
        { name: "C", value: "4" },
      ];
      const after = await port.apply(deployment(environment, "a", { env: changed }), as("one"));
      expect(containerEnv(after)).toEqual(changed);
    },
  },
  {
    name: "an apply is fenced by the version that it names",
    async run(environment) {
      const { port } = environment;
      const first = await port.apply(lease(environment, "a", {}, { holderIdentity: "x" }), as("one"));
      const { resourceVersion = "" } = first.metadata;
      const fenced = (holderIdentity: string) =>
        lease(environment, "a", { resourceVersion }, { holderIdentity });
      await port.apply(fenced("y"), as("one"));
      expect(await errorOf(port.apply(fenced("z"), as("one")))).toMatchObject({ status: 409 });
      const stored = await port.get(reference(environment, "lease", "a"));
      expect(stored["spec"]).toEqual({ holderIdentity: "y" });
    },
  },
  {
    name: "an apply to an object that is gone makes it anew, unless it names the uid",
    async run(environment) {
      const { port } = environment;
      const { metadata } = await port.apply(lease(environment, "a"), as("one"));
      const { uid = "", resourceVersion = "" } = metadata;
      await port.delete(reference(environment, "lease", "a"), { uid });
      const fenced = lease(environment, "a", { uid, resourceVersion });
      expect(await errorOf(port.apply(fenced, as("one")))).toMatchObject({ status: 409 });
      const anew = await port.apply(lease(environment, "a", { resourceVersion }), as("one"));
      expect(anew.metadata.uid).not.toBe(uid);
    },
  },
  {
    name: "a first apply makes what is missing, and is 409 Conflict for whatever stands under the name",
    async run(environment) {
      const { port } = environment;
      const made = await createChild(port, lease(environment, "a", {}, { leaseDurationSeconds: 1 }));
      expect(managers(made, "spec", "leaseDurationSeconds")).toEqual([FIELD_MANAGER.children]);
      expect(made.metadata.managedFields?.map(({ operation }) => operation)).toEqual(["Apply"]);
      // Neither of these says anything against what stands: a plain apply would be merged into it.
      await port.create(lease(environment, "theirs", {}, { holderIdentity: "x" }), { fieldManager: "them" });
      for (const name of ["a", "theirs"]) {
        const error = await errorOf(createChild(port, lease(environment, name, {}, { leaseTransitions: 7 })));
        expect(error).toMatchObject({ status: 409, reason: "Conflict" });
        const { spec } = await port.get(reference(environment, "lease", name));
        expect(spec).not.toHaveProperty("leaseTransitions");
      }
    },
  },
  {
    name: "an apply to a child that stands is 409 Conflict once it is gone, or another one, and makes nothing",
    async run(environment) {
      const { port } = environment;
      const target = reference(environment, "lease", "a");
      const first = await createChild(port, lease(environment, "a"));
      const { uid = "" } = first.metadata;
      const wanted = lease(environment, "a", {}, { holderIdentity: "x" });
      expect(await applyChild(port, wanted, uid)).toMatchObject({ spec: { holderIdentity: "x" } });
      await port.delete(target, { uid });
      expect(await errorOf(applyChild(port, wanted, uid))).toMatchObject({ status: 409 });
      expect(await errorOf(port.get(target))).toMatchObject({ status: 404 });
      const another = await createChild(port, lease(environment, "a"));
      expect(await errorOf(applyChild(port, wanted, uid))).toMatchObject({ status: 409 });
      expect(await port.get(target)).toEqual(another);
    },
  },
  {
    name: "a RoleBinding to another role is 422 Invalid until the standing one is gone",
    async run(environment) {
      const { port } = environment;
      const first = await port.apply(roleBinding(environment, "a", "one"), as("one"));
      const error = await errorOf(port.apply(roleBinding(environment, "a", "two"), as("one")));
      expect(error).toMatchObject({ status: 422, reason: "Invalid" });
      await port.delete(reference(environment, "roleBinding", "a"), { uid: first.metadata.uid ?? "" });
      const second = await port.apply(roleBinding(environment, "a", "two"), as("one"));
      expect(second).toMatchObject({ roleRef: { name: "two" } });
    },
  },
  {
    name: "generation counts changes of the spec, and of nothing else",
    async run(environment) {
      const { port } = environment;
      const object = modelDeployment(environment, "a", {}, { replicas: 1 });
      const created = await port.apply(object, as("one"));
      expect(created.metadata.generation).toBe(1);
      const labelled = await port.apply(
        { ...object, metadata: { ...object.metadata, labels: { a: "b" } } },
        as("one"),
      );
      expect(labelled.metadata.generation).toBe(1);
      const reported = await applyStatus(port, labelled, { replicas: 1 });
      expect(reported.metadata.generation).toBe(1);
      const changed = await port.apply(modelDeployment(environment, "a", {}, { replicas: 2 }), as("one"));
      expect(changed.metadata.generation).toBe(2);
    },
  },
  {
    name: "status is written by its own apply alone",
    async run(environment) {
      const { port } = environment;
      const created = await port.apply(
        { ...modelDeployment(environment, "a", {}, { replicas: 1 }), status: { replicas: 7 } },
        as("one"),
      );
      expect(created["status"]).toEqual(UNSEEN);
      const { resourceVersion } = created.metadata;
      const reported = await port.apply(
        {
          ...modelDeployment(
            environment,
            "a",
            { ...(resourceVersion && { resourceVersion }) },
            { replicas: 9 },
          ),
          status: { replicas: 1 },
        },
        { ...as("two"), subresource: "status" },
      );
      expect(reported).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 1 } });
      expect(managers(reported, "status", "replicas")).toEqual(["two"]);
      const applied = await port.apply(
        { ...modelDeployment(environment, "a", {}, { replicas: 1 }), status: { replicas: 7 } },
        as("one"),
      );
      expect(applied["status"]).toEqual({ ...UNSEEN, replicas: 1 });
    },
  },
  {
    name: "a status that was decided from an old version is 409 Conflict, and not written",
    async run(environment) {
      const { port } = environment;
      const read = await port.apply(modelDeployment(environment, "a", {}, { replicas: 1 }), as("one"));
      await port.apply(modelDeployment(environment, "a", {}, { replicas: 2 }), as("one"));
      const error = await errorOf(applyStatus(port, read, { replicas: 1 }));
      expect(error).toMatchObject({ status: 409, reason: "Conflict" });
      const stored = await port.get(reference(environment, "modelDeployment", "a"));
      expect(stored["status"]).toEqual(UNSEEN);
      const written = await applyStatus(port, stored, { replicas: 2 });
      expect(written["status"]).toEqual({ ...UNSEEN, replicas: 2 });
    },
  },
  {
    name: "an unchanged status gives no new version",
    async run(environment) {
      const { port } = environment;
      const created = await port.apply(modelDeployment(environment, "a"), as("one"));
      const first = await applyStatus(port, created, {
        replicas: 1,
        conditions: [condition("Ready", "True")],
      });
      const second = await applyStatus(port, first, {
        replicas: 1,
        conditions: [condition("Ready", "True")],
      });
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    },
  },
  {
    name: "conditions merge by type, and one that is no longer reported goes",
    async run(environment) {
      const { port } = environment;
      const created = await port.apply(modelDeployment(environment, "a"), as("one"));
      const first = await applyStatus(port, created, {
        conditions: [condition("Ready", "False"), condition("Reconciling", "True")],
      });
      const second = await applyStatus(port, first, { conditions: [condition("Ready", "True")] });
      expect(second["status"]).toEqual({ ...UNSEEN, conditions: [condition("Ready", "True")] });
    },
  },
  {
    name: "the status of what does not exist is 404 NotFound",
    async run(environment) {
      const { port } = environment;
      const object = { ...modelDeployment(environment, "a"), status: { replicas: 1 } };
      const error = await errorOf(port.apply(object, { ...as("two"), subresource: "status" }));
      expect(error).toMatchObject({ status: 404 });
    },
  },
  {
    name: "what was applied is found applied, until somebody changes a field of it",
    async run(environment) {
      const { port } = environment;
      const desired = withApplyHash(deployment(environment, "a", { env: [{ name: "A", value: "1" }] }));
      const live = await port.apply(desired, as(FIELD_MANAGER.children));
      expect(isApplied(desired, live)).toBe(true);
      const fewer = withApplyHash(deployment(environment, "a"));
      expect(isApplied(fewer, live)).toBe(false);
      const touched = await port.apply(
        deployment(environment, "a", { env: [{ name: "A", value: "2" }] }),
        as("somebody"),
      );
      expect(isApplied(desired, touched)).toBe(false);
    },
  },
];

function managers(object: KubeObject, ...path: readonly string[]): string[] {
  return ownersOf(object, path)
    .map(({ manager }) => manager)
    .sort();
}

function condition(type: string, status: string) {
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  return { type, status, observedGeneration: 1, lastTransitionTime, reason: "Serving", message: "" };
}

function portNames(object: KubeObject): unknown {
  const spec = isRecord(object["spec"]) ? object["spec"] : {};
  return Array.isArray(spec["ports"])
    ? spec["ports"].map((entry: { name?: unknown }) => entry.name)
    : undefined;
}

function containerEnv(object: KubeObject): unknown {
  let value: unknown = object["spec"];
  for (const name of ["template", "spec", "containers"]) value = isRecord(value) ? value[name] : undefined;
  const container: unknown = Array.isArray(value) ? value[0] : undefined;
  return isRecord(container) ? container["env"] : undefined;
}
