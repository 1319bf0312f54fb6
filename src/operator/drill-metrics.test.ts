/**
 * FailoverDrills as metrics: where they are, how they ended, and which one of each ModelDeployment ended last.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { drillSpec } from "../../test/fixtures/drilled-world.ts";
import type { FailoverDrillStatus } from "../api/drill-status.ts";
import { showDrills, shownDrills } from "./drill-metrics.ts";
import { type DrillSummary, projectDrill } from "./projections/drill.ts";

function drill(name: string, status: FailoverDrillStatus, modelDeployment = "ranker"): DrillSummary {
  return projectDrill({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "FailoverDrill",
    metadata: { name, namespace: "shop", uid: name, resourceVersion: "1" },
    spec: { ...drillSpec(), modelDeployment },
    status,
  });
}

function ended(outcome: "Passed" | "Failed", reason: string, hour: number): FailoverDrillStatus {
  const verdict = { outcome, reason, message: "" };
  return { phase: "Ended", since: `2026-01-01T0${hour}:00:00.000Z`, verdict };
}

let current: DrillSummary[] | undefined;
let registry: Registry;

beforeEach(() => {
  registry = new Registry();
  showDrills(registry, () => (current === undefined ? undefined : shownDrills(current)));
});

async function lines(): Promise<readonly string[]> {
  const text = await registry.metrics();
  return text.split("\n").filter((line) => /^petrel_.* [^0]/.test(line));
}

const PASSED = ended("Passed", "WithinObjectives", 2);
const AT = Date.UTC(2026, 0, 1, 2) / 1_000;

test("each drill counts by its phase, and once it has ended by its outcome", async () => {
  const judged = { ...ended("Failed", "NotRecovered", 3), phase: "Removing" } as const;
  current = [
    drill("one", PASSED),
    drill("two", judged),
    drill("three", {}),
    drill("four", { phase: "Control" }),
  ];
  expect(await lines()).toEqual([
    'petrel_failover_drills{phase="Pending"} 1',
    'petrel_failover_drills{phase="Control"} 1',
    'petrel_failover_drills{phase="Removing"} 1',
    'petrel_failover_drills{phase="Ended"} 1',
    'petrel_failover_drill_verdicts{outcome="Passed"} 1',
    `petrel_failover_drill_ended_timestamp_seconds{namespace="shop",model_deployment="ranker",failover_drill="one",outcome="Passed",reason="WithinObjectives"} ${AT}`,
  ]);
});

test("what nobody has is told as 0, so that a first one can be seen", async () => {
  current = [];
  const text = await registry.metrics();
  expect(text).toContain('petrel_failover_drills{phase="Observing"} 0');
  expect(text).toContain('petrel_failover_drill_verdicts{outcome="Failed"} 0');
});

test("of those that ended, the last one of each ModelDeployment is told of, and nothing stays behind", async () => {
  const last = async () =>
    (await lines()).flatMap(
      (line) => /failover_drill="(\w+)",outcome="(\w+)"/.exec(line)?.slice(1).join(" ") ?? [],
    );
  const failed = ended("Failed", "NotRecovered", 3);
  current = [drill("late", failed), drill("early", PASSED), drill("other", PASSED, "search")];
  expect(await last()).toEqual(["late Failed", "other Passed"]);
  current = [drill("early", PASSED)];
  expect(await last()).toEqual(["early Passed"]);
  current = undefined;
  expect(await registry.metrics()).not.toMatch(/^petrel_\w+\{/m);
});
