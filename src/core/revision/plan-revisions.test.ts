/**
 * Every stage of a release x every event: which revision is stable, which one is on its way.
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
import { modelOf, rolesText } from "../../../test/fixtures/summary.ts";
import { model, servingWorld, World } from "../../../test/fixtures/world.ts";
import { REVISION_HISTORY_LIMIT } from "./plan-revisions.ts";

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");

function loseRouters(world: World): World {
  for (const router of world.routers) router.isLive = false;
  return world;
}

const EVENTS = {
  "nothing happens": (world: World) => world,
  "the spec asks for v3": (world: World) => world.edit({ model: model("v3") }),
  "the spec asks for v3, then for v4": (world: World) => {
    world.edit({ model: model("v3") }).reconcile();
    return world.edit({ model: model("v4") });
  },
  "the spec asks for v1 again": (world: World) => world.edit({ model: model("v1") }),
  "all pods of v1 are ready": (world: World) => world.setReady(v1(world)),
  "no pod of v1 is ready": (world: World) => world.setReady(v1(world), 0),
  "no pod of v1 is ready and the spec asks for v3": (world: World) =>
    world.setReady(v1(world), 0).edit({ model: model("v3") }),
  "all pods of v2 are ready": (world: World) => world.setReady(v2(world)),
  "one of two pods of v2 is ready": (world: World) => world.setReady(v2(world), 1),
  "one of two pods of v2 is ready and the spec asks for v3": (world: World) =>
    world.setReady(v2(world), 1).edit({ model: model("v3") }),
  "one of two pods of v2 is ready and the spec asks for v1 again": (world: World) =>
    world.setReady(v2(world), 1).edit({ model: model("v1") }),
  "one pod of each is ready and the spec asks for v3": (world: World) =>
    world
      .setReady(v1(world), 1)
      .setReady(v2(world), 1)
      .edit({ model: model("v3") }),
  "no pod of v1 is ready and the spec asks for v1 again in other pools": (world: World) =>
    world.setReady(v1(world), 0).edit({ model: model("v1"), pools: [{ name: "gpu" }] }),
  "one pod of each is ready and the spec asks for v1 again in other pools": (world: World) =>
    world
      .setReady(v1(world), 1)
      .setReady(v2(world), 1)
      .edit({ model: model("v1"), pools: [{ name: "gpu" }] }),
  "no pod of v2 is ready": (world: World) => world.setReady(v2(world), 0),
  "one router of two acknowledges": (world: World) => world.acknowledge("router-a"),
  "all routers acknowledge": (world: World) => world.acknowledge(),
  "a router without a plan becomes live": (world: World) => {
    world.routers.push({ name: "router-c", isLive: true });
    return world;
  },
  "no router is live": loseRouters,
  "no router is live and the spec asks for v3": (world: World) =>
    loseRouters(world).edit({ model: model("v3") }),
  "the ControllerRevision of v1 is deleted": (world: World) => world.deleteRevision(v1(world)),
  "the ControllerRevision of v1 is deleted and the spec asks for v3": (world: World) =>
    world.deleteRevision(v1(world)).edit({ model: model("v3") }),
  "the ControllerRevision of v2 is deleted": (world: World) => world.deleteRevision(v2(world)),
  "both ControllerRevisions are deleted and the spec asks for v3": (world: World) =>
    world
      .deleteRevision(v1(world))
      .deleteRevision(v2(world))
      .edit({ model: model("v3") }),
  "it is scaled to zero": (world: World) => world.edit({ replicas: 0 }),
  "it is scaled to zero, decided, and scaled up": (world: World) => {
    world.edit({ replicas: 0 }).reconcile();
    world.reconcile();
    return world.edit({ replicas: 2 });
  },
  "it is scaled to zero, decided, and the spec asks for v3": (world: World) => {
    world.edit({ replicas: 0 }).reconcile();
    world.reconcile();
    return world.edit({ model: model("v3") });
  },
} as const;

type Table = Partial<Record<keyof typeof EVENTS, string>>;

/** `STABLE`, or `STABLE < CANDIDATE`. An event that cannot happen at a stage has no line. */
const STAGES: readonly (readonly [name: string, make: () => World, table: Table])[] = [
  [
    "nothing has been decided",
    withoutStatus,
    {
      "nothing happens": "v1",
      "the spec asks for v3": "v3",
      "no router is live": "v1",
      "it is scaled to zero": "v1",
    },
  ],
  [
    "the first revision was never served",
    neverServed,
    {
      "nothing happens": "v1",
      "the spec asks for v3": "v3",
      "the spec asks for v3, then for v4": "v4",
      "all pods of v1 are ready": "v1",
      "no router is live": "v1",
      "no router is live and the spec asks for v3": "v3",
      "the ControllerRevision of v1 is deleted": "v1",
      "the ControllerRevision of v1 is deleted and the spec asks for v3": "v3",
      "it is scaled to zero": "v1",
      "it is scaled to zero, decided, and scaled up": "v1",
      "it is scaled to zero, decided, and the spec asks for v3": "v3",
    },
  ],
  [
    "stable serves",
    stableServes,
    {
      "nothing happens": "v1",
      "the spec asks for v3": "v1 < v3",
      "the spec asks for v3, then for v4": "v1 < v4",
      "the spec asks for v1 again": "v1",
      "no pod of v1 is ready": "v1",
      "no pod of v1 is ready and the spec asks for v3": "v1 < v3",
      "a router without a plan becomes live": "v1",
      "no router is live": "v1",
      "no router is live and the spec asks for v3": "v1 < v3",
      "the ControllerRevision of v1 is deleted": "v1",
      "the ControllerRevision of v1 is deleted and the spec asks for v3": "v3",
      "it is scaled to zero": "v1",
      "it is scaled to zero, decided, and scaled up": "v1",
      "it is scaled to zero, decided, and the spec asks for v3": "v3",
    },
  ],
  [
    "a candidate comes up",
    candidateComesUp,
    {
      "nothing happens": "v1 < v2",
      "the spec asks for v3": "v1 < v3",
      "the spec asks for v3, then for v4": "v1 < v4",
      "the spec asks for v1 again": "v1",
      "no pod of v1 is ready": "v1 < v2",
      "no pod of v1 is ready and the spec asks for v3": "v1 < v3",
      "all pods of v2 are ready": "v1 < v2",
      "one of two pods of v2 is ready": "v1 < v2",
      "one of two pods of v2 is ready and the spec asks for v3": "v1 < v3",
      "no router is live": "v1 < v2",
      "no router is live and the spec asks for v3": "v1 < v3",
      "the ControllerRevision of v1 is deleted": "v2",
      "the ControllerRevision of v2 is deleted": "v1 < v2",
      "both ControllerRevisions are deleted and the spec asks for v3": "v3",
      "it is scaled to zero": "v1 < v2",
      "it is scaled to zero, decided, and scaled up": "v1 < v2",
      "it is scaled to zero, decided, and the spec asks for v3": "v1 < v3",
    },
  ],
  [
    "the candidate has traffic that no router has acknowledged",
    candidateHasTrafficUnacknowledged,
    {
      "nothing happens": "v1 < v2",
      "the spec asks for v3": "v1 < v3",
      "the spec asks for v3, then for v4": "v1 < v4",
      "the spec asks for v1 again": "v1",
      "no pod of v1 is ready": "v1 < v2",
      "no pod of v1 is ready and the spec asks for v3": "v1 < v2",
      "no pod of v1 is ready and the spec asks for v1 again in other pools": "v1 < v2",
      "one pod of each is ready and the spec asks for v1 again in other pools": "v1",
      "one of two pods of v2 is ready": "v1 < v2",
      "one of two pods of v2 is ready and the spec asks for v3": "v1 < v3",
      "one of two pods of v2 is ready and the spec asks for v1 again": "v1",
      "one pod of each is ready and the spec asks for v3": "v1 < v3",
      "no pod of v2 is ready": "v1 < v2",
      "one router of two acknowledges": "v1 < v2",
      "all routers acknowledge": "v2",
      "no router is live": "v1 < v2",
      "no router is live and the spec asks for v3": "v1 < v3",
      "the ControllerRevision of v1 is deleted": "v2",
      "the ControllerRevision of v1 is deleted and the spec asks for v3": "v2 < v3",
      "the ControllerRevision of v2 is deleted": "v1 < v2",
      "both ControllerRevisions are deleted and the spec asks for v3": "v3",
      "it is scaled to zero": "v1 < v2",
      "it is scaled to zero, decided, and scaled up": "v1 < v2",
      "it is scaled to zero, decided, and the spec asks for v3": "v1 < v3",
    },
  ],
  [
    "the candidate has traffic that every router has acknowledged",
    candidateHasTrafficAcknowledged,
    {
      "nothing happens": "v2",
      "the spec asks for v3": "v2 < v3",
      "the spec asks for v3, then for v4": "v2 < v4",
      "the spec asks for v1 again": "v2 < v1",
      "no pod of v1 is ready": "v2",
      "no pod of v1 is ready and the spec asks for v3": "v2 < v3",
      "one of two pods of v2 is ready": "v1 < v2",
      "one of two pods of v2 is ready and the spec asks for v3": "v1 < v3",
      "one of two pods of v2 is ready and the spec asks for v1 again": "v1",
      "one pod of each is ready and the spec asks for v3": "v1 < v3",
      "no pod of v2 is ready": "v1 < v2",
      "a router without a plan becomes live": "v1 < v2",
      "no router is live": "v1 < v2",
      "no router is live and the spec asks for v3": "v1 < v3",
      "the ControllerRevision of v1 is deleted": "v2",
      "the ControllerRevision of v1 is deleted and the spec asks for v3": "v2 < v3",
      "the ControllerRevision of v2 is deleted": "v2",
      "both ControllerRevisions are deleted and the spec asks for v3": "v3",
      "it is scaled to zero": "v2",
      "it is scaled to zero, decided, and scaled up": "v2",
      "it is scaled to zero, decided, and the spec asks for v3": "v3",
    },
  ],
];

for (const [stage, make, table] of STAGES) {
  describe(`while ${stage}`, () => {
    for (const [event, roles] of Object.entries(table)) {
      test(`when ${event}: ${roles}`, () => {
        const act = Object.entries(EVENTS).find(([name]) => name === event)?.[1];
        const world = act?.(make()) ?? new World();
        expect(rolesText(world, plannedRoles(world.observation()))).toBe(roles);
      });
    }
  });
}

describe("the desired revision", () => {
  test("is new until its ControllerRevision stands", () => {
    const world = new World();
    expect(plannedRoles(world.observation()).stated.isNew).toBe(true);
    world.reconcile();
    expect(plannedRoles(world.observation()).stated.isNew).toBe(false);
  });

  test("is the one that is known already when the spec goes back to it", () => {
    const world = servingWorld().edit({ model: model("v2") });
    world.settle();
    world.edit({ model: model("v1") });
    const { desired, stated } = plannedRoles(world.observation());
    expect(modelOf(world, desired.name)).toBe("v1");
    expect(desired.number).toBe(1);
    expect(stated.isNew).toBe(false);
  });

  test("gets a number above all others", () => {
    const world = servingWorld().edit({ model: model("v2") });
    expect(plannedRoles(world.observation()).desired.number).toBe(2);
  });

  test.each([
    ["replicas", { replicas: 7 }],
    ["resources", { pools: [{ name: "default", resources: { limits: { cpu: "2" } } }] }],
    ["tolerations", { pools: [{ name: "default", tolerations: [{ operator: "Exists" as const }] }] }],
    ["a pool without a model of its own", { pools: [{ name: "default" }, { name: "spare", replicas: 1 }] }],
    ["timeouts", { traffic: { timeout: "2s" } }],
  ])("is the same when only %s change", (_what, changes) => {
    const world = servingWorld().edit(changes);
    expect(rolesText(world, plannedRoles(world.observation()))).toBe("v1");
    expect(plannedRoles(world.observation()).stated.isNew).toBe(false);
  });
});

describe("the history", () => {
  function worldWithHistory(count: number): World {
    const world = servingWorld();
    for (let index = 0; index < count; index++) {
      world.edit({ model: model(`old-${String.fromCharCode(97 + index)}`) }).settle();
    }
    world.edit({ model: model("v1") }).settle();
    return world;
  }

  test("keeps the newest revisions beside those in use", () => {
    const world = worldWithHistory(REVISION_HISTORY_LIMIT + 3);
    const numbers = world.revisions.map(({ number }) => number);
    // v1 was number 1, fell out of the history after 13 others, and came back as number 15.
    expect(numbers).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  test("never gives up a revision that still has model servers", () => {
    const world = worldWithHistory(REVISION_HISTORY_LIMIT);
    const [oldest] = world.revisions.filter(({ name }) => name !== world.revisionName("v1"));
    const [template] = world.servers;
    if (oldest === undefined || template === undefined) throw new Error("expected a history");
    const newer = { name: "ranker-newer", number: 99, data: oldest.data };
    world.revisions.push(newer);
    expect(plannedRoles(world.observation()).surplus).toEqual([oldest.name]);
    world.servers.push({ ...template, name: "left-over", revision: oldest.name, pods: [] });
    expect(plannedRoles(world.observation()).surplus).toEqual([]);
  });
});
