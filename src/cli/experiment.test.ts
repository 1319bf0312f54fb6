import { describe, expect, test } from "@jest/globals";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { spec } from "../../test/fixtures/spec.ts";
import { experimentSpec } from "../../test/fixtures/world-experiments.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { ModelExperimentStatus } from "../api/experiment-status.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { deploymentObject } from "./deployment-object.ts";
import { EXIT } from "./exit-code.ts";
import { experimentLines, experimentScreen, experimentView, stopExperiment } from "./experiment.ts";
import { roleOf } from "./model-revisions.ts";

const NOW = Date.UTC(2026, 0, 2);
const STATUS: ModelExperimentStatus = {
  phase: "Running",
  stable: "ranker-v1",
  message: "the arms have their shares until 2026-01-03T00:00:00.000Z",
  startedAt: "2026-01-01T00:00:00.000Z",
  endsAt: "2026-01-03T00:00:00.000Z",
  evidenceAt: "2026-01-01T23:59:00.000Z",
  arms: [
    {
      name: "wide",
      arm: "ArmA",
      revision: "ranker-wide",
      weight: "10%",
      replicas: 2,
      readyReplicas: 2,
      findings: [
        {
          metric: "clicks",
          role: "Primary",
          finding: "Better",
          message: "clicks +4 % (+1 % to +7 %): better than the control",
        },
      ],
    },
  ],
};
const object = (status: object = STATUS): KubeObject => ({
  apiVersion: "petrel.dev/v1alpha1",
  kind: "ModelExperiment",
  metadata: { name: "test", namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: experimentSpec(),
  status,
});

function viewOf(status: object = STATUS) {
  const view = experimentView(object(status));
  if (view === undefined) throw new Error("it does not fit");
  return view;
}

test("each has a line", () => {
  expect(experimentLines([viewOf(), viewOf({ phase: "Waiting", reason: "NoPool" })], NOW)).toEqual([
    "NAME  DEPLOYMENT  PHASE             ENDS                      AGE  MESSAGE",
    "test  ranker      Running           2026-01-03T00:00:00.000Z  24h  the arms have their shares until 2026-01-03T00:00:00.000Z",
    "test  ranker      Waiting (NoPool)  -                         24h",
  ]);
  expect(experimentLines([], NOW)).toEqual(["No experiment is there."]);
});

test("one tells of each arm, and what was found", () => {
  expect(experimentScreen(viewOf())).toEqual([
    "ModelExperiment test: the arms have their shares until 2026-01-03T00:00:00.000Z",
    "",
    "  Deployment:   ranker",
    "  Phase:        Running",
    "  Control:      ranker-v1",
    "  Started:      2026-01-01T00:00:00.000Z",
    "  Ends:         2026-01-03T00:00:00.000Z",
    "  Evidence of:  2026-01-01T23:59:00.000Z",
    "",
    "  ARM   KNOWN AS  SHARE  NOW  READY   REVISION",
    "  wide  ArmA      10%    10%  2 of 2  ranker-wide",
    "  deep  -         10%    0%   -       -",
    "",
    "  ARM   ROLE     FINDING  WHAT WAS FOUND",
    "  wide  Primary  Better   clicks +4 % (+1 % to +7 %): better than the control",
  ]);
});

test("of one that no operator has looked at, that is said", () => {
  expect(experimentScreen(viewOf({}))[0]).toBe("ModelExperiment test: no operator has looked at it yet");
  expect(experimentView({ ...object(), spec: { arms: [] } })).toBeUndefined();
});

test("the revision of an arm is called so in the history", () => {
  const pool = (revision: string) => ({ pool: "default", revision, replicas: 2 });
  const traffic = {
    ...{ port: 10_000, epoch: 7, timeout: "1s", perTryTimeout: "300ms" },
    arms: [
      { name: "ArmA", weight: 1_000, pools: [pool("ranker-wide"), pool("ranker-v1")] },
      { name: "Stable", weight: 8_000, pools: [pool("ranker-v1")] },
      { name: "Holdout", weight: 1_000, pools: [pool("ranker-v1")] },
    ],
  };
  const revisions = { stable: "ranker-v1" };
  const deployment = deploymentObject({
    ...modelDeploymentObject("ranker", spec()),
    status: { observedGeneration: 1, revisions, traffic },
  });
  expect(["ranker-v1", "ranker-wide", "ranker-v0"].map((name) => roleOf(deployment, name))).toEqual([
    "Stable",
    "Arm",
    "Former",
  ]);
});

describe("stopping one", () => {
  const reference = { resource: RESOURCE.modelExperiment, namespace: "shop", name: "test" };
  async function cluster(status: object): Promise<MemoryApiServer> {
    const server = new MemoryApiServer(new VirtualClock());
    const { status: _none, ...made } = object();
    await server.create(made, { fieldManager: "kubectl" });
    const { apiVersion, kind } = made;
    const metadata = { name: "test", namespace: "shop" };
    const options = { fieldManager: "operator", force: true, subresource: "status" } as const;
    await server.apply({ apiVersion, kind, metadata, status }, options);
    return server;
  }

  test("writes that, why, and nothing else", async () => {
    const server = await cluster(STATUS);
    await stopExperiment(server, "shop", "test", "the season is over");
    expect((await server.get(reference))["spec"]).toEqual({
      ...experimentSpec(),
      stopped: true,
      reason: "the season is over",
    });
  });

  test("is refused where it is over", async () => {
    const verdict = {
      outcome: "Completed",
      reason: "DurationPassed",
      message: "its time is over",
      at: "2026-01-01T00:00:00Z",
    };
    const server = await cluster({ ...STATUS, phase: "Ended", verdict });
    await expect(stopExperiment(server, "shop", "test", undefined)).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: "test is over: Completed, its time is over",
    });
  });
});
