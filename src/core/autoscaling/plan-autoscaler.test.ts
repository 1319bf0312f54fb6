/**
 * Replicas that a HorizontalPodAutoscaler or KEDA owns: how they are handed over, what counts of `spec.replicas`, and that
 * there are never two owners.
 */
import { describe, expect, test } from "@jest/globals";
import { BY_RATE, loaded, scaledWorld } from "../../../test/fixtures/loaded-world.ts";
import { servingWorld, World } from "../../../test/fixtures/world.ts";
import type { AutoscalingSpec } from "../../api/autoscaling.ts";
import { valueAt } from "../../api/json.ts";
import { RESOURCE } from "../../api/kube-resources.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../decision.ts";

const BOUNDS = { minReplicas: 2, maxReplicas: 10 };
const HPA: AutoscalingSpec = { owner: "HPA", ...BOUNDS };
const KEDA: AutoscalingSpec = {
  owner: "KEDA",
  ...BOUNDS,
  keda: { triggers: [{ type: "prometheus", metadata: { query: "sum(rate(x[1m]))", threshold: "20" } }] },
};

const HPA_KIND = "HorizontalPodAutoscaler";
const standing = (world: World) => world.serversOf(world.revisionName("v1")).map(({ replicas }) => replicas);
const active = (world: World) => world.status.conditions?.find(({ type }) => type === "ScalingActive");
const appliedOf = ({ apply }: Decision, kind: string) => apply.filter((object) => object.kind === kind);
const removedOf = ({ remove }: Decision, kind: string) =>
  remove.filter(({ reference }) => reference.resource.kind === kind).map(({ reference }) => reference.name);
const boundsOf = (decision: Decision) =>
  appliedOf(decision, HPA_KIND).map(({ spec }) => [
    valueAt(spec, "minReplicas"),
    valueAt(spec, "maxReplicas"),
  ]);

/** Petrel runs nine replicas, and four stand in spec.replicas. */
function nineByPetrel(): World {
  const world = scaledWorld();
  loaded(world, [85]).reconcile();
  world.load = undefined;
  expect(standing(world)).toEqual([9]);
  return world;
}

/** With a HorizontalPodAutoscaler that has taken over nine. */
function nineByHpa(): World {
  const world = nineByPetrel();
  world.edit({ autoscaling: HPA }).reconcile();
  world.edit({ replicas: 9 }).reconcile();
  world.reconcile();
  expect(world.status.autoscaling).toMatchObject({ replicas: 9, because: "Autoscaler" });
  return world;
}

/** What was applied did not come to stand. */
function withoutHpa(world: World): World {
  const reference = { resource: RESOURCE.horizontalPodAutoscaler, namespace: "shop", name: "ranker" };
  world.execute({ type: "Remove", remove: { reference, uid: "" } });
  return world;
}

function withKeda(world: World): World {
  world.settings = { ...world.settings, usesKeda: true };
  return world;
}

describe("from Petrel to a HorizontalPodAutoscaler", () => {
  test("replicas stay, and its bounds are their number until that stands in spec.replicas", () => {
    const world = nineByPetrel();
    const handed = world.edit({ autoscaling: HPA }).reconcile();
    expect(boundsOf(handed)).toEqual([[9, 9]]);
    expect(world.status.autoscaling).toMatchObject({ replicas: 9, because: "Start", inPlaceOf: 4 });
    expect(active(world)).toMatchObject({ status: "Unknown", reason: "HandingOver" });
    expect(boundsOf(world.reconcile())).toEqual([[9, 9]]);
    const taken = world.edit({ replicas: 9 }).reconcile();
    expect(boundsOf(taken)).toEqual([[2, 10]]);
    expect(standing(world)).toEqual([9]);
    expect(active(world)).toMatchObject({ status: "True", reason: "OwnedByHPA" });
    world.edit({ replicas: 6 }).reconcile();
    expect(standing(world)).toEqual([6]);
    expect(world.status.autoscaling).toMatchObject({ replicas: 6, because: "Autoscaler" });
  });

  test("it targets the ModelDeployment, and has CPU where nothing is said", () => {
    const [object] = appliedOf(nineByPetrel().edit({ autoscaling: HPA }).reconcile(), HPA_KIND);
    expect(object?.spec).toMatchObject({
      scaleTargetRef: { apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", name: "ranker" },
      metrics: [{ type: "Resource", resource: { name: "cpu", target: { averageUtilization: 80 } } }],
    });
    expect(object?.metadata).toMatchObject({
      name: "ranker",
      ownerReferences: [{ kind: "ModelDeployment" }],
    });
  });

  test("its own metrics and rates are those that people state", () => {
    const hpa: AutoscalingSpec["hpa"] = {
      metrics: [
        {
          type: "Pods",
          pods: { metric: { name: "rps" }, target: { type: "AverageValue", averageValue: "20" } },
        },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 600 } },
    };
    const [object] = appliedOf(
      nineByPetrel()
        .edit({ autoscaling: { ...HPA, hpa } })
        .reconcile(),
      HPA_KIND,
    );
    expect(object?.spec).toMatchObject(hpa ?? {});
  });

  test.each([
    ["the default that a manifest leaves", 1],
    ["more than stand", 10],
    ["none", 0],
    ["what somebody writes meanwhile", 3],
  ])("no replica goes or comes by what stands in spec.replicas: %s", (_what, replicas) => {
    const world = nineByPetrel();
    world.edit({ autoscaling: HPA, replicas }).reconcile();
    expect(boundsOf(world.reconcile())).toEqual([[9, 9]]);
    expect(standing(world)).toEqual([9]);
  });

  test("0 in spec.replicas turns it off: that is told, with what to do", () => {
    const world = nineByPetrel();
    world.edit({ autoscaling: HPA, replicas: 0 }).reconcile();
    expect(active(world)).toMatchObject({
      ...{ status: "False", reason: "HandingOver" },
      message: expect.stringContaining("write any other number"),
    });
  });

  test("what stood without autoscaling is handed over alike, within the bounds", () => {
    const world = servingWorld({ replicas: 6 });
    expect(boundsOf(world.edit({ replicas: 1, autoscaling: HPA }).reconcile())).toEqual([[6, 6]]);
    expect(standing(world)).toEqual([6]);
    const few = servingWorld({ replicas: 1 });
    expect(boundsOf(few.edit({ autoscaling: HPA }).reconcile())).toEqual([[2, 2]]);
    expect(standing(few)).toEqual([2]);
  });

  test("a new ModelDeployment begins with its least", () => {
    const world = new World({ replicas: 1, autoscaling: HPA });
    expect(boundsOf(world.reconcile())).toEqual([[2, 2]]);
  });

  test("one that is to have none has none", () => {
    const world = new World({ replicas: 0, autoscaling: HPA });
    world.reconcile();
    world.reconcile();
    expect(standing(world)).toEqual([0]);
    expect(active(world)).toMatchObject({ status: "False", reason: "ScaledToZero" });
  });
});

describe("while it owns them", () => {
  test("a number below the least is nobody's decision: the replicas stay, and it is told to write them again", () => {
    const world = nineByHpa();
    const reset = world.edit({ replicas: 1 }).reconcile();
    expect(standing(world)).toEqual([9]);
    expect(boundsOf(reset)).toEqual([[9, 9]]);
    expect(boundsOf(world.edit({ replicas: 9 }).reconcile())).toEqual([[2, 10]]);
    expect(standing(world)).toEqual([9]);
  });

  test("0 is a person's decision, and any number after it", () => {
    const world = nineByHpa();
    world.edit({ replicas: 0 }).settle();
    expect(standing(world)).toEqual([0]);
    expect(active(world)).toMatchObject({ status: "False", reason: "ScaledToZero" });
    world.edit({ replicas: 4 }).reconcile();
    expect(standing(world)).toEqual([4]);
  });

  test("never more than the most", () => {
    const world = nineByHpa();
    world.edit({ replicas: 500 }).reconcile();
    expect(standing(world)).toEqual([10]);
    world.edit({ replicas: 9, autoscaling: { ...HPA, maxReplicas: 5 } }).reconcile();
    expect(standing(world)).toEqual([5]);
  });

  test("a suspended one stays as it is, and so does what is told", () => {
    const world = nineByHpa();
    const before = world.status.autoscaling;
    const decision = world.edit({ suspend: true, replicas: 4 }).reconcile();
    expect([decision.apply, decision.remove]).toEqual([[], []]);
    expect(world.status.autoscaling).toEqual(before);
    expect(active(world)).toMatchObject({ status: "True", reason: "OwnedByHPA" });
    world.edit({ suspend: undefined }).reconcile();
    expect(standing(world)).toEqual([4]);
  });

  test("one of the same name that is somebody else's stays theirs: replicas stay, and it is told until it is gone", () => {
    const world = nineByPetrel();
    world.edit({ autoscaling: HPA });
    const message = "exists and belongs to somebody else";
    world.refusals = [{ object: `${HPA_KIND}/ranker`, reason: "NotOwned", message }];
    withoutHpa(world).reconcile();
    expect(active(world)).toMatchObject({ status: "False", reason: "NotOwned" });
    world.refusals = undefined;
    withoutHpa(world).reconcile();
    expect(active(world)).toMatchObject({ status: "False", reason: "NotOwned" });
    world.refusals = [];
    world.reconcile();
    expect(active(world)).toMatchObject({ status: "Unknown", reason: "HandingOver" });
    expect(standing(world)).toEqual([9]);
  });
});

describe("from a HorizontalPodAutoscaler", () => {
  test("to Petrel: with the replicas that it left, and it is removed", () => {
    const world = nineByHpa();
    const back = world.edit({ replicas: 1, autoscaling: BY_RATE }).reconcile();
    expect(removedOf(back, HPA_KIND)).toEqual(["ranker"]);
    expect(appliedOf(back, HPA_KIND)).toEqual([]);
    expect(world.status.autoscaling).toMatchObject({ replicas: 9, because: "Start" });
    expect(standing(world)).toEqual([9]);
  });

  test.each([
    ["None", { ...HPA, owner: "None" } as const],
    ["nobody", undefined],
  ])("to %s: what stands in spec.replicas is what runs", (_whom, autoscaling) => {
    const world = nineByHpa();
    const ended = world.edit({ autoscaling }).reconcile();
    expect(removedOf(ended, HPA_KIND)).toEqual(["ranker"]);
    expect(world.status.autoscaling).toBeUndefined();
    expect(standing(world)).toEqual([9]);
    world.edit({ replicas: 3 }).reconcile();
    expect(standing(world)).toEqual([3]);
  });

  test("to nobody in the middle of a hand-over: what stands stays", () => {
    const world = nineByPetrel();
    world.edit({ autoscaling: HPA }).reconcile();
    world.edit({ autoscaling: undefined }).reconcile();
    expect(world.status.autoscaling).toMatchObject({ replicas: 9, because: "HandedBack" });
    expect(standing(world)).toEqual([9]);
  });

  test("to KEDA: its ScaledObject comes when the other is gone, and never beside it", () => {
    const world = withKeda(nineByHpa());
    const first = world.edit({ autoscaling: KEDA }).reconcile();
    expect([removedOf(first, HPA_KIND), appliedOf(first, "ScaledObject")]).toEqual([["ranker"], []]);
    const second = world.reconcile();
    expect(appliedOf(second, "ScaledObject").map(({ spec }) => spec)).toEqual([
      {
        scaleTargetRef: { apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", name: "ranker" },
        minReplicaCount: 2,
        maxReplicaCount: 10,
        triggers: KEDA.keda?.triggers,
      },
    ]);
    world.reconcile();
    expect(active(world)).toMatchObject({ status: "True", reason: "OwnedByKEDA" });
    expect(standing(world)).toEqual([9]);
  });
});

describe("KEDA", () => {
  test("where Petrel was installed without it, replicas stay and that is told", () => {
    const world = nineByPetrel();
    const decision = world.edit({ autoscaling: KEDA }).reconcile();
    expect(appliedOf(decision, "ScaledObject")).toEqual([]);
    expect(standing(world)).toEqual([9]);
    expect(active(world)).toMatchObject({ status: "False", reason: "KEDANotEnabled" });
  });

  test("where the cluster does not know it, replicas stay and that is told", () => {
    const world = withKeda(nineByPetrel());
    world.edit({ autoscaling: KEDA });
    const message = "the cluster does not know the kind ScaledObject";
    world.refusals = [{ object: "ScaledObject/ranker", reason: "KindMissing", message }];
    world.reconcile();
    expect(standing(world)).toEqual([9]);
    expect(active(world)).toMatchObject({ status: "False", reason: "KindMissing" });
    expect(world.status.conditions?.find(({ type }) => type === "Stalled")).toMatchObject({
      reason: "KindMissing",
    });
  });

  test("its ScaledObject that is on its way out holds up the other one", () => {
    const observation = nineByPetrel().edit({ autoscaling: HPA }).observation();
    expect(boundsOf(decide({ ...observation, leavingAutoscalers: ["ScaledObject/ranker"] }))).toEqual([]);
    expect(boundsOf(decide(observation))).toEqual([[9, 9]]);
  });
});
