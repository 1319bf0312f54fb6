/**
 * The end of a fault in a whole router: it needs neither the operator nor the API server.
 */
import { expect, test } from "@jest/globals";
import { NAMESPACE, plan, RouterWorld } from "../../test/fixtures/router-world.ts";
import { valueAt } from "../api/json.ts";
import { API_GROUP_VERSION } from "../api/names.ts";

const MINUTE = 60_000;

function drilled(world: RouterWorld, epoch: number, more = {}) {
  const until = new Date(world.clock.now() + MINUTE).toISOString();
  const drill = { name: "weekly", pool: "gpu", key: "k".repeat(32) };
  return plan(epoch, { drill: { ...drill, fault: { status: 503, until, longest: "5m" } }, ...more });
}

const FAULT = "x-envoy-fault-abort-request";

test("a router without the API server ends a fault at its time, and keeps the routes of the drill", async () => {
  const world = new RouterWorld();
  await world.start();
  await world.runModelServer("pod-1", { started: true });
  await world.want("ranker", plan(1));
  expect(world.envoy.routes("ranker")).not.toContain("x-petrel-drill");
  await world.want("ranker", drilled(world, 2));
  expect(world.envoy.routedEpoch("ranker")).toBe(2);
  expect(world.envoy.routes("ranker")).toContain(FAULT);
  expect(world.envoy.activeListeners).toEqual(new Set(["ranker", "ranker_fault"]));
  world.apiIsUp = false;
  // What has passed of the minute: the two seconds of the change.
  await world.clock.advance(MINUTE - 4_000);
  expect(world.envoy.routes("ranker")).toContain(FAULT);
  await world.clock.advance(3_000);
  expect(world.envoy.routes("ranker")).not.toContain(FAULT);
  expect(world.envoy.routes("ranker")).toContain("x-petrel-drill");
  expect(world.envoy.routedEpoch("ranker")).toBe(2);
});

test("a router that starts anew without the API server ends a fault at its time, by the routes alone", async () => {
  const world = new RouterWorld();
  await world.start();
  await world.runModelServer("pod-1", { started: true });
  await world.want("ranker", drilled(world, 2));
  world.stopping.abort();
  await world.clock.advance(1_000);
  expect(world.hasEnded).toBe(true);
  world.apiIsUp = false;
  const written = world.envoy.written.length;
  world.runRouter(new AbortController().signal);
  await world.clock.advance(MINUTE - 5_000);
  expect(world.envoy.routes("ranker")).toContain(FAULT);
  await world.clock.advance(3_000);
  expect(world.envoy.routes("ranker")).not.toContain(FAULT);
  expect(world.envoy.routes("ranker")).toContain("x-petrel-drill");
  expect(world.envoy.written.slice(written)).toEqual([expect.stringMatching(/^routes ranker /)]);
  // It stays so once the API is there, whose plan still has the fault.
  world.apiIsUp = true;
  await world.clock.advance(MINUTE);
  expect(world.envoy.written.slice(written)).toHaveLength(1);
  expect(world.router?.status.isReady).toBe(true);
  expect(world.router?.status.acknowledgements.get("ranker")?.serving?.epoch).toBe(2);
});

test("a router that ended while it published a fault goes back to the plan in effect when the fault is over", async () => {
  const world = new RouterWorld();
  await world.start();
  await world.runModelServer("pod-1", { started: true });
  await world.want("ranker", plan(1));
  // Envoy takes the routes, and never the listener of the fault.
  world.envoy.faultOf = (resource) => (valueAt(resource, "name") === "ranker_fault" ? "Unusable" : undefined);
  const object = { apiVersion: API_GROUP_VERSION, kind: "ModelDeployment" };
  const metadata = { name: "ranker", namespace: NAMESPACE };
  const options = { fieldManager: "test", force: true, subresource: "status" } as const;
  await world.api.apply({ ...object, metadata, status: { traffic: drilled(world, 2) } }, options);
  while (!world.envoy.routes("ranker").includes(FAULT)) await world.clock.advance(20);
  world.stopping.abort();
  world.apiIsUp = false;
  await world.clock.advance(20);
  expect([world.hasEnded, world.envoy.routedEpoch("ranker")]).toEqual([true, 2]);
  world.runRouter(new AbortController().signal);
  await world.clock.advance(MINUTE);
  expect(world.envoy.routedEpoch("ranker")).toBe(1);
  expect(world.envoy.routes("ranker")).not.toContain(FAULT);
});

test("a fault whose time is over is never begun", async () => {
  const world = new RouterWorld();
  await world.start();
  await world.runModelServer("pod-1", { started: true });
  const late = drilled(world, 2);
  await world.clock.advance(MINUTE);
  await world.want("ranker", late);
  expect(world.envoy.routedEpoch("ranker")).toBe(2);
  expect(world.envoy.routes("ranker")).not.toContain(FAULT);
});

test("a plan without the drill leaves nothing of it", async () => {
  const world = new RouterWorld();
  await world.start();
  await world.runModelServer("pod-1", { started: true });
  await world.want("ranker", drilled(world, 1));
  await world.want("ranker", plan(2));
  expect(world.envoy.routes("ranker")).not.toContain("x-petrel-drill");
  expect(world.envoy.activeListeners).toEqual(new Set(["ranker"]));
  // Requests that are under way may need the clusters for as long as they may take.
  await world.clock.advance(10_000);
  expect([...world.envoy.activeClusters].filter((name) => /_(probes|witnesses|target)_/.test(name))).toEqual(
    [],
  );
});
