/**
 * What gates on the service ask of the figures before they look at them: numbers that can be, enough warm pods, and
 * loads that can be compared.
 *
 * One pod may sit on a bad node, and a cold one is slow: with fewer than two that are warm nothing is known of the
 * candidate. How it serves with a fraction of stable's load says little of how it will serve with all of it.
 */
import type { ArmService, GateEvidence, ServiceFigures, StepView } from "./gate-evidence.ts";
import { type Judgement, judgeKnown, noData } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";

/** Warm pods of the candidate that the gates need. */
export const LEAST_WARM_PODS = 2;
/** Loads of a pod may differ by this factor and are still comparable. */
const COMPARABLE_FACTOR = 2;

/** Judges the figures, if they may be judged by. */
export function judgeService(
  { service }: GateEvidence,
  step: StepView,
  judge: (figures: ServiceFigures) => Judgement,
): Judgement {
  const knowledge = knowledgeOf(service, "figures of the service", step.nowMilliseconds);
  return judgeKnown(knowledge, (figures) => {
    const fault = serviceFault(figures);
    if (fault !== undefined) return noData({ reason: `figures of the service: ${fault}` }, "FiguresFaulty");
    const { warmPods } = figures.candidate;
    if (warmPods >= LEAST_WARM_PODS) return judge(figures);
    const message = `${warmPods} of the ${LEAST_WARM_PODS} warm pods that are needed of the candidate`;
    return { verdict: "TooLittle", reason: "TooFewPods", message };
  });
}

/**
 * Requests to a pod of the candidate for each to one of stable, also those that are not compared: they are work as well. Not a number where nothing is known.
 */
export function relativeLoad({ candidate, stable }: ServiceFigures): number {
  const load = ({ warmPods, minutes }: ArmService) =>
    minutes.reduce((sum, { firstTries, uncompared = 0 }) => sum + firstTries + uncompared, 0) /
    (warmPods * minutes.length);
  return load(candidate) / load(stable);
}

/** With more load than this it may be worse than stable without being so. */
export function isLoadedMore(load: number): boolean {
  return load > COMPARABLE_FACTOR;
}

/** With less load than this it may be as good as stable without being so. Also when nothing is known. */
export function isLoadedLess(load: number): boolean {
  return !(load >= 1 / COMPARABLE_FACTOR);
}

function serviceFault({ latencyEdgesMilliseconds: edges, ...arms }: ServiceFigures): string | undefined {
  const falling = edges.findIndex(
    (edge, index) => !(edge > (edges[index - 1] ?? 0) && edge < Number.POSITIVE_INFINITY),
  );
  if (falling >= 0) return `edge ${falling} of the latency is ${edges[falling]}`;
  for (const [name, { warmPods, minutes }] of Object.entries(arms)) {
    if (!isCount(warmPods)) return `${name} has ${warmPods} warm pods`;
    for (const { firstTries, errors, latencies, uncompared = 0 } of minutes) {
      if (!isCount(uncompared)) return `${name} has ${uncompared} requests that are not compared`;
      if (!isCount(firstTries)) return `${name} has ${firstTries} first tries in a minute`;
      if (!(isCount(errors) && errors <= firstTries)) return `${name} has ${errors} errors of ${firstTries}`;
      if (latencies.length !== edges.length + 1 || !latencies.every(isCount)) {
        return `${name} has no count for each bucket of the latency`;
      }
      const timed = latencies.reduce((sum, count) => sum + count, 0);
      if (timed > firstTries) return `${name} has ${timed} latencies of ${firstTries} first tries`;
    }
  }
  return undefined;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
