/**
 * Petrel's own gates as the planner of releases asks them: declared, judged and settled by its code, with what they said
 * at the look before, and nothing of them here.
 */
import type { GateStatus } from "../../src/api/gate-status.ts";
import type { GateSpec } from "../../src/api/rollout-gates.ts";
import { FULL_WEIGHT } from "../../src/api/traffic-plan.ts";
import type { ArmCell, MetricEvidence } from "../../src/core/rollout/gates/gate-evidence.ts";
import { judgeGates } from "../../src/core/rollout/gates/judge-gates.ts";
import { QUALITY_ALPHA } from "../../src/core/rollout/gates/quality.ts";
import type { GateMetric } from "../../src/stats/evidence.ts";
import type { Gate, Look } from "./gate.ts";

/** The probability of a false alarm that all gates here are set to. */
export const ALPHA = QUALITY_ALPHA;

const MINUTE_MILLISECONDS = 60_000;

/** A quality gate that is shown the labels as soon as the answers. It says what it says of a step after each look. */
function qualityGate(
  metric: GateMetric,
  margin: string,
  isLast: boolean,
): () => (look: Look) => GateStatus | undefined {
  const spec: GateSpec = {
    name: "quality",
    type: "Quality",
    quality: { metric: "clicks", nonInferiorityMargin: margin },
  };
  return () => {
    let before: readonly GateStatus[] = [];
    return (look) => {
      const nowMilliseconds = look.minute * MINUTE_MILLISECONDS;
      const cells = cellsOf(look);
      const clicks: MetricEvidence = { metric, maturesMilliseconds: 0, arrived: cells, matured: cells };
      const recentRequests = cells.map(({ epoch, arm }) => ({ epoch, arm, requests: 1 }));
      const value = { metrics: new Map([["clicks", clicks]]), requestsPerSecond: 0, recentRequests };
      const epochs = { first: 0, last: look.evidence.length - 1 };
      const weight = look.share * FULL_WEIGHT;
      before = judgeGates({
        declared: [spec],
        before,
        step: { nowMilliseconds, weight, epochs, isLast, inEffectAtMilliseconds: 0 },
        evidence: {
          collected: { kind: "Whole", atMilliseconds: nowMilliseconds, value },
          queries: new Map(),
          hooks: new Map(),
        },
      }).map(({ status }) => status);
      return before.find(({ name }) => name === spec.name);
    };
  };
}

function cellsOf({ evidence }: Look): readonly ArmCell[] {
  return evidence.flatMap(({ candidate, stable }, epoch): ArmCell[] => [
    { ...candidate, epoch, arm: "Candidate" },
    { ...stable, epoch, arm: "Stable" },
  ]);
}

function harmGate(name: string, metric: GateMetric): Gate {
  const start = qualityGate(metric, "10%", false);
  return {
    name,
    start: () => {
      const judge = start();
      return (look) => judge(look)?.outcome === "Fail";
    },
  };
}

/** Harm of clicks: the default gate. */
export const harmOfClicks = harmGate("Petrel, clicks", { values: "ZeroOne", better: "Higher" });

/** The same clicks, judged as amounts are. */
export const harmOfAmounts = harmGate("Petrel, as amounts", { values: "Amount", better: "Higher" });

/** Clicks where fewer are better, as refusals are. */
export const harmOfRefusals = harmGate("Petrel, lower is better", { values: "ZeroOne", better: "Lower" });

/** "Raises the alarm" when it would promote. */
export function promotion(margin: number, better: "Higher" | "Lower"): Gate {
  const start = qualityGate({ values: "ZeroOne", better }, `${margin * 100}%`, true);
  return {
    name: `Petrel, not worse by ${margin * 100} %${better === "Lower" ? ", lower is better" : ""}`,
    start: () => {
      const judge = start();
      return (look) => judge(look)?.outcome === "Pass";
    },
  };
}
