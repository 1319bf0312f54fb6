/**
 * A ModelDeployment of another version of the CRD: it is reported, and what it has is left alone.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { TEST_SETTINGS } from "../../test/fixtures/spec.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { asList, valueAt } from "../api/json.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { createLogger } from "../core/log.ts";
import { allCaches, createCaches } from "./caches.ts";
import { gatherModelDeployment } from "./gather.ts";
import type { Operator } from "./operator.ts";
import { readModelDeployment } from "./projections/model-deployment.ts";

const RANKER = { resource: RESOURCE.modelDeployment, namespace: "shop", name: "ranker" };
const PEOPLE = { fieldManager: "people", force: true };

const log = createLogger({ write: (line) => lines.push(line), now: () => 0, level: "warn" });

let clock: VirtualClock;
let server: MemoryApiServer;
let events: string[];
let writes: number;
let lines: string[];
let operator: Operator;

beforeEach(async () => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  events = [];
  writes = 0;
  lines = [];
  const port = new FaultyPort(server, clock, {
    call: ({ verb }) => {
      if (verb !== "watch") writes += 1;
      return undefined;
    },
  });
  operator = startLeadingOperator(port, clock, {
    log,
    recordEvent: (_regarding, { type, reason }) => events.push(`${type} ${reason}`),
  }).operator;
  await clock.advance(1_000);
});

const ranker = (spec: object) => modelDeploymentObject("ranker", spec);

async function conditions(): Promise<string[]> {
  const stored = await server.get(RANKER);
  return asList(valueAt(stored, "status", "conditions")).map(
    (condition) =>
      `${valueAt(condition, "type")}=${valueAt(condition, "status")} ${valueAt(condition, "reason")}`,
  );
}

test("it is reported once, in a condition and an event, and counted", async () => {
  await server.apply(ranker({ pools: "one" }), PEOPLE);
  await clock.advance(3_600_000);
  expect(await conditions()).toEqual(["Ready=False Unreadable", "Stalled=True Unreadable"]);
  const [ready] = asList(valueAt(await server.get(RANKER), "status", "conditions"));
  expect(valueAt(ready, "message")).toContain("spec/pools: must be array");
  expect(events).toEqual(["Warning Unreadable"]);
  expect(writes).toBeLessThan(10);
  expect(lines.length).toBeLessThan(5);
  expect(operator.figures.unreadableModelDeployments()).toBe(1);
});

test("one that is there when the operator starts is reported, too", async () => {
  const early = new MemoryApiServer(clock);
  await early.apply(ranker({ pools: "one" }), PEOPLE);
  startLeadingOperator(early, clock, { recordEvent: (_regarding, { reason }) => events.push(reason) });
  await clock.advance(60_000);
  const stored = await early.get(RANKER);
  const [ready] = asList(valueAt(stored, "status", "conditions"));
  expect(ready).toMatchObject({ type: "Ready", status: "False", reason: "Unreadable" });
  expect(events).toEqual(["Unreadable"]);
});

test("what served goes on: neither the plan nor a child is touched", async () => {
  await server.apply(ranker({}), PEOPLE);
  await clock.advance(5_000);
  const before = await server.get(RANKER);
  const children = () => server.objects().filter(({ kind }) => kind !== RESOURCE.modelDeployment.kind);
  const standing = children();
  expect(standing.length).toBeGreaterThan(5);
  expect(valueAt(before, "status", "traffic")).toBeDefined();
  await server.apply(ranker({ pools: "one", replicas: 9 }), PEOPLE);
  await clock.advance(60_000);
  const after = await server.get(RANKER);
  expect(children()).toEqual(standing);
  for (const field of ["traffic", "revisions", "pools", "selector"]) {
    expect(valueAt(after, "status", field)).toEqual(valueAt(before, "status", field));
  }
  expect(await conditions()).toContain("Stalled=True Unreadable");
});

test("the others of its namespace know that its traffic port is taken", async () => {
  await server.apply(ranker({}), PEOPLE);
  await clock.advance(5_000);
  const port = valueAt(await server.get(RANKER), "status", "traffic", "port");
  await server.apply(ranker({ pools: "one" }), PEOPLE);
  const other = { ...ranker({}), metadata: { name: "other", namespace: "shop" } };
  const read = readModelDeployment(await server.apply(other, PEOPLE));
  const caches = createCaches({ port: server, clock, random: () => 0.5, log });
  for (const cache of [...allCaches(caches).values()]) void cache.run(new AbortController().signal);
  await clock.advance(1_000);
  if (read.deployment === undefined) throw new Error(read.problem);
  const { observation } = gatherModelDeployment(caches, read.deployment, TEST_SETTINGS, clock.now());
  expect(observation.portHolders).toContainEqual(expect.objectContaining({ name: "ranker", port }));
});

test("once it can be read again, it is as any other", async () => {
  await server.apply(ranker({ pools: "one" }), PEOPLE);
  await clock.advance(60_000);
  await server.apply(ranker({}), PEOPLE);
  await clock.advance(60_000);
  expect(await conditions()).not.toContain("Stalled=True Unreadable");
  expect(server.objects().filter(({ kind }) => kind === "Deployment").length).toBe(2);
  expect(operator.figures.unreadableModelDeployments()).toBe(0);
});

test("one that is on its way out is left to go", async () => {
  const { metadata, ...rest } = ranker({ pools: "one" });
  await server.apply({ ...rest, metadata: { ...metadata, finalizers: ["example.com/slow"] } }, PEOPLE);
  await server.delete(RANKER, {});
  await clock.advance(60_000);
  expect(events.length).toBeLessThanOrEqual(1);
  const before = writes;
  await clock.advance(3_600_000);
  expect(writes).toBe(before);
});
