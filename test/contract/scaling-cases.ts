/**
 * Contract: who decides on replicas. The life of a Deployment whose replicas have a field manager of their
 * own.
 */
import { expect } from "@jest/globals";
import { isRecord } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { applyChild, createChild, FIELD_MANAGER, scale } from "../../src/kube/apply.ts";
import { replicasOwnedOnlyBy } from "../../src/kube/managed-fields.ts";
import {
  ANYBODY,
  as,
  type ContractCase,
  type ContractEnvironment,
  deployment,
  errorOf,
  modelDeployment,
  reference,
} from "./contract-case.ts";

/** Cases of `/scale` and of `spec.replicas`. */
export const scalingCases: readonly ContractCase[] = [
  {
    name: "replicas follow /scale, then another writer, then /scale again, and no apply without them",
    async run(environment) {
      const { port } = environment;
      const target = reference(environment, "deployment", "a");
      const created = await createChild(port, deployment(environment, "a", { replicas: 0 }));
      expect(replicasOf(created)).toBe(0);
      expect(replicasOwnedOnlyBy(created, FIELD_MANAGER.children)).toBe(true);

      expect(replicasOf(await scale(port, target, 3))).toBe(3);
      const sized = await port.get(target);
      expect(replicasOf(sized)).toBe(3);
      expect(replicasOwnedOnlyBy(sized, FIELD_MANAGER.children)).toBe(false);
      const { uid = "" } = created.metadata;
      const keptThree = await applyChild(port, deployment(environment, "a"), uid);
      expect(replicasOf(keptThree)).toBe(3);

      await replaceReplicas(environment, 5);
      const keptFive = await applyChild(port, deployment(environment, "a"), uid);
      expect(replicasOf(keptFive)).toBe(5);
      expect(replicasOwnedOnlyBy(keptFive, FIELD_MANAGER.children)).toBe(false);

      expect(replicasOf(await scale(port, target, 4))).toBe(4);
      expect(replicasOf(await applyChild(port, deployment(environment, "a"), uid))).toBe(4);
    },
  },
  {
    name: "after a crash before the first scale, only an apply that keeps replicas keeps them at 0",
    async run(environment) {
      const { port } = environment;
      const created = await createChild(port, deployment(environment, "a", { replicas: 0 }));
      expect(replicasOwnedOnlyBy(created, FIELD_MANAGER.children)).toBe(true);
      const { uid = "" } = created.metadata;
      const labelled = deployment(environment, "a", { replicas: 0, labels: { a: "b" } });
      const kept = await applyChild(port, labelled, uid);
      expect(replicasOf(kept)).toBe(0);
      // This is what the renderer has to avoid.
      const reset = await applyChild(port, deployment(environment, "a", { labels: { a: "b" } }), uid);
      expect(replicasOf(reset)).toBe(1);
    },
  },
  {
    name: "a scale to the 0 that is there already takes replicas over",
    async run(environment) {
      const { port } = environment;
      await createChild(port, deployment(environment, "a", { replicas: 0 }));
      await scale(port, reference(environment, "deployment", "a"), 0);
      const stored = await port.get(reference(environment, "deployment", "a"));
      expect(replicasOwnedOnlyBy(stored, FIELD_MANAGER.children)).toBe(false);
      const { uid = "" } = stored.metadata;
      expect(replicasOf(await applyChild(port, deployment(environment, "a"), uid))).toBe(0);
    },
  },
  {
    name: "creating at 0 what has been sized meanwhile is 409 Conflict, and leaves it running",
    async run(environment) {
      const { port } = environment;
      await createChild(port, deployment(environment, "a", { replicas: 0 }));
      await scale(port, reference(environment, "deployment", "a"), 3);
      const error = await errorOf(createChild(port, deployment(environment, "a", { replicas: 0 })));
      expect(error).toMatchObject({ status: 409, reason: "Conflict" });
      expect(replicasOf(await port.get(reference(environment, "deployment", "a")))).toBe(3);
    },
  },
  {
    name: "an object of somebody else is not taken over by a first apply",
    async run(environment) {
      const { port } = environment;
      await port.create(deployment(environment, "a", { replicas: 2 }), ANYBODY);
      const error = await errorOf(createChild(port, deployment(environment, "a", { replicas: 0 })));
      expect(error).toMatchObject({ status: 409, reason: "Conflict" });
    },
  },
  {
    name: "a scale that is meant for one version is 409 Conflict once somebody else has written",
    async run(environment) {
      const { port } = environment;
      const target = reference(environment, "deployment", "a");
      const { resourceVersion: first } = (
        await createChild(port, deployment(environment, "a", { replicas: 0 }))
      ).metadata;
      await replaceReplicas(environment, 3);
      const error = await errorOf(scale(port, target, 2, first));
      expect(error).toMatchObject({ status: 409, reason: "Conflict" });
      expect(replicasOf(await port.get(target))).toBe(3);
      await scaleAsItStands(environment, 2);
      expect(replicasOf(await port.get(target))).toBe(2);
    },
  },
  {
    name: "a scale counts as a change of the spec",
    async run(environment) {
      const { port } = environment;
      const target = reference(environment, "deployment", "a");
      const { generation = 0 } = (await createChild(port, deployment(environment, "a", { replicas: 0 })))
        .metadata;
      await scale(port, target, 2);
      expect((await port.get(target)).metadata.generation).toBe(generation + 1);
    },
  },
  {
    name: "a custom resource cannot be scaled by an apply",
    async run(environment) {
      const { port } = environment;
      await port.apply(modelDeployment(environment, "a", {}, { replicas: 1 }), as("people"));
      const target = reference(environment, "modelDeployment", "a");
      expect(await errorOf(scale(port, target, 3))).toMatchObject({ status: 500 });
      expect(replicasOf(await port.get(target))).toBe(1);
    },
  },
  {
    name: "scaling what does not exist is 404 NotFound",
    async run(environment) {
      const target = reference(environment, "deployment", "a");
      expect(await errorOf(scale(environment.port, target, 1))).toMatchObject({ status: 404 });
    },
  },
];

/**
 * As `kubectl scale` or `kubectl edit` by somebody: an update, not an apply. Controllers may write in
 * between.
 */
async function replaceReplicas(environment: ContractEnvironment, replicas: number): Promise<void> {
  const { port } = environment;
  for (let attempt = 1; ; attempt += 1) {
    const stored = await port.get(reference(environment, "deployment", "a"));
    const spec = isRecord(stored["spec"]) ? stored["spec"] : {};
    const error = await errorOf(port.replace({ ...stored, spec: { ...spec, replicas } }, ANYBODY));
    if (error === undefined) return;
    if (error.status !== 409 || attempt === 5) throw error;
  }
}

/** Scales the version that stands. Controllers may write in between. */
async function scaleAsItStands(environment: ContractEnvironment, replicas: number): Promise<void> {
  const { port } = environment;
  const target = reference(environment, "deployment", "a");
  for (let attempt = 1; ; attempt += 1) {
    const { resourceVersion } = (await port.get(target)).metadata;
    const error = await errorOf(scale(port, target, replicas, resourceVersion));
    if (error === undefined) return;
    if (error.status !== 409 || attempt === 5) throw error;
  }
}

function replicasOf(object: KubeObject): unknown {
  return isRecord(object["spec"]) ? object["spec"]["replicas"] : undefined;
}
