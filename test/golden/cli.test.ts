/**
 * The screens of the command line, whole, so that a change of any word is seen in review.
 */
import { afterAll, expect, test } from "@jest/globals";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { ModelDeploymentSpec } from "../../src/api/model-deployment-spec.ts";
import { LABEL } from "../../src/api/names.ts";
import { differences } from "../../src/cli/compare/difference.ts";
import { comparisonLines } from "../../src/cli/compare.ts";
import type { ReadObjects } from "../../src/cli/followed-objects.ts";
import { historyLines, historyView } from "../../src/cli/history.ts";
import { printed } from "../../src/cli/output.ts";
import { screenLines } from "../../src/cli/status/deployment-screen.ts";
import { deploymentView, type StatusSource } from "../../src/cli/status/deployment-view.ts";
import { fleetLines, fleetView } from "../../src/cli/status/fleet-table.ts";
import { cell, metricOf } from "../../src/core/rollout/gates/testdata/gate-world.ts";
import { shadowCounts } from "../../src/core/rollout/gates/testdata/shadow-world.ts";
import { givenUpIn, inHoldback } from "../fixtures/held-back-world.ts";
import { candidateComesUp, neverServed, stableServes, withoutStatus } from "../fixtures/stages.ts";
import { badModelServes, takenBack } from "../fixtures/undone-world.ts";
import { model, World as NewWorld, START_MILLISECONDS, servingWorld, type World } from "../fixtures/world.ts";
import { GoldenFolder } from "./golden-file.ts";

const golden = new GoldenFolder("cli");
afterAll(() => golden.expectNothingElse());

const NOW = START_MILLISECONDS + 3 * 3_600_000;
const CREATED = "2026-01-01T00:00:00Z";

function deployment(world: World, name = "ranker"): KubeObject {
  const { metadata } = world.observation().deployment;
  return {
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { ...metadata, name },
    spec: world.spec,
    status: world.status,
  };
}

function revisions(world: World): readonly KubeObject[] {
  return world.revisions.map(({ name, number, data }) => ({
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name,
      creationTimestamp: CREATED,
      ownerReferences: [{ apiVersion: "", kind: "ModelDeployment", name: "ranker", uid: "uid-ranker" }],
    },
    revision: number,
    data,
  }));
}

function rollouts(world: World): readonly KubeObject[] {
  return world.rollouts.map(({ name, spec, status }) => ({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelRollout",
    metadata: {
      name,
      ownerReferences: [{ apiVersion: "", kind: "ModelDeployment", name: "ranker", uid: "uid-ranker" }],
    },
    spec,
    status,
  }));
}

function slice(router: string, epoch: number, annotations = {}): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `ranker-${router}`,
      annotations: { "petrel.dev/acknowledged-epoch": `${epoch}`, ...annotations },
    },
    endpoints: [{ targetRef: { name: router }, conditions: { ready: epoch > 0 } }],
  };
}

function pod(name: string, status: object): KubeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, labels: { [LABEL.pool]: "default" } }, status };
}

function event(minute: number, type: string, reason: string, note: string): KubeObject {
  const eventTime = new Date(NOW - minute * 60_000).toISOString();
  const metadata = { name: `e${minute}` };
  return { apiVersion: "events.k8s.io/v1", kind: "Event", metadata, eventTime, type, reason, note };
}

function read(
  world: World,
  more: Partial<Record<StatusSource, readonly KubeObject[]>> = {},
): ReadObjects<StatusSource> {
  const none = { slices: [], routers: [], pods: [], events: [] };
  const own = { revisions: revisions(world), rollouts: rollouts(world) };
  const objects = { modelDeployments: [deployment(world)], ...own, ...none, ...more };
  return { objects, forbidden: [] };
}

function screen(objects: ReadObjects<StatusSource>): string {
  const view = deploymentView(objects, NOW);
  if (view === undefined) throw new Error("expected a view");
  return printed("text", view, () => screenLines(view, NOW));
}

function epochOf({ status }: World): number {
  return status.traffic?.epoch ?? 0;
}

/** Its candidate has the wrong digest, and one router lags. */
function blocked(): ReadObjects<StatusSource> {
  const world = candidateComesUp();
  const message = "Digest: expected sha256:3232, got sha256:9999";
  world.setTrouble(world.revisionName("v2"), { type: "FetchFailed", message });
  world.reconcile();
  const terminated = { exitCode: 1, message: JSON.stringify({ check: "Digest", message }) };
  const failed = { initContainerStatuses: [{ name: "fetch", ready: false, state: { terminated } }] };
  return read(world, {
    slices: [
      slice("router-a", epochOf(world)),
      slice("router-b", epochOf(world) - 1, { "petrel.dev/rejection": "no such \u001b[2Jcluster" }),
    ],
    routers: [pod("router-a", {}), pod("router-b", {}), pod("router-c", {})],
    pods: [pod("ranker-v2-a", failed), pod("ranker-v2-b", failed), pod("ranker-v1", {})],
    events: [event(90, "Normal", "NewRevision", "bringing up"), event(3, "Warning", "FetchFailed", message)],
  });
}

test("one that nobody has looked at", () => {
  golden.expectFile("unseen.txt", screen(read(withoutStatus())));
});

test("one that serves", () => {
  const world = stableServes();
  golden.expectFile("serving.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
});

test("one whose candidate is broken", () => {
  const text = screen(blocked());
  expect(text).not.toContain("\u001b");
  golden.expectFile("rollout-blocked.txt", text);
});

/** A canary in its first step, in effect for an hour. */
function inStep(changes: Partial<ModelDeploymentSpec> = {}): World {
  const steps = [
    { weight: "10%", minDuration: "2h" },
    { weight: "50%", pause: true },
  ];
  const strategy = { type: "Canary" as const, canary: { steps } };
  const rollout = { strategy, ...changes.rollout };
  const world = servingWorld(changes).edit({ rollout, model: model("v2") });
  for (let look = 0; look < 4; look++) {
    world.reconcile();
    world.setReady(world.revisionName("v2")).acknowledge();
  }
  return world;
}

test("one with a canary in its first step", () => {
  const world = inStep();
  golden.expectFile("canary.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
});

test("one with a canary that is judged by labels", () => {
  const strategy = {
    type: "Canary" as const,
    canary: { steps: [{ weight: "10%", minDuration: "1h" }] },
  };
  const world = inStep({
    quality: {
      labels: [{ name: "click", matures: "30m" }],
      metrics: [{ name: "ctr", type: "ClickThroughRate" }],
    },
    rollout: {
      strategy,
      gates: [{ name: "clicks", type: "Quality", quality: { metric: "ctr", nonInferiorityMargin: "10%" } }],
    },
  });
  world.passTime(3_600_000);
  const epoch = epochOf(world);
  const cells = [cell(epoch, "Candidate", 10, 2), cell(epoch, "Stable", 90, 22)];
  const value = {
    metrics: new Map([["ctr", metricOf(cells)]]),
    unusable: new Map(),
    requests: cells.map(({ arm }) => ({ epoch, arm, requests: arm === "Stable" ? 11_520 : 1_280 })),
    recentRequests: cells.map(({ arm }) => ({ epoch, arm, requests: 100 })),
    armChecks: [],
    newUsers: [],
    requestsPerSecond: 14,
  };
  const atMilliseconds = world.observation().nowMilliseconds;
  world.gateEvidence = {
    queries: new Map(),
    hooks: new Map(),
    counts: { kind: "Whole", atMilliseconds, value },
  };
  world.reconcile();
  golden.expectFile("judged.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
});

test("one whose candidate answers copies of requests", () => {
  const world = inStep({
    quality: {
      labels: [{ name: "click", matures: "30m" }],
      metrics: [{ name: "ctr", type: "ClickThroughRate" }],
      response: { scores: "score" },
      observe: {},
    },
    rollout: {
      strategy: {
        type: "Shadow",
        shadow: { share: "2%", minDuration: "1h", agreement: { by: "Best", min: "90%" } },
      },
    },
  });
  const atMilliseconds = world.observation().nowMilliseconds;
  const counts = shadowCounts({ pairs: 6, sameBest: 6 });
  const value = { ...counts, lastPairSeconds: Math.floor(atMilliseconds / 1_000) };
  world.gateEvidence = {
    queries: new Map(),
    hooks: new Map(),
    mirrored: { kind: "Whole", atMilliseconds, value },
  };
  world.reconcile();
  golden.expectFile("mirrored.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
});

test("one in its holdback, which a third model is to end", () => {
  const world = inHoldback().edit({ model: model("v3") });
  world.reconcile();
  golden.expectFile("holding-back.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
});

test("one whose traffic goes back from its holdback", () => {
  const world = givenUpIn(inHoldback());
  golden.expectFile("returning.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
  expect(deploymentView(read(world), NOW)?.rollout?.returning).toMatchObject({ outcome: "Aborted" });
});

test("one whose canary was aborted", () => {
  const world = inStep().guide({ decision: "Abort", reason: "clicks fell" });
  for (let look = 0; look < 3; look++) {
    world.reconcile();
    world.acknowledge();
  }
  golden.expectFile("aborted.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
});

test("one that was taken back, and what its history says", () => {
  const world = takenBack();
  golden.expectFile("undone.txt", screen(read(world, { slices: [slice("router-a", epochOf(world))] })));
  const view = historyView(deployment(world), revisions(world), rollouts(world));
  golden.expectFile(
    "undone-history.txt",
    printed("text", view, () => historyLines(view, NOW)),
  );
});

test("one on its way back, with a fix that waits and a request that was refused", () => {
  const world = badModelServes().undo("a");
  world.reconcile();
  world
    .edit({ model: model("v3") })
    .undo("b ranker-typo")
    .reconcile();
  golden.expectFile("undoing.txt", screen(read(world)));
});

test("one of which not all may be read", () => {
  golden.expectFile("forbidden.txt", screen({ ...read(neverServed()), forbidden: ["pods", "events"] }));
});

test("the same for programs", () => {
  const view = deploymentView(blocked(), NOW);
  golden.expectFile(
    "rollout-blocked.json",
    printed("json", view, () => []),
  );
});

test("all of them, those first that need somebody", () => {
  const idle = new NewWorld({ replicas: 0 });
  idle.settle();
  const suspended = stableServes().edit({ suspend: true });
  suspended.reconcile();
  const objects = [
    deployment(stableServes(), "b-serves"),
    deployment(stableServes(), "a-serves"),
    deployment(neverServed(), "starts"),
    deployment(idle, "idle"),
    deployment(suspended, "suspended"),
    deployment(withoutStatus(), "unseen"),
    ...blocked().objects.modelDeployments,
  ];
  const view = fleetView(objects, NOW);
  golden.expectFile(
    "fleet.txt",
    printed("text", view, () => fleetLines(view, NOW)),
  );
});

test("the history of one, and what differs", () => {
  const world = stableServes().edit({
    model: model("v2"),
    pools: [{ name: "default" }, { name: "cpu", replicas: 1, model: model("small") }],
  });
  world.reconcile();
  world.reconcile();
  const view = historyView(deployment(world), revisions(world), rollouts(world));
  golden.expectFile(
    "history.txt",
    printed("text", view, () => historyLines(view, NOW)),
  );
  const [left, right] = world.revisions;
  const found = differences(left?.data, right?.data);
  golden.expectFile(
    "compare.txt",
    printed("text", found, () => comparisonLines("a", "b", found)),
  );
});

test("nothing differs from itself, and nothing is no screen", () => {
  expect(comparisonLines("a", "a", differences({ x: [1] }, { x: [1] }))).toHaveLength(1);
  expect(
    deploymentView(
      { ...read(stableServes()), objects: { ...read(stableServes()).objects, modelDeployments: [] } },
      NOW,
    ),
  ).toBeUndefined();
});
