/**
 * What has to be asked for the gates of a release: whom, and in which words. Pure; who asks is elsewhere.
 *
 * Names go into queries as they are: all of them are names of objects of Kubernetes, which can close no quote.
 */

import { parseDurationMilliseconds } from "../../../api/duration.ts";
import type { RolloutShare } from "../../../api/model-rollout.ts";
import type { QualitySpec } from "../../../api/quality.ts";
import { directionOfMetric, labelOfMetric } from "../../../api/quality-metrics.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";
import type { AskedMetric, CollectorQuestion } from "./collector-counts.ts";
import type { RoutersQuestion } from "./service-counts.ts";
import type { ShadowQuestion } from "./shadow-evidence.ts";

/** One question. */
export type GateQuestion = UrlQuestion | CollectorQuestion | RoutersQuestion | ShadowQuestion;

/** By what a question is known: an answer to one is an answer to all of this name. */
export function questionName(question: GateQuestion): string {
  // Each plan of the traffic adds to the shares, and none is taken from them: what was answered before is still so.
  if (question.type === "Collector") return JSON.stringify({ ...question, shares: [] });
  // Likewise, and a router that comes or goes is no other question.
  if (question.type === "Shadow") return JSON.stringify({ ...question, epochs: question.epochs.first });
  if (question.type === "Routers") {
    return JSON.stringify({ ...question, addresses: [], epochs: question.epochs.first });
  }
  return JSON.stringify(question);
}

/** What one gate asks where it says. */
export interface UrlQuestion {
  /** Name of the gate. */
  readonly gate: string;
  readonly type: "PrometheusQuery" | "WebHook";
  /** As the gate declares it. */
  readonly url: string;
  /** PromQL, or JSON for a web hook. */
  readonly text: string;
}

/** What a question may name. */
export interface AskedRelease {
  readonly namespace: string;
  readonly deployment: string;
  readonly candidate: string;
  readonly stable: string;
  /** Name of the ModelRollout. */
  readonly rollout: string;
  readonly step: number;
  readonly steps: number;
  /** As a percentage. */
  readonly weight: string;
  /** Since when every router gives the share of the step: what is answered before is about no step. Absent while one does not. */
  readonly inEffectAtMilliseconds?: number;
  /** The plans that give this share; absent before there is one. */
  readonly epochs?: RoutersQuestion["epochs"];
  /** IP addresses of the routers that may have sent requests; absent while one of them has none. */
  readonly routers?: readonly string[];
  readonly startedAtMilliseconds: number;
  /** By which plans of the traffic the candidate had a share so far. */
  readonly shares: readonly RolloutShare[];
  /** What is counted; absent where nothing is. */
  readonly quality?: QualitySpec;
  /** The plans that mirror requests in this step; absent in every other step, and before there is one. */
  readonly mirrored?: ShadowQuestion["epochs"];
}

/** Whether any of these gates compares the arms by what the collector counts. */
export function comparesArms(gates: readonly GateSpec[]): boolean {
  return gates.some(({ type }) => type === "Quality");
}

/** Whether any of these gates judges how the arms serve, by what the routers count. */
export function judgesService(gates: readonly GateSpec[]): boolean {
  return gates.some(({ type }) => type === "Latency" || type === "Errors");
}

/**
 * The questions of these gates: those that ask where they say, in their order, then one to the routers and one to the
 * collector, where these count anything that a gate judges by.
 */
export function gateQuestions(gates: readonly GateSpec[], release: AskedRelease): readonly GateQuestion[] {
  const { namespace, deployment, mirrored } = release;
  if (mirrored !== undefined) {
    return [...urlQuestions(gates, release), { type: "Shadow", namespace, deployment, epochs: mirrored }];
  }
  return [
    ...urlQuestions(gates, release),
    ...routersQuestions(gates, release),
    ...collectorQuestions(gates, release),
  ];
}

function routersQuestions(
  gates: readonly GateSpec[],
  { deployment, routers: addresses, inEffectAtMilliseconds: fromMilliseconds, epochs }: AskedRelease,
): readonly RoutersQuestion[] {
  if (!judgesService(gates) || addresses === undefined) return [];
  if (fromMilliseconds === undefined || epochs === undefined) return [];
  return [{ type: "Routers", deployment, addresses, fromMilliseconds, epochs }];
}

function collectorQuestions(
  gates: readonly GateSpec[],
  { namespace, deployment, startedAtMilliseconds, shares, quality }: AskedRelease,
): readonly CollectorQuestion[] {
  const isJudged = comparesArms(gates) || shares.some(({ drawnBy }) => drawnBy === "User");
  if (quality === undefined || shares.length === 0 || !isJudged) return [];
  const names = new Set(gates.flatMap((gate) => gate.quality?.metric ?? []));
  const metrics = askedMetrics(quality).filter(({ name }) => names.has(name));
  const fromMilliseconds = startedAtMilliseconds;
  return [{ type: "Collector", namespace, deployment, fromMilliseconds, shares, metrics }];
}

function askedMetrics({ labels, metrics }: QualitySpec): readonly AskedMetric[] {
  return metrics.flatMap((metric) => {
    const { name, type } = metric;
    const label = labelOfMetric(metric);
    const matures = labels.find((declared) => declared.name === label)?.matures;
    if (matures === undefined) return [];
    const better = directionOfMetric(metric);
    return [{ name, type, label, better, maturesSeconds: parseDurationMilliseconds(matures) / 1_000 }];
  });
}

function urlQuestions(gates: readonly GateSpec[], release: AskedRelease): readonly UrlQuestion[] {
  if (release.inEffectAtMilliseconds === undefined) return [];
  return gates.flatMap(({ name, type, prometheusQuery, webHook }): UrlQuestion[] => {
    if (type === "PrometheusQuery" && prometheusQuery !== undefined) {
      const { url, query } = prometheusQuery;
      return [{ gate: name, type, url, text: withNames(query, release) }];
    }
    if (type !== "WebHook" || webHook === undefined) return [];
    const { deployment, rollout, namespace, candidate, stable, step, steps, weight } = release;
    const text = JSON.stringify({
      gate: name,
      namespace,
      modelDeployment: deployment,
      modelRollout: rollout,
      candidate,
      stable,
      step,
      steps,
      weight,
    });
    return [{ gate: name, type, url: webHook.url, text }];
  });
}

const NAMED = ["namespace", "deployment", "candidate", "stable"] as const;

function withNames(query: string, release: AskedRelease): string {
  return query.replace(/\$\((\w+)\)/g, (whole, word: string) => {
    const named = NAMED.find((name) => name === word);
    return named === undefined ? whole : release[named];
  });
}
