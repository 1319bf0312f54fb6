/**
 * The spec says in mid-release that labels take longer, or less long, than it said when the release began: no step ends
 * before the labels of its answers have had the time that they had then.
 */
import { expect, test } from "@jest/globals";
import { HELD_BACK } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { CANARY, follow, inStepOne } from "../../../test/fixtures/released-world.ts";
import { CLICKS_AND_REVENUE } from "../../../test/fixtures/spec.ts";
import type { World } from "../../../test/fixtures/world.ts";
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { QualitySpec } from "../../api/quality.ts";
import type { RolloutSpec } from "../../api/rollout.ts";
import { cell } from "./gates/testdata/gate-world.ts";

const GATE: NonNullable<RolloutSpec["gates"]>[number] = {
  name: "clicks",
  type: "Quality",
  onNoData: "Proceed",
  quality: { metric: "ctr", nonInferiorityMargin: "10%" },
};

const clicksWithin = (matures: string): QualitySpec => ({
  ...CLICKS_AND_REVENUE,
  labels: [{ name: "click", matures }],
  metrics: [{ name: "ctr", type: "ClickThroughRate" }],
});

/** Clicks as the collector counts them now, by the present spec: of both revisions alike, enough of them, and of a tenth of the requests. */
function counted(world: World, matures: string): World {
  const epoch = world.rollout.status.shares?.at(-1)?.lastEpoch ?? 0;
  const cells = [cell(epoch, "Candidate", 400, 20), cell(epoch, "Stable", 400, 20)];
  const maturesMilliseconds = parseDurationMilliseconds(matures);
  const metric = { metric: { values: "ZeroOne", better: "Higher" }, maturesMilliseconds } as const;
  world.gateEvidence = {
    queries: new Map(),
    hooks: new Map(),
    counts: {
      kind: "Whole",
      atMilliseconds: world.observation().nowMilliseconds,
      value: {
        metrics: new Map([["ctr", { ...metric, arrived: cells, matured: cells }]]),
        unusable: new Map(),
        requests: [
          { epoch, arm: "Candidate", requests: 500 },
          { epoch, arm: "Stable", requests: 4_500 },
        ],
        recentRequests: cells.map(({ arm }) => ({ epoch, arm, requests: 5_000 })),
        armChecks: [],
        newUsers: [],
        requestsPerSecond: 100,
      },
    },
  };
  return world;
}

/** In its first step, which people have approved, an hour after another maturity was written. */
function anHourAfter(rollout: RolloutSpec, begunWith: string, then: string): World {
  const world = inStepOne({ quality: clicksWithin(begunWith), rollout: { ...rollout, gates: [GATE] } });
  world.guide({ approvedStep: 1 }).edit({ quality: clicksWithin(then) });
  for (let look = 0; look < 3; look++) follow(counted(world.passTime(HOUR / 2), then), 1);
  return world;
}

const where = ({ rollout }: World) => {
  const gate = rollout.status.gates?.find(({ name }) => name === GATE.name);
  return `${rollout.status.step} ${gate?.outcome} ${gate?.reason}${gate?.deferred === true ? ", deferred" : ""}`;
};

/** Each step is ended by a person, so a label may take longer than it. */
const APPROVED: RolloutSpec = {
  strategy: {
    type: "Canary",
    canary: { steps: [10, 50].map((part) => ({ weight: `${part}%`, minDuration: "1h", pause: true })) },
  },
};

test("a release keeps the maturity that it began with", () => {
  const world = inStepOne({ quality: clicksWithin("30m"), rollout: { ...CANARY, gates: [GATE] } });
  const kept = [{ metric: "ctr", matures: "30m" }];
  expect(world.rollout.spec.maturities).toEqual(kept);
  world.edit({ quality: clicksWithin("72h") }).reconcile();
  expect(world.rollout.spec.maturities).toEqual(kept);
});

test("one without a gate of labels keeps none", () => {
  const world = inStepOne({ quality: clicksWithin("30m") });
  expect(world.rollout.spec).not.toHaveProperty("maturities");
});

test("a step ends when labels have had their time, as the release began", () => {
  expect(where(anHourAfter(HELD_BACK, "30m", "30m"))).toMatch(/^2 /);
  expect(where(anHourAfter(APPROVED, "30m", "30m"))).toMatch(/^2 /);
});

test("a longer maturity puts no gate off to the holdback: the step waits for it", () => {
  expect(where(anHourAfter(HELD_BACK, "30m", "72h"))).toBe("1 Wait LabelsImmature");
});

test("a shorter one ends no step before the time that labels had when it was begun", () => {
  expect(where(anHourAfter(APPROVED, "72h", "1m"))).toBe("1 Wait LabelsImmature");
});

test("nor does it have a step decide what is decided in the holdback", () => {
  expect(where(anHourAfter(HELD_BACK, "72h", "1m"))).toMatch(/^2 Wait .*, deferred$/);
});
