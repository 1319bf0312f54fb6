/**
 * What the collectors say of the series that they watch: asks the collector of each namespace in which a ModelDeployment
 * has its series watched, once a minute, and keeps the latest answer as a reading.
 *
 * An answer that says what the one before it said wakes nobody, so idle ModelDeployments cost one small request a minute and
 * namespace, and no look. It asks while this instance leads and keeps nothing that the API would have to hold. A collector
 * that does not answer for a moment, as while it is moved, leaves the last answer standing; once that is too old to be
 * knowledge, there is none. Silence is never taken for quiet.
 */
import type { WatchedDeployment } from "../anomaly/watched-answer.ts";
import { jsonEquals } from "../api/json-equals.ts";
import type { Clock } from "../core/clock.ts";
import { errorMessage } from "../core/log.ts";
import { MAXIMUM_READING_AGE_MILLISECONDS, type Reading } from "../core/rollout/gates/reading.ts";
import { truncateUtf8 } from "../core/short-text.ts";
import type { AskAnomalies } from "./ask-anomalies.ts";

/** What it needs. */
export interface AnomalyReadingsOptions {
  readonly clock: Clock;
  readonly ask: AskAnomalies;
  /** Told the key of a ModelDeployment when there is something else to know about it. */
  readonly onChange: (key: string) => void;
}

/** Between two answers. Series have a value every five minutes; an answer is too old after three of these. */
export const ASK_PERIOD_MILLISECONDS = 60_000;
const MAXIMUM_REASON_BYTES = 256;

type Answer = Reading<ReadonlyMap<string, WatchedDeployment>>;

interface Followed {
  /** Keys of the ModelDeployments that want to know. */
  readonly keys: Set<string>;
  answer: Answer | undefined;
  /** Ends what is under way or planned. */
  readonly end: () => void;
}

/** Asks for the ModelDeployments of many namespaces. A key is `NAMESPACE/NAME`. */
export class AnomalyReadings {
  readonly #options: AnomalyReadingsOptions;
  readonly #namespaces = new Map<string, Followed>();

  constructor(options: AnomalyReadingsOptions) {
    this.#options = options;
  }

  /** From now on asks for a ModelDeployment, or does not any more. */
  follow(key: string, isWatched: boolean): void {
    const [namespace] = partsOf(key);
    const followed = this.#namespaces.get(namespace);
    if (isWatched) {
      (followed ?? this.#begin(namespace)).keys.add(key);
      return;
    }
    followed?.keys.delete(key);
    if (followed?.keys.size !== 0) return;
    followed.end();
    this.#namespaces.delete(namespace);
  }

  /** What is known of a ModelDeployment; undefined before the first answer. */
  of(key: string): Reading<WatchedDeployment> | undefined {
    const [namespace] = partsOf(key);
    return readingOf(key, this.#namespaces.get(namespace)?.answer);
  }

  /** Asks nothing any more. */
  close(): void {
    for (const { end } of this.#namespaces.values()) end();
    this.#namespaces.clear();
  }

  #begin(namespace: string): Followed {
    const { clock, onChange } = this.#options;
    const ended = new AbortController();
    let cancel = () => {};
    const followed: Followed = {
      keys: new Set(),
      answer: undefined,
      end: () => {
        cancel();
        ended.abort(new Error("nobody wants to know it any more"));
      },
    };
    this.#namespaces.set(namespace, followed);
    const askAndPlan = async () => {
      const before = followed.answer;
      const answer = await this.#ask(namespace, ended.signal);
      if (ended.signal.aborted) return;
      followed.answer = answer.kind === "Whole" || !isStanding(before, clock.now()) ? answer : before;
      cancel = clock.schedule(ASK_PERIOD_MILLISECONDS, () => void askAndPlan());
      for (const key of followed.keys) {
        if (!isSame(readingOf(key, before), readingOf(key, followed.answer))) onChange(key);
      }
    };
    void askAndPlan();
    return followed;
  }

  /** Never rejects. The time is that before the question: what is answered is no older. */
  async #ask(namespace: string, signal: AbortSignal): Promise<Answer> {
    const atMilliseconds = this.#options.clock.now();
    try {
      return { kind: "Whole", atMilliseconds, value: await this.#options.ask(namespace, signal) };
    } catch (error) {
      const reason = truncateUtf8(errorMessage(error), MAXIMUM_REASON_BYTES);
      return { kind: "Torn", atMilliseconds, reason };
    }
  }
}

function partsOf(key: string): readonly [string, string] {
  const at = key.indexOf("/");
  return [key.slice(0, at), key.slice(at + 1)];
}

function isStanding(answer: Answer | undefined, nowMilliseconds: number): boolean {
  if (answer?.kind !== "Whole") return false;
  const age = nowMilliseconds - answer.atMilliseconds;
  return age >= 0 && age < MAXIMUM_READING_AGE_MILLISECONDS;
}

/** The part of an answer that is about one ModelDeployment. */
function readingOf(key: string, answer: Answer | undefined): Reading<WatchedDeployment> | undefined {
  if (answer?.kind !== "Whole") return answer;
  const [, name] = partsOf(key);
  const { atMilliseconds } = answer;
  const value = answer.value.get(name);
  return value === undefined
    ? { kind: "Torn", atMilliseconds, reason: "the collector does not watch it yet" }
    : { kind: "Whole", atMilliseconds, value };
}

/** Whether two readings say the same. That the later one is younger is no news. */
function isSame(
  before: Reading<WatchedDeployment> | undefined,
  after: Reading<WatchedDeployment> | undefined,
): boolean {
  if (before?.kind === "Whole" && after?.kind === "Whole") return isSameState(before.value, after.value);
  if (before === undefined || after === undefined || before.kind !== after.kind) return before === after;
  return before.kind !== "Whole" && after.kind !== "Whole" && before.reason === after.reason;
}

/** The value of an alarm that goes on moves with each window: that it goes on is what counts. */
function isSameState(before: WatchedDeployment, after: WatchedDeployment): boolean {
  const stateOf = ({ alarms, ...rest }: WatchedDeployment) => ({
    ...rest,
    alarms: alarms.map(({ series, since }) => ({ series, since })),
  });
  return jsonEquals(stateOf(before), stateOf(after));
}
