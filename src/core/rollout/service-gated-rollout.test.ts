/**
 * A release with gates on how the candidate serves: what is asked of the routers, and what becomes of a step by what they
 * counted.
 */
import { expect, test } from "@jest/globals";
import { HOUR } from "../../../test/fixtures/release.ts";
import { follow, inStepOne } from "../../../test/fixtures/released-world.ts";
import type { World } from "../../../test/fixtures/world.ts";
import type { RolloutSpec } from "../../api/rollout.ts";
import type { TryWindow } from "../../stats/first-tries.ts";

const MINUTE = 60_000;
const EDGES = [5, 10, 20, 40, 80];
const GATED: RolloutSpec = {
  strategy: {
    type: "Canary",
    canary: {
      steps: [
        { weight: "10%", minDuration: "1h" },
        { weight: "50%", minDuration: "1h" },
      ],
    },
  },
  gates: [
    { name: "fast", type: "Latency", latency: { quantile: "p99", max: "40ms" } },
    { name: "sound", type: "Errors", errors: { maxAboveStable: "0.5%" } },
  ],
};

/** In its first step for an hour, its pods warm, its routers at an address. */
function inGatedStepOne(): World {
  const world = inStepOne({ rollout: GATED });
  world.routers = world.routers.map((router, index) => ({ ...router, address: `10.0.0.${index + 1}` }));
  for (const { pods } of world.servers) for (const pod of pods) pod.readySinceMilliseconds = 0;
  return world.passTime(HOUR);
}

/**
 * What routers have counted in an hour until so many minutes ago: so many of 1,000 first tries of the candidate failed, or
 * were slow.
 */
function counted(world: World, failing: number, slow: number, minutesAgo = 0): World {
  const { nowMilliseconds: atMilliseconds } = world.observation();
  const arm = (errors: number, late: number) => ({
    tries: 1_000,
    errors,
    latencies: [0, 1_000 - errors - late, 0, 0, late, 0],
  });
  const countedThrough = Math.floor(atMilliseconds / MINUTE) - 1 - minutesAgo;
  const windows = Array.from({ length: 60 }, (_, index): TryWindow => {
    const slot = countedThrough - 59 + index;
    return { slot, minutes: 1, epoch: 1, candidate: arm(failing, slow), stable: arm(2, 2), uncompared: 0 };
  });
  const value = { edgesMilliseconds: EDGES, windows, countedThrough };
  const firstTries = { kind: "Whole", atMilliseconds, value } as const;
  world.gateEvidence = { queries: new Map(), hooks: new Map(), firstTries };
  return world;
}

const outcomes = (world: World) =>
  (world.rollout.status.gates ?? []).map(({ name, outcome, reason }) => `${name} ${outcome} ${reason ?? ""}`);
const where = (world: World) => `${world.rollout.status.phase} ${world.rollout.status.step}`;

test("the routers that take requests are asked, for the plans and the time of the step", () => {
  const world = inGatedStepOne();
  world.routers = world.routers.map((router, index) => ({ ...router, isLive: index > 0 }));
  const [question, ...others] = world.reconcile().gateQuestions ?? [];
  const { history = [], shares = [] } = world.rollout.status;
  expect(others).toEqual([]);
  expect(question).toEqual({
    type: "Routers",
    deployment: "ranker",
    addresses: ["10.0.0.2"],
    fromMilliseconds: Date.parse(history.at(-1)?.inEffectAt ?? ""),
    epochs: { first: shares.at(-1)?.firstEpoch, last: shares.at(-1)?.lastEpoch },
  });
});

test("while one of them has no address none is asked, and the step waits and says why", () => {
  const world = counted(inGatedStepOne(), 2, 2);
  world.routers = world.routers.map(({ address, ...router }, index) => ({
    ...router,
    ...(index === 0 || address === undefined ? {} : { address }),
  }));
  expect(world.reconcile().gateQuestions).toEqual([]);
  expect(outcomes(world)).toEqual(["candidate-replicas Pass ", "fast Wait NoData", "sound Wait NoData"]);
  expect(world.rollout.status.gates?.at(-1)?.message).toContain("has no address yet");
  // One that takes no requests any more has sent none.
  world.gateEvidence = undefined;
  world.routers = world.routers.map((router, index) => ({ ...router, isLive: index > 0 }));
  expect(world.reconcile().gateQuestions).toMatchObject([{ addresses: ["10.0.0.2"] }]);
});

test("without such a gate no router is asked", () => {
  const gates = GATED.gates?.slice(0, 0) ?? [];
  const world = inStepOne({ rollout: { ...GATED, gates } });
  expect(world.reconcile().gateQuestions ?? []).toEqual([]);
});

test("a step waits until something is counted, and goes on when it is good", () => {
  const world = inGatedStepOne();
  world.reconcile();
  expect(outcomes(world)).toEqual(["candidate-replicas Pass ", "fast Wait NoData", "sound Wait NoData"]);
  counted(world, 2, 2).reconcile();
  expect(world.rollout.status.passedGates?.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
    "candidate-replicas Pass",
    "fast Pass",
    "sound Pass",
  ]);
  expect(where(follow(world))).toBe("Progressing 2");
});

test.each([
  ["slow", 2, 40, "fast Fail TooSlow"],
  ["failing", 40, 2, "sound Fail TooManyErrors"],
])("a candidate that is %s is given up", (_what, failing, slow, said) => {
  const world = counted(inGatedStepOne(), failing, slow);
  world.reconcile();
  expect(outcomes(world)).toContain(said);
  expect(world.rollout.status.verdict?.reason).toBe("GateFailed");
  follow(world);
  expect(world.status.traffic?.arms.map(({ name, weight }) => `${name} ${weight}`)).toEqual(["Stable 10000"]);
});

test("what was counted well before a router became blind lets no step end", () => {
  const world = counted(inGatedStepOne(), 2, 2, 5);
  world.reconcile();
  expect(outcomes(world)).toEqual(["candidate-replicas Pass ", "fast Wait NoData", "sound Wait NoData"]);
  expect(where(follow(world))).toBe("Progressing 1");
});

test("one whose pods are not yet warm waits, however good it looks", () => {
  const world = counted(inGatedStepOne(), 2, 2);
  const now = world.observation().nowMilliseconds;
  const [candidate] = world.serversOf(world.rollout.spec.revision);
  for (const pod of candidate?.pods ?? []) pod.readySinceMilliseconds = now - 30_000;
  world.reconcile();
  expect(outcomes(world)).toEqual([
    "candidate-replicas Pass ",
    "fast Wait TooFewPods",
    "sound Wait TooFewPods",
  ]);
});
