/**
 * What people and tools read, at every stage of a release and in every trouble.
 */
import { describe, expect, test } from "@jest/globals";
import { found, messageOf } from "../../../test/fixtures/found-conditions.ts";
import {
  candidateComesUp,
  candidateHasTrafficAcknowledged,
  candidateHasTrafficUnacknowledged,
  neverServed,
  stableServes,
  withoutStatus,
} from "../../../test/fixtures/stages.ts";
import { model, servingWorld, World } from "../../../test/fixtures/world.ts";
import { CONDITION_TYPES, type ConditionReason, REASON } from "../../api/conditions.ts";
import { decide } from "../decide.ts";
import type { PodTrouble } from "../observation.ts";

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");

const STABLE_SERVES = { Ready: "True Serving", Available: "True Serving" };
const NO_ROLLOUT = { RolloutInProgress: "False NoRollout" };
const PROMOTED = { Promoted: "True Promoted" };
const notPromoted = (reason: ConditionReason) => ({ Promoted: `False ${reason}` });
const NOTHING_READY = { Available: "False NoReadyReplica" };

describe("each stage of a release", () => {
  test.each<[string, () => World, Record<string, string>]>([
    [
      "nothing has been decided",
      withoutStatus,
      {
        Ready: "False ReplicasNotReady",
        Reconciling: "True Creating",
        ...NOTHING_READY,
        ...notPromoted("ReplicasNotReady"),
        ...NO_ROLLOUT,
      },
    ],
    [
      "the first revision starts",
      neverServed,
      {
        Ready: "False ReplicasNotReady",
        Reconciling: "True Creating",
        ...NOTHING_READY,
        ...notPromoted("ReplicasNotReady"),
        ...NO_ROLLOUT,
      },
    ],
    [
      "the first pod is ready and no router knows",
      () => {
        const world = neverServed();
        return world.setReady(v1(world), 1);
      },
      {
        Ready: "False ReplicasNotReady",
        Reconciling: "True ReplicasNotReady",
        Available: "False RouterNotReady",
        ...notPromoted("ReplicasNotReady"),
        ...NO_ROLLOUT,
      },
    ],
    [
      "all pods are ready and one router of two knows",
      () => {
        const world = neverServed();
        world.setReady(v1(world)).reconcile();
        return world.acknowledge("router-a");
      },
      {
        Ready: "False RouterNotReady",
        Reconciling: "True RouterNotReady",
        Available: "False RouterNotReady",
        ...notPromoted("RouterNotReady"),
        ...NO_ROLLOUT,
      },
    ],
    ["stable serves", stableServes, { ...STABLE_SERVES, ...PROMOTED, ...NO_ROLLOUT }],
    [
      "a candidate comes up",
      candidateComesUp,
      { ...STABLE_SERVES, ...notPromoted("NewRevision"), RolloutInProgress: "True NewRevision" },
    ],
    [
      "the candidate is ready",
      () => {
        const world = candidateComesUp();
        return world.setReady(v2(world));
      },
      { ...STABLE_SERVES, ...notPromoted("MovingTraffic"), RolloutInProgress: "True MovingTraffic" },
    ],
    [
      "the candidate has traffic that no router has acknowledged",
      candidateHasTrafficUnacknowledged,
      { ...STABLE_SERVES, ...notPromoted("MovingTraffic"), RolloutInProgress: "True MovingTraffic" },
    ],
    [
      // The plan that names v2 as stable is new, but v2 has all the traffic by the former one already.
      "every router gives the candidate the traffic",
      candidateHasTrafficAcknowledged,
      { ...STABLE_SERVES, ...notPromoted("MovingTraffic"), ...NO_ROLLOUT },
    ],
    [
      "the release is over",
      () => {
        const world = candidateHasTrafficAcknowledged();
        world.settle();
        return world;
      },
      { ...STABLE_SERVES, ...PROMOTED, ...NO_ROLLOUT },
    ],
    [
      "nothing is asked for",
      () => {
        const world = stableServes().edit({ replicas: 0 });
        world.settle();
        return world;
      },
      { Ready: "True ScaledToZero", ...NOTHING_READY, ...PROMOTED, ...NO_ROLLOUT },
    ],
  ])("%s", (_stage, make, expected) => {
    expect(found(make())).toEqual(expected);
  });
});

describe("trouble", () => {
  test("a first revision is not promoted while only a pool with another model answers", () => {
    const pools = [{ name: "gpu" }, { name: "cpu", replicas: 1, model: model("small") }];
    const world = new World({ pools });
    world.settle();
    expect(found(world)).toMatchObject({ Ready: "True Serving", Promoted: "True Promoted" });
    const broken = new World({ pools });
    broken.reconcile();
    broken.startPods();
    broken.setReady(broken.revisionName(), 1, "cpu");
    broken.reconcile();
    broken.acknowledge();
    expect(found(broken)).toMatchObject({ Available: "True Serving", Promoted: "False ReplicasNotReady" });
  });

  const troubles: readonly [PodTrouble["type"], ConditionReason][] = [
    ["FetchFailed", "FetchFailed"],
    ["ExecutionProviderMissing", "ExecutionProviderMissing"],
    ["ModelNotLoaded", "ModelNotLoaded"],
    ["Unschedulable", "WaitingForCapacity"],
    ["ContainerWaiting", "ReplicasNotReady"],
  ];

  test.each(troubles)("of stable, %s, is told as %s and takes Ready away", (type, reason) => {
    const world = stableServes();
    world.setReady(v1(world), 1).setTrouble(v1(world), { type, message: "its own words" });
    expect(found(world)).toEqual({
      Ready: `False ${reason}`,
      Reconciling: `True ${reason}`,
      Available: "True Serving",
      ...PROMOTED,
      ...NO_ROLLOUT,
    });
    const verb = type === "Unschedulable" ? "cannot be scheduled" : "cannot start";
    expect(messageOf(world, "Ready")).toBe(
      `pool default: 1 of 2 replicas are ready; 1 ${verb}: its own words`,
    );
  });

  test.each(troubles)("of a candidate, %s, is told by the rollout and leaves Ready alone", (type, reason) => {
    const world = candidateComesUp();
    world.setTrouble(v2(world), { type, message: "its own words" });
    const told = reason === "ReplicasNotReady" ? "NewRevision" : reason;
    expect(found(world)).toEqual({
      ...STABLE_SERVES,
      ...notPromoted(told),
      RolloutInProgress: `True ${told}`,
    });
    expect(messageOf(world, "RolloutInProgress")).toContain("its own words");
  });

  const quota = 'pods "ranker-" is forbidden: exceeded quota: gpus';

  test("pods that are refused are told in the API server's words, for there is no pod to tell it", () => {
    const world = stableServes().edit({ replicas: 3 });
    world.reconcile();
    for (const servers of world.servers) servers.podRefusal = quota;
    expect(found(world)).toMatchObject({ Ready: "False PodsRefused", Reconciling: "True PodsRefused" });
    const message = `pool default: 2 of 3 replicas are ready; pods are refused: ${quota}`;
    expect(messageOf(world, "Ready")).toBe(message);
    expect(decide(world.observation()).status.pools).toMatchObject([{ message }]);
  });

  test("pods that are refused are told beside the trouble of those that are there", () => {
    const world = stableServes();
    world.setReady(v1(world), 1).setTrouble(v1(world), { type: "FetchFailed", message: "no such object" });
    for (const servers of world.servers) servers.podRefusal = quota;
    expect(found(world)["Ready"]).toBe("False FetchFailed");
    expect(messageOf(world, "Ready")).toBe(
      `pool default: 1 of 2 replicas are ready; 1 cannot start: no such object; pods are refused: ${quota}`,
    );
    world.setTrouble(v1(world), { type: "ContainerWaiting", message: "CrashLoopBackOff" });
    expect(found(world)["Ready"]).toBe("False PodsRefused");
  });

  test("of a candidate whose pods are refused leaves Ready alone", () => {
    const world = candidateComesUp();
    for (const servers of world.serversOf(v2(world))) servers.podRefusal = quota;
    expect(found(world)).toMatchObject({ ...STABLE_SERVES, RolloutInProgress: "True PodsRefused" });
  });

  test("pods that were refused are no news once all replicas serve", () => {
    const world = stableServes();
    for (const servers of world.servers) servers.podRefusal = quota;
    expect(found(world)).toMatchObject(STABLE_SERVES);
  });

  test("in several pools is told for each, with the reason that people must act on", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 1 }] });
    world.setReady(v1(world), 0);
    for (const pod of world.serversOf(v1(world), "cpu").flatMap(({ pods }) => pods)) {
      pod.trouble = { type: "FetchFailed", message: "digest mismatch" };
    }
    expect(found(world)).toMatchObject({ Ready: "False FetchFailed" });
    expect(messageOf(world, "Ready")).toBe(
      "pool gpu: 0 of 2 replicas are ready; pool cpu: 0 of 1 replicas are ready; 1 cannot start: digest mismatch",
    );
  });

  test("of a stable revision that served is not called its creation", () => {
    const world = stableServes();
    world.setReady(v1(world), 0);
    expect(found(world)).toMatchObject({ ...NOTHING_READY, Reconciling: "True ReplicasNotReady" });
    world.reconcile();
    expect(found(world)).toMatchObject({ ...NOTHING_READY, Reconciling: "True ReplicasNotReady" });
  });

  test("with all routers gone is never Ready", () => {
    const world = stableServes();
    for (const router of world.routers) router.isLive = false;
    expect(found(world)).toMatchObject({
      Ready: "False RouterNotReady",
      Available: "False RouterNotReady",
      Promoted: "True Promoted",
    });
  });

  test("a newer plan on its way does not interrupt the one that is in effect", () => {
    const world = stableServes().edit({ traffic: { timeout: "2s" } });
    world.reconcile();
    expect(found(world)).toEqual({ ...STABLE_SERVES, ...PROMOTED, ...NO_ROLLOUT });
  });

  test.each(["x", "é", "鳥", "🐦"])(
    "a message is cut at 1,024 bytes, between characters: %s",
    (character) => {
      const world = stableServes();
      const message = character.repeat(5000);
      world.setReady(v1(world), 0).setTrouble(v1(world), { type: "FetchFailed", message });
      const said = [messageOf(world, "Ready"), decide(world.observation()).status.pools?.[0]?.message ?? ""];
      for (const text of said) {
        expect(Buffer.byteLength(text)).toBeGreaterThan(1015);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024);
        expect(text.endsWith(`${character}...`)).toBe(true);
      }
    },
  );
});

describe("Stalled", () => {
  const refusal = {
    object: "Deployment/ranker-default",
    reason: "ChildRejected",
    message: "no such class",
  } as const;

  test("tells what the API server refused, in its words, and stands in the place of Reconciling", () => {
    const world = stableServes();
    world.refusals = [refusal];
    expect(found(world)).toMatchObject({ Ready: "False ChildRejected", Stalled: "True ChildRejected" });
    expect(found(world)).not.toHaveProperty("Reconciling");
    expect(messageOf(world, "Stalled")).toBe("Deployment/ranker-default: no such class");
  });

  test("stays while nothing was carried out anew, word for word", () => {
    const world = stableServes();
    world.refusals = [refusal];
    world.reconcile();
    world.refusals = undefined;
    expect(messageOf(world, "Stalled")).toBe("Deployment/ranker-default: no such class");
  });

  test("ends with the next write that is accepted", () => {
    const world = stableServes();
    world.refusals = [refusal];
    world.reconcile();
    world.refusals = [];
    expect(found(world)).toEqual({ ...STABLE_SERVES, ...PROMOTED, ...NO_ROLLOUT });
  });

  test("ends with a new spec, which has not been tried yet", () => {
    const world = stableServes();
    world.refusals = [refusal];
    world.reconcile();
    world.refusals = undefined;
    world.edit({ replicas: 3 });
    expect(found(world)).not.toHaveProperty("Stalled");
  });

  test("tells what Envoy rejected, the same whichever router is asked first", () => {
    const world = stableServes();
    world.routers = [
      { name: "router-a", isLive: true, rejection: "z: bad timeout" },
      { name: "router-b", isLive: true, rejection: "a: bad timeout" },
    ];
    expect(found(world)).toMatchObject({ Ready: "False PlanRejected", Stalled: "True PlanRejected" });
    expect(messageOf(world, "Stalled")).toBe("a: bad timeout");
    world.routers.reverse();
    expect(messageOf(world, "Stalled")).toBe("a: bad timeout");
  });

  test("is not about a router that is not live", () => {
    const world = stableServes();
    world.routers.push({ name: "router-c", isLive: false, rejection: "old news" });
    expect(found(world)).not.toHaveProperty("Stalled");
  });
});

describe("a Secret that the plan needs and a router does not find", () => {
  const problem = "Secret ranker-tls does not exist or has no key tls.crt";

  test("is what people read first, and no reason to give up: it may come any moment", () => {
    const world = stableServes();
    world.routers.push({ name: "router-c", isLive: true, credentialProblem: problem });
    const conditions = found(world);
    expect(conditions).toMatchObject({
      Ready: "False CredentialsUnusable",
      Reconciling: "True CredentialsUnusable",
    });
    expect(conditions).not.toHaveProperty("Stalled");
    expect(messageOf(world, "Ready")).toBe(problem);
  });

  test("does not matter to a router that is not live", () => {
    const world = stableServes();
    world.routers.push({ name: "router-c", isLive: false, credentialProblem: problem });
    expect(found(world)).toMatchObject({ Ready: "True Serving" });
  });
});

describe("the API of conditions", () => {
  test("knows every type, and says what each reason means", () => {
    expect(new Set(CONDITION_TYPES).size).toBe(CONDITION_TYPES.length);
    for (const [reason, meaning] of Object.entries(REASON)) {
      expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(meaning).toMatch(/\.$/);
    }
  });
});
