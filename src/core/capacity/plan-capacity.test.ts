/**
 * How many replicas each revision has in each pool, and when model servers may go.
 */
import { describe, expect, test } from "@jest/globals";
import { plannedRoles } from "../../../test/fixtures/planned-roles.ts";
import {
  candidateComesUp,
  candidateHasTrafficAcknowledged,
  candidateHasTrafficUnacknowledged,
  neverServed,
  stableServes,
  withoutStatus,
} from "../../../test/fixtures/stages.ts";
import { modelOf } from "../../../test/fixtures/summary.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";
import type { Observation } from "../observation.ts";
import { planRollout } from "../rollout/plan-rollout.ts";
import { planCapacity } from "./plan-capacity.ts";

function capacityOf(world: World) {
  return capacityFor(world.observation());
}

function capacityFor(observation: Observation) {
  const revisions = plannedRoles(observation);
  return planCapacity(observation, revisions, planRollout(observation, revisions), {});
}

/** `v1/gpu 2`; `v1/gpu 0, held at 2` when routers still send requests there. */
function replicasText(world: World): readonly string[] {
  return capacityOf(world).modelServers.map(({ revision, pool, replicas, scaleTo }) => {
    const held = scaleTo === replicas ? "" : `, held at ${scaleTo}`;
    return `${modelOf(world, revision.name)}/${pool.name} ${replicas}${held}`;
  });
}

function retiredText(world: World): readonly string[] {
  return capacityOf(world).retired.map(({ revision, pool }) => `${modelOf(world, revision)}/${pool}`);
}

describe("each role has what the spec asks for", () => {
  test.each<[string, () => World, readonly string[]]>([
    ["before anything was decided", withoutStatus, ["v1/default 2"]],
    ["while the first revision starts", neverServed, ["v1/default 2"]],
    ["while stable serves", stableServes, ["v1/default 2"]],
    ["while a candidate comes up", candidateComesUp, ["v1/default 2", "v2/default 2"]],
    ["while traffic moves", candidateHasTrafficUnacknowledged, ["v1/default 2", "v2/default 2"]],
    ["once traffic has moved", candidateHasTrafficAcknowledged, ["v2/default 2"]],
  ])("%s", (_when, make, expected) => {
    expect(replicasText(make())).toEqual(expected);
  });

  test("in every pool, the first one by spec.replicas", () => {
    const world = servingWorld({ replicas: 3, pools: [{ name: "gpu" }, { name: "cpu", replicas: 6 }] });
    world.edit({ model: model("v2") });
    expect(replicasText(world)).toEqual(["v1/gpu 3", "v1/cpu 6", "v2/gpu 3", "v2/cpu 6"]);
  });

  test("after a change of size, at once", () => {
    expect(replicasText(stableServes().edit({ replicas: 5 }))).toEqual(["v1/default 5"]);
    expect(replicasText(stableServes().edit({ replicas: 1 }))).toEqual(["v1/default 1"]);
  });
});

describe("capacity never leaves before the traffic", () => {
  test("a former stable revision stays until every live router gives its traffic to the new one", () => {
    const world = candidateHasTrafficUnacknowledged();
    world.acknowledge("router-a");
    expect(retiredText(world)).toEqual([]);
    world.acknowledge("router-b").reconcile();
    // The plan that makes v2 stable no longer names v1, but no router carries it out yet.
    expect(retiredText(world)).toEqual([]);
    world.acknowledge("router-a");
    expect(retiredText(world)).toEqual([]);
    world.acknowledge("router-b");
    expect(retiredText(world)).toEqual(["v1/default"]);
  });

  test("nothing goes while no router is live, because nobody tells what it does", () => {
    const world = candidateHasTrafficAcknowledged();
    world.reconcile();
    world.acknowledge();
    for (const router of world.routers) router.isLive = false;
    expect(retiredText(world)).toEqual([]);
  });

  test("a router that is not live holds nothing up", () => {
    const world = candidateHasTrafficAcknowledged();
    world.reconcile();
    world.acknowledge("router-a");
    for (const router of world.routers) router.isLive = router.name === "router-a";
    expect(retiredText(world)).toEqual(["v1/default"]);
  });

  test("a candidate that never had traffic goes as soon as nobody asks for it", () => {
    expect(retiredText(candidateComesUp().edit({ model: model("v1") }))).toEqual(["v2/default"]);
  });

  test("a candidate that had traffic goes once the routers have taken it back", () => {
    const world = candidateHasTrafficAcknowledged();
    world
      .setReady(world.revisionName("v2"), 0)
      .edit({ model: model("v1") })
      .reconcile();
    expect(retiredText(world)).toEqual([]);
    expect(retiredText(world.acknowledge())).toEqual(["v2/default"]);
  });

  test("a pool that left the spec stays until its successor is ready and the routers use it", () => {
    const world = servingWorld({ pools: [{ name: "old" }] });
    world.edit({ pools: [{ name: "new" }] }).reconcile();
    expect(retiredText(world.acknowledge())).toEqual([]);
    world.setReady(world.revisionName(), undefined, "new").reconcile();
    expect(retiredText(world)).toEqual([]);
    expect(retiredText(world.acknowledge())).toEqual(["v1/old"]);
  });

  test("a pool that is to have no replicas keeps them until the routers have left it", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 0 }] });
    world.edit({ replicas: 0, pools: [{ name: "gpu" }, { name: "cpu", replicas: 3 }] });
    expect(replicasText(world)).toEqual(["v1/gpu 0, held at 2", "v1/cpu 3"]);
    world.reconcile();
    world.acknowledge();
    expect(replicasText(world)).toEqual(["v1/gpu 0, held at 2", "v1/cpu 3"]);
    world.setReady(world.revisionName(), undefined, "cpu").reconcile();
    expect(replicasText(world)).toEqual(["v1/gpu 0, held at 2", "v1/cpu 3"]);
    world.acknowledge();
    expect(replicasText(world)).toEqual(["v1/gpu 0", "v1/cpu 3"]);
  });

  test("all replicas stay until the routers know that nothing is to be served", () => {
    const world = stableServes().edit({ replicas: 0 });
    expect(replicasText(world)).toEqual(["v1/default 0, held at 2"]);
    world.reconcile();
    expect(replicasText(world)).toEqual(["v1/default 0, held at 2"]);
    expect(replicasText(world.acknowledge())).toEqual(["v1/default 0"]);
  });

  test("also when a person hides the Deployment, by the label that it is found by", () => {
    const observation = { ...stableServes().edit({ replicas: 0 }).observation(), modelServers: [] };
    const { modelServers } = capacityFor(observation);
    expect(modelServers.map(({ isHeld }) => isHeld)).toEqual([true]);
  });
});
