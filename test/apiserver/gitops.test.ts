/**
 * What GitOps tools make of a ModelDeployment, in every stage of its life: kstatus as Flux and Helm run it, and
 * `examples/argocd/health.lua` in the Lua of Argo CD. The statuses are those that the operator decides on.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { buildTools, runOrFail } from "../../e2e/cluster/index.ts";
import type { ConditionReason } from "../../src/api/conditions.ts";
import { API_GROUP_VERSION } from "../../src/api/names.ts";
import {
  candidateComesUp,
  candidateHasTrafficUnacknowledged,
  neverServed,
  stableServes,
  withoutStatus,
} from "../fixtures/stages.ts";
import { model, servingWorld, type World } from "../fixtures/world.ts";

const health = join(import.meta.dirname, "../../examples/argocd/health.lua");

interface Answer {
  readonly status: string;
  readonly message: string;
}

let program: string;

beforeAll(async () => {
  program = (await buildTools(["gitops"], () => {})).program("gitops");
}, 1_200_000);

async function ask(args: readonly string[], object: object): Promise<Answer> {
  const [answer] = JSON.parse(await runOrFail(program, args, { input: JSON.stringify([object]) }));
  return answer;
}

function asObject(world: World): Readonly<Record<string, unknown>> {
  const { metadata, spec, status } = world.observation().deployment;
  return { apiVersion: API_GROUP_VERSION, kind: "ModelDeployment", metadata, spec, status };
}

function neverFetched(): World {
  const world = neverServed();
  world.setTrouble(world.revisionName("v1"), { type: "FetchFailed", message: "the digest is another one" });
  world.reconcile();
  return world;
}

function brokenCandidate(): World {
  const world = candidateComesUp();
  world.setTrouble(world.revisionName("v2"), { type: "ModelNotLoaded", message: "no such operator" });
  world.reconcile();
  return world;
}

function refused(): World {
  const world = neverServed();
  const message = "Service ranker exists and belongs to somebody else";
  world.refusals = [{ object: "Service/ranker", reason: "NotOwned", message }];
  world.reconcile();
  return world;
}

function withoutReadyReplica(): World {
  const world = stableServes();
  world.setReady(world.revisionName("v1"), 1).reconcile();
  return world;
}

function scaledToZero(): World {
  return servingWorld({ replicas: 0 });
}

/** Edited, and not looked at by the operator yet. */
function edited(): World {
  return stableServes().edit({ model: model("v2") });
}

function comingUp(): World {
  const world = neverServed();
  world.reconcile();
  return world;
}

const stages: readonly [string, () => World, kstatus: string, argo: string, message: RegExp][] = [
  ["a first revision that comes up", comingUp, "InProgress", "Progressing", /ReplicasNotReady/],
  ["a first model that cannot be fetched", neverFetched, "InProgress", "Degraded", /digest is another/],
  ["all replicas serve", stableServes, "Current", "Healthy", /2 replicas of .* serve/],
  ["no replicas are asked for", scaledToZero, "Current", "Healthy", /no replicas/],
  ["one replica is lost", withoutReadyReplica, "InProgress", "Progressing", /1 of 2/],
  ["a change that nobody has seen yet", edited, "InProgress", "Progressing", /this generation/],
  ["a new revision beside one that serves", candidateComesUp, "Current", "Healthy", /NewRevision/],
  ["traffic moves", candidateHasTrafficUnacknowledged, "Current", "Healthy", /MovingTraffic/],
  ["a new revision that is broken", brokenCandidate, "Current", "Healthy", /no such operator/],
  ["an object of somebody else in the way", refused, "Failed", "Degraded", /somebody else/],
];

describe("kstatus", () => {
  test.each(stages)("%s", async (_name, world, expected) => {
    expect(await ask(["kstatus"], asObject(world()))).toMatchObject({ status: expected });
  });
});

describe("Argo CD", () => {
  const ofArgo = (object: object) => ask(["argocd", health], object);

  test.each(stages)("%s", async (_name, world, _kstatus, status, message) => {
    expect(await ofArgo(asObject(world()))).toEqual({ status, message: expect.stringMatching(message) });
  });

  /** What somebody has to mend is Degraded; what passes by itself, or by a later decision, is Progressing. */
  const whileNotReady: Readonly<Record<ConditionReason, "Degraded" | "Progressing" | undefined>> = {
    Creating: "Progressing",
    WaitingForCapacity: "Progressing",
    PodsRefused: "Degraded",
    FetchFailed: "Degraded",
    ExecutionProviderMissing: "Degraded",
    ModelNotLoaded: "Degraded",
    ReplicasNotReady: "Progressing",
    ReplacingReplicas: "Progressing",
    NoReadyReplica: "Progressing",
    RouterNotReady: "Progressing",
    Recreating: "Progressing",
    Validating: "Progressing",
    CredentialsUnusable: "Degraded",
    // These come with Stalled, which says Degraded by itself.
    PlanRejected: undefined,
    ChildRejected: undefined,
    Unreadable: undefined,
    NotOwned: undefined,
    KindMissing: undefined,
    RolloutAborted: undefined,
    // Ready says what replicas are short of, or nothing of it.
    HoldingBack: undefined,
    ReturningTraffic: undefined,
    ValidationFailed: undefined,
    ValidationNotMeasured: undefined,
    Undoing: undefined,
    Undone: undefined,
    UndoTargetLost: undefined,
    // These are no reasons for not being ready.
    Serving: undefined,
    ScaledToZero: undefined,
    Suspended: undefined,
    Promoted: undefined,
    ValidationPassed: undefined,
    NewRevision: undefined,
    MovingTraffic: undefined,
    RolloutStep: undefined,
    RolloutPaused: undefined,
    NoRollout: undefined,
    OlderTemplate: undefined,
    UndoRefused: undefined,
    // A condition of its own: what is not counted is answered all the same.
    Collecting: undefined,
    RoutersNotCounting: undefined,
    CollectorNotReady: undefined,
    CollectorKeysUnusable: undefined,
    // Likewise: what is unusual is told, and takes nothing from what serves.
    AnomalyDetected: undefined,
    NoAnomaly: undefined,
    SeriesLearning: undefined,
    AnomaliesUnknown: undefined,
    // How replicas follow the load is told beside whether they serve.
    LoadKnown: undefined,
    NoLoadData: undefined,
    ScheduleUnreadable: undefined,
    AtMaximum: undefined,
    WithinMaximum: undefined,
    OwnedByHPA: undefined,
    OwnedByKEDA: undefined,
    HandingOver: undefined,
    KEDANotEnabled: undefined,
    // What stands behind a pool that serves is told beside that.
    StandbyCovers: undefined,
    StandbyShort: undefined,
    StandbyNotReady: undefined,
  };

  test.each(Object.entries(whileNotReady).filter(([, expected]) => expected !== undefined))(
    "not ready because of %s",
    async (reason, status) => {
      const object = asObject(stableServes());
      const conditions = [{ type: "Ready", status: "False", reason, message: "why" }];
      const { observedGeneration } = stableServes().observation().deployment.status;
      expect(await ofArgo({ ...object, status: { observedGeneration, conditions } })).toEqual({
        status,
        message: `${reason}: why`,
      });
    },
  );

  test("nothing has been decided yet", async () => {
    const { status: _status, ...object } = asObject(withoutStatus());
    expect(await ofArgo(object)).toMatchObject({ status: "Progressing" });
    expect(await ofArgo({ ...object, status: {} })).toMatchObject({ status: "Progressing" });
  });

  test("the operator is told to leave it", async () => {
    const object = asObject(stableServes());
    const suspended = { ...object, spec: { suspend: true } };
    expect(await ofArgo(suspended)).toMatchObject({ status: "Suspended" });
  });

  test("the ConfigMap for Argo CD holds this very script", () => {
    const { data } = parse(readFileSync(join(health, "../argocd-cm.yaml"), "utf8"));
    expect(data).toMatchObject({
      "resource.customizations.health.petrel.dev_ModelDeployment": readFileSync(health, "utf8"),
    });
  });
});
