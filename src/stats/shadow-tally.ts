/**
 * Counts pairs of answers, one by stable and one by the candidate to a copy of the same request, as they are found.
 *
 * Its room does not grow with the requests: sums for each group of users, and minutes of the last day.
 */
import { USER_GROUPS } from "./evidence.ts";
import { type ArmTries, addTries, blockOf, mergeWindows, noTries, type TryWindow } from "./first-tries.ts";
import { isSameBest, isSameOrder, isTied, kendallTau, largestDifference } from "./rank-agreement.ts";
import { ofShadowSums, SCORE_TOLERANCES, type ShadowCounts, type ShadowSum } from "./shadow-counts.ts";

/** One answer. */
export interface ShadowAnswer {
  /** As HTTP has it. */
  readonly status: number;
  readonly latencyMilliseconds: number;
  /** Of the whole request. */
  readonly rows: number;
  /** Of the first rows; NaN for one that is missing. */
  readonly scores: readonly number[];
}

const MINUTE_SECONDS = 60;
/** Minutes are kept one by one for so long, then ten together, and then not at all. */
const [SINGLE_MINUTES, KEPT_MINUTES] = [60, 1_440];

/** The counts of one plan of the traffic. */
export class ShadowTally {
  readonly #epoch: number;
  readonly #edges: readonly number[];
  readonly #sums = ofShadowSums(() => new Float64Array(USER_GROUPS));
  readonly #within = SCORE_TOLERANCES.map(() => new Float64Array(USER_GROUPS));
  #windows: readonly TryWindow[] = [];
  #lastPairSeconds: number | undefined;

  /** @param edgesMilliseconds of the buckets of latency, ascending. */
  constructor(epoch: number, edgesMilliseconds: readonly number[]) {
    this.#epoch = epoch;
    this.#edges = edgesMilliseconds;
  }

  /**
   * Counts a request that stable answered well: at once, before anything is known of the candidate's answer. One that was
   * waited for first would leave out those without an answer just when there is little else to go by.
   */
  addOriginal(group: number): void {
    this.#add("originals", group, 1);
  }

  /** Counts that both answers to a counted request are known now. */
  addPair(group: number, stable: ShadowAnswer, candidate: ShadowAnswer, nowSeconds: number): void {
    this.#add("pairs", group, 1);
    this.#lastPairSeconds = Math.max(this.#lastPairSeconds ?? 0, Math.floor(nowSeconds));
    const isAnswered = isComparable(stable, candidate);
    if (isAnswered) this.#add("answered", group, 1);
    const told = isAnswered ? Math.min(stable.scores.length, candidate.scores.length) : stable.scores.length;
    const isList = stable.rows > 1 && told > 1;
    if (isList) this.#add("lists", group, 1);
    if (isAnswered)
      this.#compare(group, stable.scores.slice(0, told), candidate.scores.slice(0, told), isList);
    this.#serve(nowSeconds, stable, candidate);
  }

  /** What was counted so far. */
  counts(): ShadowCounts {
    return {
      sums: this.#sums,
      within: this.#within,
      service: { edgesMilliseconds: this.#edges, windows: this.#windows },
      ...(this.#lastPairSeconds === undefined ? {} : { lastPairSeconds: this.#lastPairSeconds }),
    };
  }

  #add(name: ShadowSum, group: number, amount: number): void {
    const sum = this.#sums[name];
    sum[group] = (sum[group] ?? 0) + amount;
  }

  #compare(group: number, one: readonly number[], other: readonly number[], isList: boolean): void {
    const difference = largestDifference({ one, other });
    SCORE_TOLERANCES.forEach((tolerance, at) => {
      const counts = this.#within[at];
      // Scores of single precision differ by as much as they are rounded.
      if (counts !== undefined && difference <= tolerance * (1 + 1e-6))
        counts[group] = (counts[group] ?? 0) + 1;
    });
    if (!isList) return;
    if (isSameBest({ one, other })) this.#add("sameBest", group, 1);
    if (isSameOrder({ one, other })) this.#add("sameOrder", group, 1);
    if (isTied(one)) return;
    // A candidate that gives all rows the same score has no order that could go with stable's.
    const tau = kendallTau({ one, other }) ?? 0;
    this.#add("correlated", group, 1);
    this.#add("correlation", group, tau);
  }

  #serve(nowSeconds: number, stable: ShadowAnswer, candidate: ShadowAnswer): void {
    const slot = Math.floor(nowSeconds / MINUTE_SECONDS);
    const window: TryWindow = {
      slot,
      minutes: 1,
      epoch: this.#epoch,
      candidate: this.#triesOf(candidate),
      stable: this.#triesOf(stable),
      uncompared: 0,
    };
    const last = this.#windows.at(-1);
    if (last?.slot === slot && last.minutes === 1) {
      const both = {
        ...last,
        candidate: addTries(last.candidate, window.candidate),
        stable: addTries(last.stable, window.stable),
      };
      this.#windows = [...this.#windows.slice(0, -1), both];
      return;
    }
    const kept = [...this.#windows, window].filter((one) => one.slot > slot - KEPT_MINUTES);
    this.#windows = mergeWindows(kept, (block) => block < blockOf(slot - SINGLE_MINUTES));
  }

  #triesOf({ status, latencyMilliseconds }: ShadowAnswer): ArmTries {
    const { latencies } = noTries(this.#edges);
    const above = this.#edges.findIndex((edge) => latencyMilliseconds < edge);
    const bucket = above < 0 ? this.#edges.length : above;
    const isError = status >= 500 || status === 429;
    return {
      tries: 1,
      errors: isError ? 1 : 0,
      // An error takes no time that says anything of answers.
      latencies: isError ? latencies : latencies.map((_, at) => (at === bucket ? 1 : 0)),
    };
  }
}

/** Whether an answer is a good one, with the score of each row that it tells of. */
export function isScored({ status, scores }: Pick<ShadowAnswer, "status" | "scores">): boolean {
  return status === 200 && scores.length > 0 && scores.every(Number.isFinite);
}

/**
 * Whether both answers are good ones to the same rows. One may tell of fewer of these: how many is a setting, which may reach
 * the pods of one revision before those of the other.
 */
function isComparable(stable: ShadowAnswer, candidate: ShadowAnswer): boolean {
  return isScored(stable) && isScored(candidate) && candidate.rows === stable.rows;
}

/** The counts of several plans together. */
export function sumOfShadowCounts(all: readonly ShadowCounts[]): ShadowCounts {
  const added = (parts: readonly ArrayLike<number>[]) =>
    Array.from({ length: USER_GROUPS }, (_, group) =>
      parts.reduce((sum, part) => sum + (part[group] ?? Number.NaN), 0),
    );
  const last = Math.max(...all.flatMap(({ lastPairSeconds }) => lastPairSeconds ?? []));
  const windows = all.flatMap(({ service }) => service.windows);
  const blocks = new Set(windows.flatMap(({ slot, minutes }) => (minutes > 1 ? [blockOf(slot)] : [])));
  return {
    sums: ofShadowSums((name) => added(all.map(({ sums }) => sums[name]))),
    within: SCORE_TOLERANCES.map((_, at) => added(all.map(({ within }) => within[at] ?? []))),
    service: {
      edgesMilliseconds: all[0]?.service.edgesMilliseconds ?? [],
      windows: mergeWindows(windows, (block) => blocks.has(block)),
    },
    ...(Number.isFinite(last) ? { lastPairSeconds: last } : {}),
  };
}
