/**
 * Reads the evidence of a release from the collector of its namespace, over HTTP.
 *
 * What opens the collector is read from its Secret for each reading, by its name, and kept nowhere. Bounded in time, size
 * and number; who has to wait for too long is told so, and a collector that hangs holds up no other one for longer than one
 * of its answers may take. What is not whole, or is of long ago, is no evidence: the error says what was expected.
 */
import { isGatingMetric } from "../api/quality-metrics.ts";
import type { Clock } from "../core/clock.ts";
import {
  type CollectorCounts,
  type CollectorQuestion,
  isWithin,
} from "../core/rollout/gates/collector-counts.ts";
import type { ArmCell, MetricEvidence } from "../core/rollout/gates/gate-evidence.ts";
import type { KubePort } from "../kube/port.ts";
import { HttpClient } from "../sources/http-client.ts";
import {
  type AnsweredArm,
  type AnswerPart,
  type CollectorAnswer,
  parseCollectorAnswer,
} from "../stats/collector-answer.ts";
import { KEY_DELAY_SLOTS, slotOf } from "../token/slot.ts";
import { ANSWER_TIMEOUT_MILLISECONDS, GateAnswerError } from "./ask-gate.ts";
import { collectorAddress, collectorToken, within } from "./collector-access.ts";
import { collectorBody } from "./collector-client.ts";
import { Places } from "./places.ts";

/** Reads once. Rejects when nothing came by which may be judged. */
export type AskCollector = (question: CollectorQuestion, signal: AbortSignal) => Promise<CollectorCounts>;

/** What it needs. */
export interface AskCollectorOptions {
  readonly port: Pick<KubePort, "get">;
  readonly clock: Clock;
  /** Where the collector of a namespace answers; by its Service unless given. */
  readonly addressOf?: (namespace: string) => string;
  readonly limits?: Partial<ReadingLimits>;
}

/** Times, in milliseconds. */
interface ReadingLimits {
  /** For each answer of a collector. */
  readonly answer: number;
  /** For all answers that make a reading. */
  readonly reading: number;
  /** Until it begins. Long enough to be behind others; a reading of three minutes ago is too old to judge by. */
  readonly waiting: number;
}

const LIMITS: ReadingLimits = { answer: ANSWER_TIMEOUT_MILLISECONDS, reading: 60_000, waiting: 30_000 };

const MAXIMUM_ANSWER_BYTES = 4 * 2 ** 20;
/** At one time, of all namespaces: what is read lies in memory, and a namespace could put something else in its collector's place. */
const MAXIMUM_READINGS = 4;
/** Of one namespace: a collector that is slow must not take the places of others. */
const MAXIMUM_READINGS_OF_NAMESPACE = 1;
/** Clocks of routers may be behind by so much. */
const CLOCK_TOLERANCE_SLOTS = 10;
/** Older requests than this are left out: what a collector answers about at most, and some room. */
const LONGEST_RELEASE_SLOTS = 65_000;
/** Counted so long ago, it says nothing of what happens now. Routers tell of each minute at once. */
const STALE_AFTER_SLOTS = 10;
/** The traffic is that of so many minutes. */
const RECENT_SLOTS = 10;

/** Asks collectors over HTTP. */
export function askCollectorOverHttp({
  port,
  clock,
  addressOf = collectorAddress,
  limits = {},
}: AskCollectorOptions): AskCollector {
  const client = new HttpClient({ authorities: [] });
  const { answer, reading, waiting } = { ...LIMITS, ...limits };
  const all = new Places(MAXIMUM_READINGS);
  const readings = new Map<string, Places>();
  const inTurn = async <Result>(
    namespace: string,
    signal: AbortSignal,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    const places = readings.get(namespace) ?? new Places(MAXIMUM_READINGS_OF_NAMESPACE);
    readings.set(namespace, places);
    const late = `expected the collector to be done with other releases within ${waiting} ms`;
    try {
      const leave = await within(waiting, late, signal, async (limited) => {
        const leaveOwn = await places.take(limited);
        try {
          const leaveAll = await all.take(limited);
          return () => {
            leaveAll();
            leaveOwn();
          };
        } catch (error) {
          leaveOwn();
          throw error;
        }
      });
      return await work().finally(leave);
    } finally {
      if (places.isIdle) readings.delete(namespace);
    }
  };
  return (question, signal) =>
    inTurn(question.namespace, signal, async () => {
      signal.throwIfAborted();
      const token = await collectorToken(port, question.namespace);
      const names = question.metrics.map(({ name }) => name);
      const readIn =
        (whole: AbortSignal): Read =>
        async (from, to, { parts = [], metrics = names, isOfShares = true }) => {
          const url = new URL("evidence", addressOf(question.namespace));
          url.searchParams.set("deployment", question.deployment);
          url.searchParams.set("from", String(from));
          if (to !== undefined) url.searchParams.set("to", String(to));
          for (const name of metrics) url.searchParams.append("metric", name);
          for (const part of ["impressions", ...parts]) url.searchParams.append("part", part);
          for (const { firstEpoch, lastEpoch } of isOfShares ? question.shares : []) {
            url.searchParams.append("epochs", `${firstEpoch}-${lastEpoch}`);
          }
          const late = `the collector did not answer within ${answer} ms`;
          const text = await within(answer, late, whole, (limited) =>
            collectorBody(client, { url, token, maximumBytes: MAXIMUM_ANSWER_BYTES }, limited),
          );
          const said = parseCollectorAnswer(text, question.deployment, metrics, "the collector", parts);
          if (said.range.first !== from || said.range.last !== (to ?? said.countedThrough ?? 0)) {
            throw new GateAnswerError("expected the collector to answer about the time that was asked for");
          }
          if (!isOfShares) return said;
          // An earlier version answers about all epochs, each by itself.
          const isOurs = (arm: AnsweredArm) => question.shares.some((share) => isWithin(share, arm));
          return { ...said, arms: said.arms.filter(isOurs) };
        };
      const late = `the collector did not give all answers within ${reading} ms`;
      return within(reading, late, signal, (whole) => countsOf(question, clock.now(), readIn(whole)));
    });
}

/** What one answer is to hold, beside the answers of all arms. */
interface Wish {
  readonly parts?: readonly AnswerPart[];
  /** Of these metrics alone. */
  readonly metrics?: readonly string[];
  /** Under the plans of the release alone, those of one share added up; else under all, each by itself. */
  readonly isOfShares?: boolean;
}

type Read = (from: number, to: number | undefined, wish: Wish) => Promise<CollectorAnswer>;

async function countsOf(
  { fromMilliseconds, shares, metrics }: CollectorQuestion,
  nowMilliseconds: number,
  read: Read,
): Promise<CollectorCounts> {
  const names = metrics.map(({ name }) => name);
  const nowSlot = slotOf(nowMilliseconds / 1_000);
  const begunSlot = slotOf(fromMilliseconds / 1_000) - CLOCK_TOLERANCE_SLOTS;
  const from = Math.max(0, begunSlot, nowSlot - LONGEST_RELEASE_SLOTS);
  // Without a name it would be the sums of all metrics.
  const parts: readonly AnswerPart[] = names.length === 0 ? ["checks"] : ["arrived", "checks"];
  const arrived = await read(from, undefined, { parts });
  const { countedThrough } = arrived;
  if (countedThrough === undefined) {
    throw new GateAnswerError("no router has told the collector of any request yet");
  }
  if (countedThrough < nowSlot - STALE_AFTER_SLOTS) {
    const minutes = nowSlot - countedThrough;
    throw new GateAnswerError(`no router has told the collector of any request for ${minutes} minutes`);
  }
  const recent = await read(Math.max(0, countedThrough - RECENT_SLOTS + 1), countedThrough, {
    metrics: names.slice(0, 1),
    isOfShares: false,
  });
  requireRecent(recent);
  const settled = settledSlot(arrived);
  // Where users are drawn, it does not matter how often they come.
  const isCounted = settled <= countedThrough && shares.every(({ drawnBy }) => drawnBy === "Request");
  const requests = isCounted
    ? (await read(settled, countedThrough, { metrics: names.slice(0, 1) })).arms
    : [];
  const matured = new Map<number, readonly AnsweredArm[]>();
  for (const { maturesSeconds } of metrics) {
    if (matured.has(maturesSeconds)) continue;
    // The last minute whose last request is old enough by now.
    const last = Math.min(countedThrough, slotOf(nowMilliseconds / 1_000 - maturesSeconds) - 1);
    const alike = metrics.filter((metric) => metric.maturesSeconds === maturesSeconds);
    const wish: Wish = { parts: ["matured"], metrics: alike.map(({ name }) => name) };
    matured.set(maturesSeconds, last < from ? [] : (await read(from, last, wish)).arms);
  }
  const usable = new Map<string, MetricEvidence>();
  const unusable = new Map<string, string>();
  for (const metric of metrics) {
    const { name, maturesSeconds } = metric;
    const problem = problemOf(metric, arrived, from);
    if (problem !== undefined) unusable.set(name, problem);
    else {
      usable.set(name, {
        metric: {
          values: arrived.metrics.get(name)?.zeroOrOne === true ? "ZeroOne" : "Amount",
          better: metric.better,
        },
        maturesMilliseconds: maturesSeconds * 1_000,
        arrived: cellsOf(arrived.arms, name, "arrived"),
        matured: cellsOf(matured.get(maturesSeconds) ?? [], name, "matured"),
      });
    }
  }
  return {
    metrics: usable,
    unusable,
    requests: requestsOf(requests),
    recentRequests: requestsOf(recent.arms),
    armChecks: arrived.arms.flatMap(({ epoch, lastEpoch, arm, armChecks }) =>
      armName(arm) === undefined || armChecks === undefined ? [] : [{ epoch, lastEpoch, ...armChecks }],
    ),
    newUsers: arrived.arms.flatMap(({ arm, newUsers = [] }) => {
      const name = armName(arm);
      return name === undefined ? [] : newUsers.map(({ epoch, users }) => ({ epoch, arm: name, users }));
    }),
    requestsPerSecond: rateOf(recent),
  };
}

/** What was counted before says nothing of now, when a router has been silent or has lost its log since. */
function requireRecent({ range, voidedSlots }: CollectorAnswer): void {
  const minutes = range.last - range.first + 1;
  if (voidedSlots < minutes) return;
  throw new GateAnswerError(
    `a part of the log of a router is missing: none of the last ${minutes} minutes is counted`,
  );
}

function requestsOf(arms: readonly AnsweredArm[]): CollectorCounts["requests"] {
  return arms.flatMap(({ epoch, lastEpoch, arm, requests }) => {
    const name = armName(arm);
    return name === undefined ? [] : [{ epoch, lastEpoch, arm: name, requests }];
  });
}

/** From when on every answer under the shares is counted; never, as long as none of the candidate is. */
function settledSlot({ arms }: CollectorAnswer): number {
  const firsts = arms.filter(({ arm }) => armName(arm) === "Candidate").map(({ firstSlot }) => firstSlot);
  // Answers that are not counted for want of a key would be taken for requests that go astray.
  return Math.min(...firsts) + KEY_DELAY_SLOTS;
}

/** Why a metric cannot be judged by; undefined when it can. */
function problemOf(
  { name, type, label, maturesSeconds }: CollectorQuestion["metrics"][number],
  { metrics, countedThrough = 0 }: CollectorAnswer,
  from: number,
): string | undefined {
  if (!isGatingMetric(type)) return `revisions cannot be compared by ${type}`;
  const counted = metrics.get(name);
  if (counted === undefined) return "the collector does not count it yet";
  const isAsked =
    counted.type === type && counted.label === label && counted.maturesSeconds === maturesSeconds;
  if (!isAsked) return "the collector counts it as an earlier spec says, still";
  if (counted.rebuilding) return "the collector is working its sums out";
  if (counted.firstSlot > Math.min(from, countedThrough)) {
    return "the collector has its sums only for a part of the release";
  }
  return undefined;
}

/** Of both arms under every share. Arms of experiments are no part of a release. */
function cellsOf(
  arms: readonly AnsweredArm[],
  metric: string,
  sum: "arrived" | "matured",
): readonly ArmCell[] {
  return arms.flatMap(({ epoch, lastEpoch, arm, metrics }) => {
    const name = armName(arm);
    const cell = metrics.get(metric)?.[sum];
    return name === undefined || cell === undefined ? [] : [{ epoch, lastEpoch, arm: name, ...cell }];
  });
}

function armName(arm: number): ArmCell["arm"] | undefined {
  if (arm === 0) return "Stable";
  return arm === 1 ? "Candidate" : undefined;
}

function rateOf({ arms, range, voidedSlots }: CollectorAnswer): number {
  const seconds = (range.last - range.first + 1 - voidedSlots) * 60;
  const requests = arms
    .filter(({ arm }) => armName(arm) !== undefined)
    .reduce((sum, arm) => sum + arm.requests, 0);
  return seconds > 0 ? requests / seconds : 0;
}
