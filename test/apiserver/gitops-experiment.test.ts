/**
 * What GitOps tools make of a ModelExperiment, in every phase and for every reason to wait: kstatus as Flux and Helm run it, and
 * `examples/argocd/experiment-health.lua` in the Lua of Argo CD. The statuses are those that the operator decides on.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { buildTools, runOrFail } from "../../e2e/cluster/index.ts";
import { WAITING_REASONS } from "../../src/api/experiment-status.ts";
import { API_GROUP_VERSION } from "../../src/api/names.ts";
import { follow } from "../fixtures/released-world.ts";
import { CLICKS_AND_REVENUE } from "../fixtures/spec.ts";
import { servingWorld, type World } from "../fixtures/world.ts";
import { UNREADABLE } from "../fixtures/world-experiments.ts";

const health = join(import.meta.dirname, "../../examples/argocd/experiment-health.lua");
const DAY_MILLISECONDS = 24 * 3_600_000;

let program: string;

beforeAll(async () => {
  program = (await buildTools(["gitops"], () => {})).program("gitops");
}, 1_200_000);

async function ask(args: readonly string[], object: object): Promise<unknown> {
  const [answer] = JSON.parse(await runOrFail(program, args, { input: JSON.stringify([object]) }));
  return answer;
}

function asObject(world: World): Readonly<Record<string, unknown>> {
  const { name, uid, generation, spec, status } = world.experiments.named();
  const metadata = { name, namespace: "shop", uid, generation };
  return { apiVersion: API_GROUP_VERSION, kind: "ModelExperiment", metadata, spec, status };
}

function made(): World {
  const world = servingWorld({ replicas: 4, quality: CLICKS_AND_REVENUE });
  world.experiments.make({ primary: { metric: "ctr" } });
  return world;
}

function begun(): World {
  const world = made();
  world.reconcile();
  return world;
}

function running(): World {
  const world = made();
  follow(world);
  return world;
}

function concluding(): World {
  const world = running();
  world.passTime(2 * 3_600_000);
  follow(world);
  return world;
}

function ended(): World {
  const world = concluding();
  world.passTime(DAY_MILLISECONDS);
  world.gateEvidence = UNREADABLE;
  follow(world);
  return world;
}

function stopped(): World {
  const world = running();
  world.experiments.write({ stopped: true, reason: "enough" });
  world.reconcile();
  return world;
}

/** Stopped, and not looked at by the operator yet. */
function edited(): World {
  const world = running();
  world.experiments.write({ stopped: true });
  return world;
}

const stages: readonly [string, () => World, kstatus: string, argo: string, message: RegExp][] = [
  ["nobody has seen it yet", made, "InProgress", "Progressing", /this generation/],
  ["its arms come up", begun, "Current", "Progressing", /^ReplicasNotReady: arm wide/],
  ["it runs", running, "Current", "Healthy", /^Running: the arms have their shares/],
  ["it is stopped, and nobody has seen that yet", edited, "InProgress", "Progressing", /this generation/],
  ["its last labels come", concluding, "Current", "Healthy", /^Concluding: stable has all the traffic/],
  ["its time is over", ended, "Current", "Healthy", /^Ended: its time is over/],
  ["a person has stopped it", stopped, "Current", "Healthy", /^Ended: a person stopped it: enough/],
];

describe("kstatus", () => {
  // kstatus knows no generation that was never observed.
  test.each(stages.filter(([, world]) => world !== made))("%s", async (_name, world, expected) => {
    expect(await ask(["kstatus"], asObject(world()))).toMatchObject({ status: expected });
  });
});

describe("Argo CD", () => {
  test.each(stages)("%s", async (_name, world, _kstatus, status, message) => {
    const answer = await ask(["argocd", health], asObject(world()));
    expect(answer).toEqual({ status, message: expect.stringMatching(message) });
  });

  /** What somebody has to mend is Degraded; what may take weeks keeps no sync waiting. */
  const whileWaiting: Readonly<
    Record<(typeof WAITING_REASONS)[number], "Degraded" | "Progressing" | "Healthy">
  > = {
    ReplicasNotReady: "Progressing",
    StableNotServing: "Progressing",
    AnotherExperiment: "Healthy",
    ReleaseInProgress: "Healthy",
    MetricUnusable: "Degraded",
    ModelNotOther: "Degraded",
    NotValidated: "Degraded",
    NoPool: "Degraded",
    CountedDifferently: "Degraded",
    ModelDeploymentMissing: "Degraded",
  };

  test.each(Object.entries(whileWaiting))("it waits because of %s", async (reason, status) => {
    const object = asObject(begun());
    const waiting = { observedGeneration: 1, phase: "Waiting", reason, message: "why" };
    expect(await ask(["argocd", health], { ...object, status: waiting })).toEqual({
      status,
      message: `${reason}: why`,
    });
  });

  test("every reason to wait is known", () => {
    expect(Object.keys(whileWaiting).toSorted()).toEqual([...WAITING_REASONS].toSorted());
  });

  test("the ConfigMap for Argo CD holds this very script", () => {
    const { data } = parse(readFileSync(join(health, "../argocd-cm.yaml"), "utf8"));
    const key = "resource.customizations.health.petrel.dev_ModelExperiment";
    expect(data[key]).toBe(readFileSync(health, "utf8"));
    expect(Object.keys(data)).toHaveLength(2);
  });
});
