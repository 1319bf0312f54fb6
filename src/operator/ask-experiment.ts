/**
 * Reads the evidence of an experiment from the collector of its namespace, over HTTP: what was counted of each arm.
 *
 * What is not whole, or is of long ago, is no evidence: the error says what was expected.
 */
import { ARM_NUMBER } from "../api/arm.ts";
import type {
  ExperimentCounts,
  ExperimentQuestion,
  NumberedCell,
} from "../core/experiment/experiment-question.ts";
import { isWithin } from "../core/rollout/gates/collector-counts.ts";
import type { AnsweredArm } from "../stats/collector-answer.ts";
import { KEY_DELAY_SLOTS, slotOf } from "../token/slot.ts";
import { problemOf, requireCounted } from "./ask-collector.ts";
import { type CollectorReadings, firstSlotSince, type ReadAnswer } from "./collector-readings.ts";

/** Reads once. Rejects when nothing came by which may be judged. */
export type AskExperiment = (question: ExperimentQuestion, signal: AbortSignal) => Promise<ExperimentCounts>;

/** Asks collectors over HTTP. */
export function askExperimentOverHttp(readings: CollectorReadings): AskExperiment {
  return (question, signal) =>
    readings.make(question, signal, (read) => countsOf(question, readings.clock.now(), read));
}

async function countsOf(
  { fromMilliseconds, shares, arms: asked, metrics }: ExperimentQuestion,
  nowMilliseconds: number,
  read: ReadAnswer,
): Promise<ExperimentCounts> {
  const names = metrics.map(({ name }) => name);
  const from = firstSlotSince(fromMilliseconds, nowMilliseconds);
  const isOurs = (answered: AnsweredArm) =>
    asked.includes(answered.arm) && shares.some((share) => isWithin(share, answered));
  const arrived = await read({ from, metrics: names, parts: ["arrived", "checks"], epochs: shares });
  const countedThrough = requireCounted(arrived, slotOf(nowMilliseconds / 1_000));
  const ours = arrived.arms.filter(isOurs);
  const settled = settledSlot(ours, asked);
  // Where users are drawn, it does not matter how often they come.
  const isCounted = settled <= countedThrough && shares.every(({ drawnBy }) => drawnBy === "Request");
  const requests = isCounted
    ? (
        await read({ from: settled, to: countedThrough, metrics: names.slice(0, 1), epochs: shares })
      ).arms.filter(isOurs)
    : [];
  const cells = new Map<string, { metric: ReturnType<typeof gateMetric>; ofArms: readonly NumberedCell[] }>();
  const unusable = new Map<string, string>();
  for (const metric of metrics) {
    const { name } = metric;
    const problem = problemOf(metric, arrived, from);
    if (problem !== undefined) unusable.set(name, problem);
    else {
      const zeroOrOne = arrived.metrics.get(name)?.zeroOrOne === true;
      cells.set(name, { metric: gateMetric(metric, zeroOrOne), ofArms: cellsOf(ours, name) });
    }
  }
  return {
    cells,
    unusable,
    requests: requests.map(({ epoch, lastEpoch, arm, requests: count }) => ({
      epoch,
      lastEpoch,
      arm,
      count,
    })),
    newUsers: ours.flatMap(({ arm, newUsers = [] }) =>
      newUsers.map(({ epoch, users }) => ({ epoch, arm, count: users })),
    ),
    armChecks: ours.flatMap(({ epoch, lastEpoch, armChecks }) =>
      armChecks === undefined ? [] : [{ epoch, lastEpoch, ...armChecks }],
    ),
  };
}

function gateMetric({ better }: ExperimentQuestion["metrics"][number], zeroOrOne: boolean) {
  return { values: zeroOrOne ? "ZeroOne" : "Amount", better } as const;
}

function cellsOf(arms: readonly AnsweredArm[], metric: string): readonly NumberedCell[] {
  return arms.flatMap(({ epoch, lastEpoch, arm, metrics }) => {
    const cell = metrics.get(metric)?.arrived;
    return cell === undefined ? [] : [{ epoch, lastEpoch, arm, ...cell }];
  });
}

/**
 * From when on every answer of all arms is counted; never, as long as there is an arm of which none is. Those of a model that
 * is new begin later: its pods get their keys first.
 */
function settledSlot(arms: readonly AnsweredArm[], asked: readonly number[]): number {
  const firsts = asked
    .filter((number) => number !== ARM_NUMBER.Stable && number !== ARM_NUMBER.Holdout)
    .map((number) => Math.min(...arms.flatMap(({ arm, firstSlot }) => (arm === number ? [firstSlot] : []))));
  return Math.max(...firsts) + KEY_DELAY_SLOTS;
}
