/**
 * A release that begins with mirrored requests and ends with a holdback: both count as steps, each does what it does alone,
 * and neither has anything of the other.
 */
import { describe, expect, test } from "@jest/globals";
import { givenUpIn, whereIs } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";
import type { QualitySpec } from "../../api/quality.ts";
import type { RolloutSpec } from "../../api/rollout.ts";
import { eventsOfRollout } from "../events-between.ts";
import { shadowCounts } from "./gates/testdata/shadow-world.ts";
import { holdbackStep, loadOfStep, roomOfStep, stepsOf } from "./rollout-steps.ts";

const ROLLOUT: RolloutSpec = {
  strategy: {
    type: "Canary",
    shadow: { minDuration: "1h", share: "2%", agreement: { by: "Best", min: "90%" } },
    canary: { steps: [{ weight: "10%", minDuration: "1h" }] },
  },
  holdback: { weight: "5%", for: "96h" },
};
const QUALITY: QualitySpec = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "ctr", type: "ClickThroughRate" }],
  response: { scores: "score" },
  observe: {},
};

/** `v2` is released beside `v1`, and its requests are mirrored. */
function mirroring(): World {
  const world = servingWorld({ replicas: 4, rollout: ROLLOUT, quality: QUALITY });
  return follow(world.edit({ model: model("v2") }));
}

/** The mirroring and the step have passed. */
function inHoldback(): World {
  const world = mirroring().passTime(HOUR);
  const { nowMilliseconds: atMilliseconds } = world.observation();
  const value = {
    ...shadowCounts({ pairs: 20, sameBest: 20 }),
    lastPairSeconds: Math.floor(atMilliseconds / 1_000),
  };
  world.gateEvidence = {
    queries: new Map(),
    hooks: new Map(),
    mirrored: { kind: "Whole", atMilliseconds, value },
  };
  return follow(follow(world).passTime(HOUR), 5);
}

test("copies come first, the holdback last but for all the traffic, which has the room for all of it", () => {
  const steps = stepsOf(ROLLOUT);
  const numbers = steps.map((_step, index) => index + 1);
  expect(steps.map(({ weight, mirror }) => `${weight} ${mirror}`)).toEqual([
    "0 200",
    "1000 0",
    "9500 0",
    "10000 0",
  ]);
  expect(holdbackStep(steps)).toBe(3);
  expect(numbers.map((step) => loadOfStep(steps, step))).toEqual([200, 1_000, 9_500, 10_000]);
  expect(numbers.map((step) => roomOfStep(steps, step))).toEqual([200, 1_000, 10_000, 10_000]);
});

test("without steps of a share there is nothing to hold back", () => {
  const { shadow } = ROLLOUT.strategy;
  const steps = stepsOf({
    ...ROLLOUT,
    strategy: { type: "Shadow", ...(shadow === undefined ? {} : { shadow }) },
  });
  expect(steps.map(({ isHoldback }) => isHoldback)).toEqual([false, false]);
});

describe("one after the other", () => {
  test("while requests are mirrored stable keeps all its replicas", () => {
    const world = mirroring();
    expect(whereIs(world)).toBe("Progressing 1 of 4 0%");
    expect(shares(world)).toBe("v1 100%");
    expect(replicas(world)).toEqual({ v1: 4, v2: 2 });
    expect(world.status.rollout?.heldBack).toBeUndefined();
  });

  test("in the holdback nothing is mirrored, and what was told of the copies decides nothing", () => {
    const world = inHoldback();
    expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
    expect(shares(world)).toBe("v2 95% v1 5%");
    expect(world.status.traffic?.mirror).toBeUndefined();
    expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
    expect(world.rollout.status.gates).toBeUndefined();
    expect(world.rollout.status.history?.map(({ mirrored }) => mirrored)).toEqual([
      "2%",
      undefined,
      undefined,
    ]);
  });

  test("the begin of each is told as what it is", () => {
    const toldOf = ({ rollout }: World) => {
      const { status } = rollout;
      const before = { ...rollout, status: { ...status, step: (status.step ?? 0) - 1 } };
      return eventsOfRollout({ rollout: before, status, isCurrent: true }).map(
        ({ reason, note }) => `${reason}: ${note.replace(/^.*?: /, "")}`,
      );
    };
    expect(toldOf(mirroring())).toEqual(["RolloutStep: step 1 of 4 sends it copies of 2% of the traffic"]);
    expect(toldOf(inHoldback())).toEqual([
      "HoldingBack: the steps are passed: it has 95% of the traffic, and stable keeps 5% as a control for 96h",
    ]);
  });
});

test("what is given up in the holdback goes back without copies", () => {
  const world = givenUpIn(inHoldback());
  expect(world.rollout.status.phase).toBe("Returning");
  expect(world.status.traffic?.mirror).toBeUndefined();
  follow(world, 10);
  expect(shares(world)).toBe("v1 100%");
  expect(replicas(world)).toEqual({ v1: 4 });
});

test("a third revision comes up with the replicas for its copies, and gets none before the holdback ends", () => {
  const world = inHoldback().edit({ model: model("v3") });
  world.reconcile();
  expect(replicas(world)).toEqual({ v1: 1, v2: 4, v3: 2 });
  expect(world.status.traffic?.mirror).toBeUndefined();
  follow(world, 8);
  expect(shares(world)).toBe("v2 100%");
  expect(world.status.traffic?.mirror?.pools[0]?.revision).toBe(world.revisionName("v3"));
});
