/**
 * ModelExperiments as the operator finds them in the API: watched, reported on with a fence, and never left without a word.
 */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { spec } from "../../test/fixtures/spec.ts";
import { StoredStatuses } from "../../test/fixtures/stored-statuses.ts";
import { experimentSpec } from "../../test/fixtures/world-experiments.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { ModelExperimentStatus } from "../api/experiment-status.ts";
import type { JsonRecord } from "../api/json.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { decide } from "../core/decide.ts";

const PEOPLE = { fieldManager: "people", force: true };
const RANKER = { resource: RESOURCE.modelDeployment, namespace: "shop", name: "ranker" };
const TEST = { resource: RESOURCE.modelExperiment, namespace: "shop", name: "test" };
const quality = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "clicks", type: "ClickThroughRate" }],
};

let clock: VirtualClock;
let server: MemoryApiServer;
let events: string[];
let statuses: StoredStatuses;
/** The arms get their shares as soon as there is an experiment, whatever the planners say. */
let isHasty: boolean;
let stop: () => void;

beforeEach(async () => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  events = [];
  statuses = new StoredStatuses(server, clock);
  isHasty = false;
  ({ stop } = startLeadingOperator(statuses.port, clock, {
    decide: (observation) => {
      const decision = decide(observation);
      const [experiment] = observation.experiments ?? [];
      const { traffic } = decision.status;
      if (!isHasty || experiment === undefined || traffic === undefined) return decision;
      // Else it would be another plan each time.
      const { status } = observation.deployment;
      if (status.traffic?.arms.length === 1) return { ...decision, status };
      const pools = [{ pool: "default", revision: "ranker-a", replicas: 1 }];
      const arms = [{ name: "ArmA" as const, weight: 10_000, pools }];
      return {
        ...decision,
        experiments: [{ experiment, status: { phase: "Running" }, isCurrent: true }],
        status: { ...decision.status, traffic: { ...traffic, arms } },
      };
    },
    recordEvent: (_regarding, { type, reason }) => events.push(`${type} ${reason}`),
  }));
  await clock.advance(1_000);
});
afterEach(() => stop());

function experiment(changes: object = {}): JsonRecord {
  return { ...experimentSpec(), ...changes };
}

async function apply(changes: object = {}): Promise<void> {
  const head = { apiVersion: "petrel.dev/v1alpha1", kind: "ModelExperiment" };
  const metadata = { name: "test", namespace: "shop" };
  await server.apply({ ...head, metadata, spec: experiment(changes) }, PEOPLE);
  await clock.advance(5_000);
}

async function status(): Promise<ModelExperimentStatus> {
  return ((await server.get(TEST))["status"] ?? {}) as ModelExperimentStatus;
}

async function deploy(changes: object): Promise<void> {
  await server.apply(modelDeploymentObject("ranker", { ...spec(), ...changes }), PEOPLE);
  await clock.advance(5_000);
}

test("one that names nothing waits and says so, and goes on once that is there", async () => {
  await apply();
  expect(await status()).toMatchObject({
    phase: "Waiting",
    reason: "ModelDeploymentMissing",
    message: "there is no ModelDeployment ranker",
    observedGeneration: 1,
  });
  await deploy({});
  expect(await status()).toMatchObject({ phase: "Waiting", reason: "MetricUnusable" });
  await deploy({ quality });
  expect(await status()).toMatchObject({ phase: "Waiting", reason: "StableNotServing" });
  expect((await server.get(RANKER))["status"]).toMatchObject({ experiment: { name: "test" } });
});

test("it is reported on only when something has changed", async () => {
  await deploy({ quality });
  await apply();
  const before = statuses.countOf("ModelExperiment");
  expect(before).toBeGreaterThan(0);
  await clock.advance(300_000);
  expect(statuses.countOf("ModelExperiment")).toBe(before);
});

test("a person who stops it is heard at once, told of once, and for good", async () => {
  await deploy({ quality });
  await apply();
  await apply({ stopped: true, reason: "enough" });
  const { verdict, phase } = await status();
  expect({ verdict, phase }).toMatchObject({
    phase: "Ended",
    verdict: { outcome: "Stopped", reason: "StoppedByPerson", message: "a person stopped it: enough" },
  });
  expect(events.filter((event) => event.includes("Experiment"))).toEqual(["Normal ExperimentStopped"]);
  expect((await server.get(RANKER))["status"]).not.toHaveProperty("experiment");
  await apply({ stopped: false });
  expect((await status()).verdict).toEqual(verdict);
});

test("one whose ModelDeployment goes while it runs ends with it", async () => {
  await apply();
  const stored = await server.get(TEST);
  const begun = {
    phase: "Running",
    stable: "ranker-a",
    startedAt: "2026-01-01T00:00:00.000Z",
    endsAt: "2999-01-01T00:00:00.000Z",
  };
  const { apiVersion, kind } = stored;
  const metadata = { name: "test", namespace: "shop" };
  const options = { fieldManager: "petrel-status", force: true, subresource: "status" } as const;
  await server.apply({ apiVersion, kind, metadata, status: begun }, options);
  await clock.advance(5_000);
  expect(await status()).toMatchObject({
    phase: "Ended",
    verdict: { outcome: "Interrupted", reason: "ModelDeploymentGone" },
  });
});

test("one of a later version of the kind counts for nothing", async () => {
  await deploy({ quality });
  await apply({ primary: { metric: "clicks", unheardOf: 1 }, arms: [] });
  expect(await status()).toEqual({});
  expect((await server.get(RANKER))["status"]).not.toHaveProperty("experiment");
});

test("what it says is stored before any traffic follows from it, and no traffic follows where it is not", async () => {
  await deploy({ quality });
  isHasty = true;
  statuses.refused = "ModelExperiment";
  await apply();
  const trafficOf = async () => (await server.get(RANKER))["status"];
  expect(await trafficOf()).toMatchObject({ traffic: { arms: [] } });
  statuses.refused = undefined;
  statuses.kinds = [];
  await clock.advance(30_000);
  expect(await trafficOf()).toMatchObject({ traffic: { arms: [{ name: "ArmA" }] } });
  expect(statuses.kinds.slice(0, 2)).toEqual(["ModelExperiment", "ModelDeployment"]);
});
