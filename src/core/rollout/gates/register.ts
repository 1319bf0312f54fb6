/**
 * Every gate. All of them have to pass before a step ends; one that fails gives the release up. A new gate is one file,
 * one line here and one row in the conformance test.
 */
import type { GateType } from "../../../api/rollout-gates.ts";
import { assignedArms } from "./assigned-arms.ts";
import { candidateReplicas } from "./candidate-replicas.ts";
import { errorsGate } from "./errors.ts";
import type { Gate } from "./gate.ts";
import type { CountGate, GateKind } from "./judgement.ts";
import { latencyGate } from "./latency.ts";
import { prometheusQueryGate } from "./prometheus-query.ts";
import { qualityGate } from "./quality.ts";
import { sampleRatio } from "./sample-ratio.ts";
import { shadowAgreement } from "./shadow-agreement.ts";
import { shadowAnswers } from "./shadow-answers.ts";
import type { ShadowGate } from "./shadow-gate.ts";
import { shadowLatency } from "./shadow-latency.ts";
import { shadowRankCorrelation } from "./shadow-rank-correlation.ts";
import { webHookGate } from "./web-hook.ts";

/** The gates that are always on, in the order in which they are reported. */
export const GATES: readonly Gate[] = [candidateReplicas];

/** Those that are always on where requests are counted. */
export const COUNT_GATES: readonly CountGate[] = [assignedArms, sampleRatio];

/** Those of mirrored requests, on where the strategy has a bound for them. */
export const SHADOW_GATES: readonly ShadowGate[] = [
  shadowAnswers,
  shadowAgreement,
  shadowRankCorrelation,
  shadowLatency,
];

/** Those that people declare, by type. */
export const GATE_KINDS: Readonly<Record<GateType, GateKind>> = {
  Quality: qualityGate,
  Latency: latencyGate,
  Errors: errorsGate,
  PrometheusQuery: prometheusQueryGate,
  WebHook: webHookGate,
};
