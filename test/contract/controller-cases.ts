/**
 * The contract of the cluster's controllers: what the operator sees of Deployments, of their pods, and of the garbage
 * collector.
 */
import { expect } from "@jest/globals";
import { valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { projectChild } from "../../src/operator/projections/child.ts";
import {
  CaseDeployment,
  type ControllerCase,
  type ControllerEnvironment,
  imageOf,
  isReady,
  labelsOf,
  type Strategy,
} from "./controller-case.ts";

const OLD = "example/model-server:1";
const NEW = "example/model-server:2";

/** Cases of Deployments and of what they own. */
export const controllerCases: readonly ControllerCase[] = [
  {
    name: "a Deployment without replicas has no pods, and its status says so",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.apply(OLD, { replicas: 0 });
      await environment.until(async () => (await deployment.counts()).replicas === 0);
      expect(await deployment.allPods()).toEqual([]);
    },
  },
  {
    name: "sized, it gets so many pods, each with the labels of its template and a controller as owner",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 3);
      const pods = await deployment.pods();
      for (const pod of pods) {
        expect(labelsOf(pod)).toMatchObject({ app: "ranker", "pod-template-hash": expect.any(String) });
        expect(pod.metadata.ownerReferences).toEqual([expect.objectContaining({ controller: true })]);
        expect(pod.metadata.namespace).toBe(environment.namespace);
        expect(imageOf(pod)).toBe(OLD);
        expect(isReady(pod)).toBe(false);
      }
      expect(new Set(pods.map(({ metadata }) => metadata.name)).size).toBe(3);
    },
  },
  {
    name: "its status counts its pods and those that are ready",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 3);
      const counts = async (replicas: number, readyReplicas: number) => {
        const found = await deployment.counts();
        return found.replicas === replicas && found.readyReplicas === readyReplicas;
      };
      await environment.until(() => counts(3, 0));
      const [first, second] = await deployment.pods();
      await deployment.setReady([first, second].filter((pod) => pod !== undefined));
      await environment.until(() => counts(3, 2));
      await deployment.setReady(
        [first].filter((pod) => pod !== undefined),
        false,
      );
      await environment.until(() => counts(3, 1));
    },
  },
  {
    name: "a pod that is deleted is made up for",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 2);
      const [lost] = await deployment.pods();
      await deletePod(environment, lost);
      const isMadeUpFor = async () => {
        const names = (await deployment.pods()).map(({ metadata }) => metadata.name);
        return names.length === 2 && !names.includes(lost?.metadata.name ?? "");
      };
      await environment.until(isMadeUpFor);
    },
  },
  {
    name: "a pod that has failed for good counts for nothing, and is made up for",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 2);
      const [evicted] = await deployment.pods();
      if (evicted === undefined) throw new Error("there is no pod");
      await environment.writePodStatus(evicted, { phase: "Failed", reason: "Evicted" });
      await environment.until(async () => (await deployment.pods()).length === 2);
      expect((await deployment.pods()).map(({ metadata }) => metadata.name)).not.toContain(
        evicted.metadata.name,
      );
      await environment.until(async () => (await deployment.counts()).replicas === 2);
    },
  },
  {
    name: "sized down, it gives up pods that are not ready before those that are",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 4);
      const [, second, , fourth] = await deployment.pods();
      const ready = [second, fourth].filter((pod) => pod !== undefined);
      await deployment.setReady(ready);
      await environment.until(async () => (await deployment.counts()).readyReplicas === 2);
      await deployment.scale(2);
      await environment.until(async () => (await deployment.pods()).length === 2);
      expect(namesOf(await deployment.pods())).toEqual(namesOf(ready));
    },
  },
  {
    name: "sized to 0 in the middle of an update, it keeps neither old pods nor new ones",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 3);
      await deployment.setReady(await deployment.pods());
      await environment.until(async () => (await deployment.counts()).readyReplicas === 3);
      await deployment.apply(NEW);
      await environment.until(async () => (await deployment.pods()).some((pod) => imageOf(pod) === NEW));
      await deployment.scale(0);
      await environment.until(async () => (await deployment.pods()).length === 0);
    },
  },
  {
    name: "in place (no surge, one unavailable), an update never asks for too many pods, nor has two ready ones too few",
    run: (environment) => replace(environment, { maxSurge: 0, maxUnavailable: 1 }),
  },
  {
    name: "with room (one surge, none unavailable), an update never asks for two pods too many, nor has a ready one too few",
    run: (environment) => replace(environment, { maxSurge: 1, maxUnavailable: 0 }),
  },
  {
    name: "with room, an update of the only pod leaves it until its successor is ready",
    async run(environment) {
      const deployment = new CaseDeployment(environment, { maxSurge: 1, maxUnavailable: 0 });
      await deployment.start(OLD, 1);
      await deployment.setReady(await deployment.pods());
      await environment.until(async () => (await deployment.counts()).readyReplicas === 1);
      const images = async () => (await deployment.pods()).map(imageOf).sort();
      await deployment.apply(NEW);
      await environment.until(async () => (await images()).join() === [OLD, NEW].sort().join());
      await deployment.setReady((await deployment.pods()).filter((pod) => imageOf(pod) === NEW));
      await environment.until(async () => (await images()).join() === NEW);
    },
  },
  {
    name: "an update of pods that were never ready goes on only as the new ones get ready",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 3);
      await deployment.apply(NEW);
      await environment.until(async () => {
        const pods = await deployment.pods();
        const waiting = pods.filter((pod) => imageOf(pod) === NEW && !isReady(pod));
        expect(waiting.length).toBeLessThanOrEqual(1);
        await deployment.setReady(waiting);
        return pods.length === 3 && pods.every((pod) => imageOf(pod) === NEW && isReady(pod));
      });
    },
  },
  {
    name: "an update to what never gets ready leaves the ready pods that it must, and one to the former template mends it",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 3);
      await deployment.setReady(await deployment.pods());
      await environment.until(async () => (await deployment.counts()).readyReplicas === 3);
      const images = async () => (await deployment.pods()).map(imageOf).sort();
      await deployment.apply(NEW);
      await environment.until(async () => (await images()).join() === [OLD, OLD, NEW].join());
      await deployment.apply(OLD);
      await environment.until(async () => (await images()).join() === [OLD, OLD, OLD].join());
      expect((await deployment.pods()).filter(isReady)).toHaveLength(2);
    },
  },
  {
    name: "an apply that leaves the template as it is replaces no pod",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 2);
      const before = namesOf(await deployment.pods());
      const { generation } = (await deployment.apply(OLD)).metadata;
      // A step of the controllers that can be seen, so that "nothing happened" is not merely too early.
      await deployment.scale(3);
      await environment.until(async () => (await deployment.pods()).length === 3);
      expect(namesOf(await deployment.pods())).toEqual(expect.arrayContaining(before));
      expect((await deployment.read()).metadata.generation).toBe((generation ?? 0) + 1);
    },
  },
  {
    name: "pods that a quota refuses are told in its condition ReplicaFailure, and no more once they are made",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await environment.limitPods(2);
      await deployment.start(OLD, 2);
      expect(await deployment.condition("ReplicaFailure")).toBeUndefined();
      await deployment.scale(3);
      await environment.until(async () => (await deployment.condition("ReplicaFailure")) !== undefined);
      const failure = await deployment.condition("ReplicaFailure");
      expect(failure).toMatchObject({ status: "True", reason: "FailedCreate" });
      expect(valueAt(failure, "message")).toMatch(/^pods ".*" is forbidden: exceeded quota: /);
      expect(projectChild(await deployment.read()).podRefusal).toBe(valueAt(failure, "message"));
      expect(await deployment.pods()).toHaveLength(2);
      await environment.limitPods(undefined);
      await environment.until(async () => (await deployment.pods()).length === 3);
      await environment.until(async () => (await deployment.condition("ReplicaFailure")) === undefined);
      expect(projectChild(await deployment.read())).not.toHaveProperty("podRefusal");
    },
  },
  {
    name: "deleted in the background, it is gone at once and its pods after it",
    async run(environment) {
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 2);
      await deployment.remove();
      await expect(deployment.read()).rejects.toMatchObject({ status: 404 });
      await environment.until(async () => (await deployment.allPods()).length === 0);
    },
  },
  {
    name: "what its owner's deletion leads to: the Deployment goes, then its pods",
    async run(environment) {
      const { port, namespace } = environment;
      const lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name: "owner", namespace },
      };
      const owner = await port.create({ ...lease, spec: {} }, { fieldManager: "people" });
      const deployment = new CaseDeployment(environment);
      await deployment.start(OLD, 2, owner);
      await port.delete({ resource: RESOURCE.lease, namespace, name: "owner" }, {});
      await environment.until(async () => (await deployment.allPods()).length === 0);
      await expect(deployment.read()).rejects.toMatchObject({ status: 404 });
    },
  },
];

/** Runs an update to its end with a kubelet that makes every new pod ready, and looks at each step. */
async function replace(environment: ControllerEnvironment, strategy: Strategy): Promise<void> {
  const replicas = 4;
  const deployment = new CaseDeployment(environment, strategy);
  await deployment.start(OLD, replicas);
  await deployment.setReady(await deployment.pods());
  await environment.until(async () => (await deployment.counts()).readyReplicas === replicas);
  await deployment.apply(NEW);
  let looks = 0;
  await environment.until(async () => {
    expect(await environment.podsAskedFor()).toBeLessThanOrEqual(replicas + strategy.maxSurge);
    const pods = await deployment.pods();
    expect(pods.filter(isReady).length).toBeGreaterThanOrEqual(replicas - strategy.maxUnavailable);
    expect(pods.filter((pod) => !isReady(pod)).length).toBeLessThanOrEqual(
      strategy.maxSurge + strategy.maxUnavailable,
    );
    looks += pods.some((pod) => imageOf(pod) === OLD) && pods.some((pod) => imageOf(pod) === NEW) ? 1 : 0;
    await deployment.setReady(pods.filter((pod) => !isReady(pod)));
    return pods.length === replicas && pods.every((pod) => imageOf(pod) === NEW && isReady(pod));
  });
  // It went step by step.
  expect(looks).toBeGreaterThan(1);
}

function namesOf(pods: readonly KubeObject[]): string[] {
  return pods.map(({ metadata }) => metadata.name).sort();
}

async function deletePod({ port }: ControllerEnvironment, pod: KubeObject | undefined): Promise<void> {
  const { name = "", namespace = "", uid = "" } = pod?.metadata ?? {};
  await port.delete({ resource: RESOURCE.pod, namespace, name }, { uid });
}
