/**
 * The end of a fault in a whole router: it needs neither the operator nor the API server.
 */
import { expect, test } from "@jest/globals";
import { plan, RouterWorld } from "../../test/fixtures/router-world.ts";

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
