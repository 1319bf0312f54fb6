/**
 * The latest release of each ModelDeployment as metrics: every number of its status is told, and nothing stays behind.
 */
import { beforeEach, describe, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import type { GateStatus } from "../api/gate-status.ts";
import type { ModelRolloutStatus, RolloutPhase } from "../api/model-rollout-status.ts";
import { projectRollout, type RolloutSummary } from "./projections/rollout.ts";
import { latestReleases, showReleases } from "./release-metrics.ts";

const GATE: GateStatus = {
  name: "ctr",
  outcome: "Wait",
  reason: "TooLittle",
  message: "labels are awaited",
  noDataSince: "2026-01-01T00:10:00Z",
  figures: [
    {
      name: "change",
      estimate: "-0.012",
      lower: "-0.05",
      upper: "0.02",
      threshold: "-0.1",
      candidateCount: 1_000,
      stableCount: 9_000,
    },
    { name: "p99", unit: "ms", estimate: "12.5", threshold: "none" },
  ],
  needs: { requests: 40_000, duration: "1h30m", exceedsDeadline: true },
};

const STATUS: ModelRolloutStatus = {
  phase: "Progressing",
  step: 2,
  steps: 4,
  weight: "12.5%",
  weightInEffectAt: "2026-01-01T00:05:00Z",
  startedAt: "2026-01-01T00:00:00Z",
  nextCheckAt: "2026-01-01T01:00:00Z",
  gates: [GATE],
};

function rollout(number: number, status: ModelRolloutStatus, modelDeployment = "ranker"): RolloutSummary {
  return projectRollout({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelRollout",
    metadata: { name: `${modelDeployment}-${number}`, namespace: "shop", uid: "u", resourceVersion: "1" },
    spec: { modelDeployment, revision: `${modelDeployment}-abc`, number, strategy: { type: "BlueGreen" } },
    status,
  });
}

let current: RolloutSummary[];
let registry: Registry;

beforeEach(() => {
  registry = new Registry();
  showReleases(registry, () => latestReleases(current));
});

/** Every series that is shown, without the labels that all of them have. */
async function shown(name: string): Promise<Record<string, number>> {
  const own = `namespace="shop",model_deployment="ranker",rollout="${name}"`;
  const lines = (await registry.metrics()).split("\n").filter((line) => line.includes(own));
  return Object.fromEntries(
    lines.map((line) => {
      const [series = "", value] = line.split(" ");
      const text = series.replace(own, "").replace("{,", "{").replace("{}", "");
      return [text.replace("petrel_model_rollout_", ""), Number(value)];
    }),
  );
}

test("each number of the status is told once", async () => {
  current = [rollout(7, STATUS)];
  const [january, change] = [Date.UTC(2026, 0, 1) / 1_000, '{gate="ctr",figure="change",unit=""}'];
  expect(await shown("ranker-7")).toEqual({
    'phase{model_revision="ranker-abc",phase="Progressing"}': 1,
    step: 2,
    steps: 4,
    weight_ratio: 0.125,
    weight_in_effect_ratio: 0.125,
    started_timestamp_seconds: january,
    step_due_timestamp_seconds: january + 3_600,
    'gate_outcome{gate="ctr",outcome="Wait",reason="TooLittle"}': 1,
    [`gate_estimate${change}`]: -0.012,
    'gate_estimate{gate="ctr",figure="p99",unit="ms"}': 12.5,
    [`gate_lower_bound${change}`]: -0.05,
    [`gate_upper_bound${change}`]: 0.02,
    // Text that is no number is none.
    [`gate_threshold${change}`]: -0.1,
    [`gate_candidate_answers${change}`]: 1_000,
    [`gate_stable_answers${change}`]: 9_000,
    'gate_no_data_since_timestamp_seconds{gate="ctr"}': january + 600,
    'gate_needed_requests{gate="ctr"}': 40_000,
    'gate_needed_seconds{gate="ctr"}': 5_400,
    'gate_exceeds_deadline{gate="ctr"}': 1,
  });
});

test("a release that nobody has looked at is pending, and says nothing else", async () => {
  current = [rollout(1, {})];
  expect(await shown("ranker-1")).toEqual({ 'phase{model_revision="ranker-abc",phase="Pending"}': 1 });
});

test("a share that is not in effect everywhere is wanted, and not told as in effect", async () => {
  const { weightInEffectAt: _, ...status } = STATUS;
  current = [rollout(7, status)];
  const series = await shown("ranker-7");
  expect(series).toHaveProperty("weight_ratio", 0.125);
  expect(series).not.toHaveProperty("weight_in_effect_ratio");
});

describe("nothing stays behind", () => {
  test("of an earlier release, of a gate or of a figure that is gone, or of a release that is deleted", async () => {
    current = [rollout(7, STATUS), rollout(8, STATUS)];
    expect(await shown("ranker-7")).toEqual({});
    expect(Object.keys(await shown("ranker-8"))).toHaveLength(19);
    current = [rollout(8, { ...STATUS, gates: [] })];
    expect(Object.keys(await shown("ranker-8"))).toHaveLength(7);
    current = [];
    expect(await registry.metrics()).not.toMatch(/^petrel_model_rollout_\w+\{/m);
  });

  test.each<[RolloutPhase, boolean]>([
    ["Pending", true],
    ["Progressing", true],
    ["Paused", true],
    ["HoldingBack", true],
    ["Returning", true],
    ["Promoting", true],
    ["Aborted", true],
    ["Promoted", false],
    ["Superseded", false],
  ])("%s: its gates are told of: %s", async (phase, areTold) => {
    current = [rollout(7, { ...STATUS, phase, endedAt: "2026-01-01T00:20:00Z" })];
    const series = Object.keys(await shown("ranker-7"));
    expect(series.some((name) => name.startsWith("gate_"))).toBe(areTold);
    expect(series).toContain("ended_timestamp_seconds");
  });
});

test("the latest release is the one with the highest number, of each ModelDeployment and namespace", () => {
  const elsewhere = rollout(1, STATUS);
  const metadata = { ...elsewhere.object.metadata, namespace: "search" };
  const moved = { ...elsewhere, object: { ...elsewhere.object, metadata } };
  const unreadable = projectRollout({ ...rollout(9, STATUS).object, spec: { number: 9 } });
  const all = [rollout(2, STATUS), rollout(10, STATUS), moved, rollout(3, STATUS, "search"), unreadable];
  const names = latestReleases(all).map(({ namespace, name }) => `${namespace}/${name}`);
  expect(names).toEqual(["shop/ranker-10", "search/ranker-1", "shop/search-3"]);
});
