/**
 * Who gets requests, at every stage of a release and in every trouble.
 */
import { describe, expect, test } from "@jest/globals";
import { trafficOf } from "../../../test/fixtures/planned-traffic.ts";
import {
  candidateComesUp,
  candidateHasTrafficAcknowledged,
  candidateHasTrafficUnacknowledged,
  neverServed,
  stableServes,
  withoutStatus,
} from "../../../test/fixtures/stages.ts";
import { armsText } from "../../../test/fixtures/summary.ts";
import { model, servingWorld, World } from "../../../test/fixtures/world.ts";
import { MAX_POOLS_PER_ARM } from "../../api/traffic-plan.ts";
import { perTryTimeout } from "./plan-traffic.ts";

function arms(world: World): string {
  return armsText(world, trafficOf(world));
}

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");

describe("the first revision", () => {
  test("gets no traffic before a pod of it is ready", () => {
    expect(arms(withoutStatus())).toBe("nobody");
    expect(arms(neverServed())).toBe("nobody");
  });

  test("gets the traffic with its first ready pod, because nobody else has it", () => {
    const world = neverServed();
    expect(arms(world.setReady(v1(world), 1))).toBe("Stable v1/default");
  });

  test("gets no traffic for a pod in a pool that the spec has given up", () => {
    const world = neverServed();
    world.setReady(v1(world)).edit({ pools: [{ name: "gpu" }] });
    expect(arms(world)).toBe("nobody");
  });
});

test("a plan has no field for what the spec does not ask for: an upgrade of the operator changes no plan", () => {
  expect(Object.keys(trafficOf(stableServes())).sort()).toEqual([
    "arms",
    "epoch",
    "perTryTimeout",
    "port",
    "timeout",
  ]);
});

describe("stable", () => {
  test("has its pools in order of preference", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 6 }] });
    expect(arms(world)).toBe("Stable v1/gpu v1/cpu");
    const [arm] = trafficOf(world).arms;
    expect(arm).toMatchObject({ weight: 10_000, pools: [{ replicas: 2 }, { replicas: 6 }] });
  });

  test("keeps the traffic when all its pods fail: they may come back any moment", () => {
    const world = stableServes();
    expect(arms(world.setReady(v1(world), 0))).toBe("Stable v1/default");
  });

  test("gets none in a pool without replicas", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 0 }] });
    expect(arms(world)).toBe("Stable v1/gpu");
  });

  test("has no traffic when nothing is asked for, and again with its first ready pod", () => {
    const world = stableServes().edit({ replicas: 0 });
    expect(arms(world)).toBe("nobody");
    world.settle();
    world.edit({ replicas: 2 });
    expect(arms(world)).toBe("nobody");
    world.reconcile();
    expect(arms(world.setReady(v1(world), 1))).toBe("Stable v1/default");
  });
});

describe("a change of pools", () => {
  const renamed = () => servingWorld({ pools: [{ name: "old" }] }).edit({ pools: [{ name: "new" }] });

  test("keeps the old pool behind the new one until that has all its replicas", () => {
    const world = renamed();
    expect(arms(world)).toBe("Stable v1/new v1/old");
    world.reconcile();
    world.acknowledge();
    expect(arms(world.setReady(v1(world), 1, "new"))).toBe("Stable v1/new v1/old");
    expect(arms(world.setReady(v1(world), 2, "new"))).toBe("Stable v1/new");
  });

  test("keeps a pool that is to have no replicas in the same way", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 0 }] });
    world.edit({ replicas: 0, pools: [{ name: "gpu" }, { name: "cpu", replicas: 1 }] });
    expect(arms(world)).toBe("Stable v1/cpu v1/gpu");
  });

  test("while a candidate has the traffic keeps the candidate's old pool too", () => {
    const world = candidateHasTrafficAcknowledged();
    world.setReady(v1(world), 0).edit({ pools: [{ name: "new" }] });
    expect(arms(world)).toBe("Candidate v2/new v2/default v1/new v1/default");
  });

  test("never makes a chain that is longer than the schema allows", () => {
    const eightPools = (prefix: string) =>
      Array.from({ length: 8 }, (_, index) => ({
        name: `${prefix}-${index}`,
        ...(index === 0 ? {} : { replicas: 1 }),
      }));
    const world = servingWorld({ pools: eightPools("a") });
    for (const prefix of ["b", "c", "d"]) world.edit({ pools: eightPools(prefix) }).reconcile();
    const [arm] = trafficOf(world).arms;
    expect(arm?.pools).toHaveLength(MAX_POOLS_PER_ARM);
    expect(arm?.pools.slice(0, 8).map(({ pool }) => pool)).toEqual(eightPools("d").map(({ name }) => name));
  });
});

describe("a candidate", () => {
  test.each([
    ["no pod is ready", 0, "Stable v1/default"],
    ["some pods are ready", 1, "Stable v1/default"],
    ["all pods are ready", 2, "Candidate v2/default v1/default"],
  ])("that has no traffic yet, when %s", (_when, count, expected) => {
    const world = candidateComesUp();
    expect(arms(world.setReady(v2(world), count))).toBe(expected);
  });

  test("that becomes stable as the ControllerRevision of stable is lost leaves it behind itself until it answers", () => {
    const world = candidateHasTrafficUnacknowledged();
    world.deleteRevision(v1(world));
    world.setReady(v2(world), 0).setReady(v1(world), 1);
    expect(arms(world)).toBe("Candidate v2/default v1/default");
    expect(arms(world.setReady(v2(world), 1))).toBe("Stable v2/default");
  });

  test("needs all replicas in every pool", () => {
    const world = servingWorld({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 1 }] });
    world.edit({ model: model("v2") }).reconcile();
    world.setReady(v2(world), undefined, "gpu");
    expect(arms(world)).toBe("Stable v1/gpu v1/cpu");
    world.setReady(v2(world), undefined, "cpu");
    expect(arms(world)).toBe("Candidate v2/gpu v2/cpu v1/gpu v1/cpu");
  });

  test.each([
    ["all pods are ready", 2, "Candidate v2/default v1/default"],
    ["some pods are ready", 1, "Candidate v2/default v1/default"],
    ["no pod is ready", 0, "Stable v1/default"],
  ])("that has the traffic, when %s", (_when, count, expected) => {
    const world = candidateHasTrafficUnacknowledged();
    expect(arms(world.setReady(v2(world), count))).toBe(expected);
  });

  test("that lost the traffic gets it again only with all its replicas", () => {
    const world = candidateHasTrafficUnacknowledged();
    world.setReady(v2(world), 0).reconcile();
    expect(arms(world.setReady(v2(world), 1))).toBe("Stable v1/default");
    expect(arms(world.setReady(v2(world), 2))).toBe("Candidate v2/default v1/default");
  });

  test("that is the former stable revision must have all its replicas, though the plan names it as a fallback", () => {
    const world = candidateHasTrafficAcknowledged();
    world.edit({ model: model("v1") });
    // Its release is to be made first.
    expect(arms(world)).toBe("Stable v2/default");
    world.reconcile();
    expect(arms(world)).toBe("Candidate v1/default v2/default");
    expect(arms(world.setReady(v1(world), 1))).toBe("Stable v2/default");
  });

  test("gives way to a newer one, and stable takes the traffic back meanwhile", () => {
    const world = candidateHasTrafficUnacknowledged();
    expect(arms(world.setReady(v2(world), 1).edit({ model: model("v3") }))).toBe("Stable v1/default");
  });

  test("becomes stable, alone in the plan, once every router carries it out", () => {
    expect(arms(candidateHasTrafficAcknowledged())).toBe("Stable v2/default");
  });
});

describe("when the ControllerRevision of stable is lost", () => {
  const lost = () => {
    const world = stableServes();
    world
      .deleteRevision(v1(world))
      .edit({ model: model("v2") })
      .reconcile();
    return world;
  };

  test("its pods keep the traffic until the successor has all its replicas", () => {
    const world = lost();
    expect(arms(world)).toBe("Stable v1/default");
    expect(arms(world.setReady(v2(world), 1))).toBe("Stable v1/default");
    expect(arms(world.setReady(v2(world), 2))).toBe("Stable v2/default");
  });

  test("and its pods fail, the successor takes over with its first ready pod", () => {
    const world = lost();
    world.setReady(v1(world), 0).setReady(v2(world), 1);
    expect(arms(world)).toBe("Stable v2/default");
  });
});

describe("the epoch", () => {
  test("begins beyond all that a router can have acknowledged under this name before", () => {
    const world = withoutStatus();
    const { epoch } = trafficOf(world);
    expect(epoch).toBe(Math.floor(world.observation().nowMilliseconds / 1_000));
  });

  test("stays when nothing changes", () => {
    const world = stableServes();
    expect(trafficOf(world).epoch).toBe(world.status.traffic?.epoch);
  });

  test.each<[string, (world: World) => World]>([
    ["the timeout", (world) => world.edit({ traffic: { timeout: "2s" } })],
    ["TLS", (world) => world.edit({ traffic: { timeout: "600ms", tls: { secretName: "ranker-tls" } } })],
    [
      "authentication",
      (world) =>
        world.edit({
          traffic: {
            timeout: "600ms",
            authentication: {
              type: "JWT",
              jwt: { issuer: "https://issuer.example", audiences: ["ranker"], jwks: { inline: "{}" } },
            },
          },
        }),
    ],
    [
      "the time for one try",
      (world) => world.edit({ traffic: { timeout: "600ms", perTryTimeout: "100ms" } }),
    ],
    ["the size of a pool", (world) => world.edit({ replicas: 1 })],
    ["the arms", (world) => world.edit({ replicas: 0 })],
  ])("grows by one with %s", (_what, change) => {
    const world = stableServes();
    const before = world.status.traffic?.epoch ?? 0;
    expect(trafficOf(change(world)).epoch).toBe(before + 1);
  });

  test("stays when the same is written in another way", () => {
    const world = stableServes().edit({ traffic: { timeout: "600ms", perTryTimeout: "200ms" } });
    expect(trafficOf(world).epoch).toBe(world.status.traffic?.epoch);
  });
});

describe("the time for one try", () => {
  test.each([
    ["a third of the whole", { timeout: "600ms" }, "200ms"],
    ["at most 500 ms", { timeout: "1m" }, "500ms"],
    ["whole milliseconds", { timeout: "10ms" }, "3ms"],
    ["at least 1 ms", { timeout: "1ms" }, "1ms"],
    ["what the spec says", { timeout: "2s", perTryTimeout: "1500ms" }, "1500ms"],
  ])("is %s", (_what, traffic, expected) => {
    expect(perTryTimeout(traffic)).toBe(expected);
  });
});

test("a plan has no more than one arm with weight while releases move all at once", () => {
  for (const make of [stableServes, candidateHasTrafficUnacknowledged, candidateHasTrafficAcknowledged]) {
    expect(trafficOf(make()).arms.map(({ weight }) => weight)).toEqual([10_000]);
  }
  expect(trafficOf(new World({ replicas: 0 })).arms).toEqual([]);
});
