/**
 * FailoverDrills as the operator finds them in the API: watched, reported on with a fence, ended by whoever may, and never left
 * without a word.
 */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { drillSpec } from "../../test/fixtures/drilled-world.ts";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { spec } from "../../test/fixtures/spec.ts";
import { StoredStatuses } from "../../test/fixtures/stored-statuses.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { FailoverDrillStatus } from "../api/drill-status.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { decide } from "../core/decide.ts";
import { DRILL_SWITCH_NAME } from "./caches.ts";

const PEOPLE = { fieldManager: "people", force: true };
const RANKER = { resource: RESOURCE.modelDeployment, namespace: "shop", name: "ranker" };
const WEEKLY = { resource: RESOURCE.failoverDrill, namespace: "shop", name: "weekly" };

let clock: VirtualClock;
let server: MemoryApiServer;
let events: string[];
let statuses: StoredStatuses;
/** The plan has a drill as soon as there is one, whatever the planners say. */
let isHasty: boolean;
/** A drill of which nothing is to be left is over at once, whatever routers say. */
let isOver: boolean;
/** The operator's watch of drills shows nothing. */
let isBlind: boolean;
let stop: () => void;

beforeEach(async () => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  events = [];
  statuses = new StoredStatuses(server, clock);
  isHasty = false;
  isOver = false;
  isBlind = false;
  ({ stop } = startLeadingOperator(statuses.port, clock, {
    drillSwitch: "petrel-system",
    decide: (observation) => {
      const { drills = [] } = observation;
      const decision = decide(isBlind ? { ...observation, drills: [] } : observation);
      const [drill] = drills;
      if (isOver && drill?.status.phase === "Removing")
        return {
          ...decision,
          drills: [{ drill, status: { ...drill.status, phase: "Ended" }, isCurrent: true }],
        };
      const { traffic } = decision.status;
      if (!isHasty || drill === undefined || traffic === undefined) return decision;
      const { status } = observation.deployment;
      if (status.traffic?.drill !== undefined) return { ...decision, status };
      const planned = { name: "weekly", pool: "gpu", key: "k".repeat(20) };
      return {
        ...decision,
        drills: [{ drill, status: { phase: "Control" }, isCurrent: true }],
        status: { ...decision.status, traffic: { ...traffic, drill: planned } },
      };
    },
    recordEvent: (_regarding, { type, reason }) => events.push(`${type} ${reason}`),
  }));
  await clock.advance(1_000);
});
afterEach(() => stop());

async function apply(changes: object = {}): Promise<void> {
  const head = { apiVersion: "petrel.dev/v1alpha1", kind: "FailoverDrill" };
  const metadata = { name: "weekly", namespace: "shop" };
  await server.apply({ ...head, metadata, spec: { ...drillSpec(), ...changes } }, PEOPLE);
  await clock.advance(5_000);
}

async function statusOf(reference = WEEKLY): Promise<FailoverDrillStatus> {
  return ((await server.get(reference))["status"] ?? {}) as FailoverDrillStatus;
}

async function deploy(): Promise<void> {
  await server.apply(modelDeploymentObject("ranker", spec()), PEOPLE);
  await clock.advance(5_000);
}

async function writeStatus(status: FailoverDrillStatus): Promise<void> {
  const { apiVersion, kind } = await server.get(WEEKLY);
  const metadata = { name: "weekly", namespace: "shop" };
  const options = { fieldManager: "petrel-status", force: true, subresource: "status" } as const;
  await server.apply({ apiVersion, kind, metadata, status }, options);
  await clock.advance(5_000);
}

test("one that names nothing waits and says so, and has its turn once that is there", async () => {
  await apply();
  expect(await statusOf()).toMatchObject({ phase: "Pending", reason: "ModelDeploymentMissing" });
  await deploy();
  expect(await statusOf()).toMatchObject({ phase: "Preflight", reason: "TrafficIsSplit" });
  const { uid } = (await server.get(WEEKLY)).metadata;
  expect((await server.get(RANKER))["status"]).toMatchObject({ drill: { name: "weekly", uid } });
});

test("it is reported on only when something has changed", async () => {
  await deploy();
  await apply();
  const before = statuses.countOf("FailoverDrill");
  expect(before).toBeGreaterThan(0);
  await clock.advance(300_000);
  expect(statuses.countOf("FailoverDrill")).toBe(before);
});

test("a person who ends it is heard within 5 s, told of once, and for good", async () => {
  await deploy();
  await apply();
  await apply({ abort: true, reason: "a sale begins" });
  const { verdict, phase } = await statusOf();
  expect({ verdict, phase }).toMatchObject({
    phase: "Ended",
    verdict: { outcome: "Aborted", reason: "AbortedByPerson", message: "a person ended it: a sale begins" },
  });
  expect(events.filter((event) => event.includes("Drill"))).toEqual(["Normal DrillAborted"]);
  expect((await server.get(RANKER))["status"]).not.toHaveProperty("drill");
});

test("the switch of the cluster ends every drill, and lets none begin until it is taken back", async () => {
  await deploy();
  await apply();
  const turned = async (data: object) => {
    const metadata = { name: DRILL_SWITCH_NAME, namespace: "petrel-system" };
    await server.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data }, PEOPLE);
    await clock.advance(5_000);
  };
  await turned({ stopped: "a sale" });
  const verdict = { outcome: "Aborted", reason: "DrillsStopped" };
  expect(await statusOf()).toMatchObject({ phase: "Ended", verdict });
  expect((await statusOf()).verdict?.message).toContain("a sale");
  await server.delete(WEEKLY, {});
  await apply();
  expect(await statusOf()).toMatchObject({ phase: "Ended", verdict });
  await server.delete(WEEKLY, {});
  await turned({ stopped: "false" });
  await apply();
  expect(await statusOf()).toMatchObject({ phase: "Preflight" });
});

test("one whose ModelDeployment goes while it runs ends with it", async () => {
  await apply();
  await writeStatus({ phase: "Observing", since: "2026-01-01T00:00:00.000Z" });
  expect(await statusOf()).toMatchObject({
    phase: "Ended",
    verdict: { outcome: "Aborted", reason: "ModelDeploymentGone" },
  });
});

test("one of a later version of the kind counts for nothing", async () => {
  await deploy();
  await apply({ fault: { type: "Earthquake", pool: "gpu" } });
  expect(await statusOf()).toEqual({});
  expect((await server.get(RANKER))["status"]).not.toHaveProperty("drill");
});

test("what it says is stored before any plan follows from it, and no plan follows where it is not", async () => {
  await deploy();
  isHasty = true;
  statuses.refused = "FailoverDrill";
  await apply();
  const planned = async () => (await server.get(RANKER))["status"];
  expect(await planned()).not.toMatchObject({ traffic: { drill: {} } });
  statuses.refused = undefined;
  statuses.kinds = [];
  await clock.advance(30_000);
  expect(await planned()).toMatchObject({ traffic: { drill: { name: "weekly" } } });
  expect(statuses.kinds.slice(0, 2)).toEqual(["FailoverDrill", "ModelDeployment"]);
});

test("a drill is over only by the ModelDeployment as it stands, whatever a watch that is behind shows", async () => {
  await deploy();
  await apply();
  isOver = true;
  statuses.refused = "ModelDeployment";
  await writeStatus({
    phase: "Removing",
    since: "2026-01-01T00:00:00.000Z",
    verdict: { outcome: "Aborted", reason: "AbortedByPerson", message: "enough" },
  });
  expect(await statusOf()).toMatchObject({ phase: "Removing" });
  statuses.refused = undefined;
  await clock.advance(60_000);
  expect(await statusOf()).toMatchObject({ phase: "Ended", verdict: { reason: "AbortedByPerson" } });
});
