/**
 * The writes that follow from the plans: their names, order and sizes.
 */
import { describe, expect, test } from "@jest/globals";
import {
  candidateComesUp,
  candidateHasTrafficAcknowledged,
  stableServes,
} from "../../test/fixtures/stages.ts";
import { effectsOf, model, servingWorld, World } from "../../test/fixtures/world.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { modelServersName } from "./child-names.ts";
import { decide } from "./decide.ts";

function replicasField(object: KubeObject): unknown {
  const { spec } = object;
  return typeof spec === "object" && spec !== null && "replicas" in spec ? spec.replicas : "absent";
}

function deploymentsOf(world: World): readonly KubeObject[] {
  return decide(world.observation()).apply.filter(({ kind }) => kind === "Deployment");
}

describe("objects", () => {
  test("come in an order in which each one finds what it needs", () => {
    expect(decide(new World().observation()).apply.map(({ kind }) => kind)).toEqual([
      "ControllerRevision",
      "ServiceAccount",
      "Service",
      "Service",
      "NetworkPolicy",
      "PodDisruptionBudget",
      "ControllerRevision",
      "Deployment",
    ]);
  });

  test("are those of both revisions while a candidate comes up, stable's first", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 1 }] });
    world.edit({ model: model("v2") });
    const [old, next] = [world.revisionName("v1"), world.revisionName("v2")];
    expect(deploymentsOf(world).map(({ metadata }) => metadata.name)).toEqual([
      modelServersName("ranker", "gpu", old),
      modelServersName("ranker", "cpu", old),
      modelServersName("ranker", "gpu", next),
      modelServersName("ranker", "cpu", next),
    ]);
  });

  test("belong to the ModelDeployment and stand in its namespace", () => {
    for (const { metadata } of decide(candidateComesUp().observation()).apply) {
      expect(metadata.namespace).toBe("shop");
      expect(metadata.ownerReferences).toMatchObject([{ uid: "uid-ranker", controller: true }]);
    }
  });

  test("hold a budget for what the spec has given up, as long as requests reach it", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 1 }] });
    world.edit({ pools: [{ name: "gpu" }] });
    const left = modelServersName("ranker", "cpu", world.revisionName("v1"));
    const { apply } = decide(world.observation());
    const named = apply.filter(({ metadata }) => metadata.name === left).map(({ kind }) => kind);
    expect(named).toEqual(["PodDisruptionBudget"]);
  });

  test("keep the model of their own revision, whatever the spec says by now", () => {
    const world = candidateComesUp();
    const containers = JSON.stringify(deploymentsOf(world));
    expect(containers).toContain("https://models.example/v1.onnx");
    expect(containers).toContain("https://models.example/v2.onnx");
  });

  test("write a ControllerRevision once, and again when it was deleted", () => {
    const world = stableServes();
    const kinds = () => decide(world.observation()).apply.map(({ kind }) => kind);
    expect(kinds()).not.toContain("ControllerRevision");
    world.deleteRevision(world.revisionName());
    expect(kinds()).toContain("ControllerRevision");
  });
});

describe("a ServiceAccount of the user's", () => {
  const accounts = (world: World) =>
    decide(world.observation()).apply.filter(({ kind }) => kind === "ServiceAccount");
  const removed = (world: World) =>
    decide(world.observation()).remove.filter(
      ({ reference }) => reference.resource.kind === "ServiceAccount",
    );

  test("is used, and none is made", () => {
    const world = new World({ serviceAccountName: "theirs" });
    expect(accounts(world)).toEqual([]);
    expect(deploymentsOf(world)).toMatchObject([
      { spec: { template: { spec: { serviceAccountName: "theirs" } } } },
    ]);
  });

  test("takes the place of ours, which goes once no pods are made with it", () => {
    const world = stableServes().edit({ serviceAccountName: "theirs" });
    expect(removed(world)).toEqual([]);
    for (const effect of effectsOf(decide(world.observation()))) world.execute(effect);
    expect(removed(world)).toMatchObject([{ reference: { name: "ranker-model-server" } }]);
    world.settle();
    expect(removed(world)).toEqual([]);
  });
});

describe("replicas", () => {
  test("of a new Deployment are 0, and then set through scale", () => {
    const world = new World({ replicas: 3 });
    expect(deploymentsOf(world).map(replicasField)).toEqual([0]);
    expect(decide(world.observation()).scale).toMatchObject([{ namespace: "shop", replicas: 3 }]);
  });

  test("are repeated as they stand while nobody else owns the field: leaving them out would reset them", () => {
    const world = new World({ replicas: 3 });
    for (const object of decide(world.observation()).apply) world.execute({ type: "Apply", object });
    expect(deploymentsOf(world).map(replicasField)).toEqual([0]);
    expect(decide(world.observation()).scale).toMatchObject([{ replicas: 3 }]);
  });

  test("are left out once scale owns them", () => {
    const world = servingWorld({ replicas: 3 });
    expect(deploymentsOf(world).map(replicasField)).toEqual(["absent"]);
    expect(decide(world.observation()).scale).toEqual([]);
  });

  test("of 0 are claimed too, also when the operator was killed after it had made the Deployment", () => {
    const world = new World({ replicas: 0 });
    expect(decide(world.observation()).scale).toMatchObject([{ replicas: 0 }]);
    for (const object of decide(world.observation()).apply) world.execute({ type: "Apply", object });
    expect(decide(world.observation()).scale).toMatchObject([{ replicas: 0 }]);
  });

  test("that are held for the routers are not written: what is known of them may be old", () => {
    const world = stableServes().edit({ replicas: 0 });
    for (const servers of world.servers) servers.replicasAreUnclaimed = true;
    expect(decide(world.observation()).scale).toEqual([]);
  });

  test("are put right when somebody scaled the Deployment", () => {
    const world = stableServes();
    for (const servers of world.servers) servers.replicas = 7;
    expect(decide(world.observation()).scale).toMatchObject([{ replicas: 2 }]);
  });
});

describe("removals", () => {
  test("name the disruption budget, and after it the very Deployment by its uid", () => {
    const world = candidateHasTrafficAcknowledged();
    world.reconcile();
    world.acknowledge();
    const [former] = world.serversOf(world.revisionName("v1"));
    const { remove } = decide(world.observation());
    expect(remove).toMatchObject([
      { reference: { resource: { kind: "PodDisruptionBudget" }, name: former?.name, namespace: "shop" } },
      {
        reference: { resource: { kind: "Deployment" }, name: former?.name, namespace: "shop" },
        uid: former?.uid,
      },
    ]);
  });

  test("name a disruption budget that stands without model servers", () => {
    const observation = stableServes().observation();
    const standing = new Map([...observation.standing, ["PodDisruptionBudget/ranker-left", "uid-left"]]);
    expect(decide({ ...observation, standing }).remove).toMatchObject([
      {
        reference: { resource: { kind: "PodDisruptionBudget" }, name: "ranker-left", namespace: "shop" },
        uid: "uid-left",
      },
    ]);
  });

  test("name one very object each: another of its name, made since, is none of ours", () => {
    const world = stableServes();
    world.edit({ model: model("v2"), pools: [{ name: "other" }], serviceAccountName: "own" });
    const removed = new Map<string, string>();
    for (let round = 0; round < 20; round += 1) {
      const { standing } = world.observation();
      for (const { reference, uid } of world.reconcile().remove) {
        const key = `${reference.resource.kind}/${reference.name}`;
        expect(uid).toBe(standing.get(key));
        removed.set(reference.resource.kind, uid);
      }
      world.startPods();
      for (const servers of world.servers) for (const pod of servers.pods) pod.isReady = true;
      world.acknowledge();
    }
    expect([...removed.keys()].sort()).toEqual([
      "ControllerRevision",
      "Deployment",
      "PodDisruptionBudget",
      "ServiceAccount",
    ]);
  });

  test("are none while all is well", () => {
    expect(decide(stableServes().observation()).remove).toEqual([]);
  });
});

describe("what was refused", () => {
  test("is tried again after a minute though nothing changes", () => {
    const observation = stableServes().observation();
    const refusals = [{ object: "Service/ranker", reason: "NotOwned" as const, message: "it is not ours" }];
    expect(decide({ ...observation, refusals }).wakeAtMilliseconds).toBe(
      observation.nowMilliseconds + 60_000,
    );
    expect(decide({ ...observation, refusals: [] }).wakeAtMilliseconds).toBeUndefined();
  });
});

describe("what autoscalers read", () => {
  test("are the pods of stable's first pool alone", () => {
    const world = servingWorld({ replicas: 3, pools: [{ name: "gpu" }, { name: "cpu", replicas: 6 }] });
    world.edit({ model: model("v2") }).reconcile();
    world.startPods();
    const { replicas, selector } = decide(world.observation()).status;
    expect(replicas).toBe(3);
    expect(selector).toBe(
      `petrel.dev/model-deployment=ranker,petrel.dev/pool=gpu,petrel.dev/model-revision=${world.revisionName("v1")}`,
    );
  });

  test("count no pod that terminates", () => {
    const world = stableServes();
    const [pod] = world.servers.flatMap(({ pods }) => pods);
    if (pod === undefined) throw new Error("expected a pod");
    pod.isTerminating = true;
    expect(decide(world.observation()).status.replicas).toBe(1);
  });
});

describe("status.pools", () => {
  test("tells each role and pool, with the words of who knows why replicas are missing", () => {
    const world = candidateComesUp();
    world.setTrouble(world.revisionName("v2"), { type: "Unschedulable", message: "no GPU" });
    expect(decide(world.observation()).status.pools).toEqual([
      { name: "default", revision: world.revisionName("v1"), replicas: 2, readyReplicas: 2 },
      {
        name: "default",
        revision: world.revisionName("v2"),
        replicas: 2,
        readyReplicas: 0,
        message: "pool default: 0 of 2 replicas are ready; 2 cannot be scheduled: no GPU",
      },
    ]);
  });

  test("never tells more ready replicas than are asked for", () => {
    const world = stableServes().edit({ replicas: 1 });
    expect(decide(world.observation()).status.pools).toMatchObject([{ replicas: 1, readyReplicas: 1 }]);
  });
});
