/**
 * The answers that the gates of releases, and experiments, wait for: asks each question again and again while it is followed, and keeps
 * the latest answer as a reading.
 *
 * It asks while this instance leads and keeps nothing that the API would have to hold: whoever leads next asks anew.
 * A question that changes is another one, and the answer to the former is forgotten. Whoever may write a ModelDeployment
 * must not reach with the operator's hand what the own one does not reach: that is for those to hold who ask. URLs of a
 * spec are asked only where the installation lets them be, and of collectors and routers those of the same namespace
 * alone.
 */
import type { Clock } from "../core/clock.ts";
import type { ExperimentCounts } from "../core/experiment/experiment-question.ts";
import { errorMessage } from "../core/log.ts";
import type { CollectorCounts } from "../core/rollout/gates/collector-counts.ts";
import type { HookAnswer, ReadEvidence } from "../core/rollout/gates/gate-evidence.ts";
import { type GateQuestion, questionName } from "../core/rollout/gates/gate-questions.ts";
import type { Reading } from "../core/rollout/gates/reading.ts";
import { truncateUtf8 } from "../core/short-text.ts";
import type { FirstTries } from "../stats/first-tries.ts";
import type { ShadowCounts } from "../stats/shadow-counts.ts";
import type { AskCollector } from "./ask-collector.ts";
import type { AskExperiment } from "./ask-experiment.ts";
import type { AskUrl } from "./ask-gate.ts";
import type { AskRouters } from "./ask-routers.ts";
import type { AskShadow } from "./ask-shadow.ts";

/** An answer: a number to a query, the word of a web hook, what a collector or the routers counted. */
export type GateAnswer = number | HookAnswer | CollectorCounts | FirstTries | ShadowCounts | ExperimentCounts;

/** Asks once. Rejects when no answer that can be used comes in time; the message is for people. */
export type AskGate = (question: GateQuestion, signal: AbortSignal) => Promise<GateAnswer>;

/** Asks each question where it belongs. */
export function askGates(
  askUrl: AskUrl,
  askCollector: AskCollector,
  askRouters: AskRouters,
  askShadow: AskShadow,
  askExperiment: AskExperiment,
): AskGate {
  return (question, signal) => {
    if (question.type === "Collector") return askCollector(question, signal);
    if (question.type === "Shadow") return askShadow(question, signal);
    if (question.type === "Experiment") return askExperiment(question, signal);
    return question.type === "Routers" ? askRouters(question, signal) : askUrl(question, signal);
  };
}

/** What it needs. */
export interface GateAnswersOptions {
  readonly clock: Clock;
  readonly ask: AskGate;
  /** Told the key of a ModelDeployment when there is another answer for it. */
  readonly onAnswer: (key: string) => void;
}

/** Between two answers to a question. An answer is too old after three of them. */
export const ASK_PERIOD_MILLISECONDS = 60_000;
/**
 * At one time, of those that are asked where they say; who is slow to answer holds a place for as long as a question may
 * take. Questions to collectors wait elsewhere, with a bound on the time, and take no place from others.
 */
const MAXIMUM_ASKED = 256;
const MAXIMUM_REASON_BYTES = 256;

interface Followed {
  /** As it is asked next. */
  question: GateQuestion;
  reading: Reading<GateAnswer> | undefined;
  /** Ends what is under way or planned. */
  readonly end: () => void;
}

/** Asks for the gates of many ModelDeployments. */
export class GateAnswers {
  readonly #options: GateAnswersOptions;
  readonly #followed = new Map<string, ReadonlyMap<string, Followed>>();
  readonly #waiting: (() => void)[] = [];
  #asked = 0;

  constructor(options: GateAnswersOptions) {
    this.#options = options;
  }

  /** From now on asks exactly these questions for a ModelDeployment. What was asked before is asked on. */
  follow(key: string, questions: readonly GateQuestion[]): void {
    const before = this.#followed.get(key);
    if (before === undefined && questions.length === 0) return;
    const now = new Map<string, Followed>();
    for (const question of questions) {
      const name = questionName(question);
      const followed = before?.get(name) ?? this.#begin(key, question);
      followed.question = question;
      now.set(name, followed);
    }
    for (const [name, { end }] of before ?? []) if (!now.has(name)) end();
    if (now.size === 0) this.#followed.delete(key);
    else this.#followed.set(key, now);
  }

  /** What is known for a ModelDeployment; undefined when nothing is asked for it. */
  evidence(key: string): ReadEvidence | undefined {
    const followed = this.#followed.get(key);
    if (followed === undefined) return undefined;
    const queries = new Map<string, Reading<number>>();
    const hooks = new Map<string, Reading<HookAnswer>>();
    let counts: Reading<CollectorCounts> | undefined;
    let firstTries: Reading<FirstTries> | undefined;
    let mirrored: Reading<ShadowCounts> | undefined;
    let experiment: Reading<ExperimentCounts> | undefined;
    for (const { question, reading } of followed.values()) {
      if (reading === undefined) continue;
      if (reading.kind !== "Whole") {
        if (question.type === "Collector") counts = reading;
        else if (question.type === "Routers") firstTries = reading;
        else if (question.type === "Shadow") mirrored = reading;
        else if (question.type === "Experiment") experiment = reading;
        else (question.type === "WebHook" ? hooks : queries).set(question.gate, reading);
        continue;
      }
      const { value, ...rest } = reading;
      if (question.type === "Collector") {
        if (typeof value === "object" && "metrics" in value) counts = { ...rest, value };
      } else if (question.type === "Routers") {
        if (typeof value === "object" && "windows" in value) firstTries = { ...rest, value };
      } else if (question.type === "Shadow") {
        if (typeof value === "object" && "within" in value) mirrored = { ...rest, value };
      } else if (question.type === "Experiment") {
        if (typeof value === "object" && "cells" in value) experiment = { ...rest, value };
      } else if (typeof value === "number") queries.set(question.gate, { ...rest, value });
      else if ("outcome" in value) hooks.set(question.gate, { ...rest, value });
    }
    return {
      queries,
      hooks,
      ...(counts === undefined ? {} : { counts }),
      ...(firstTries === undefined ? {} : { firstTries }),
      ...(mirrored === undefined ? {} : { mirrored }),
      ...(experiment === undefined ? {} : { experiment }),
    };
  }

  /** Asks nothing any more. */
  close(): void {
    for (const key of [...this.#followed.keys()]) this.follow(key, []);
  }

  #begin(key: string, question: GateQuestion): Followed {
    const { clock } = this.#options;
    const ended = new AbortController();
    let cancel = () => {};
    const followed: Followed = {
      question,
      reading: undefined,
      end: () => {
        cancel();
        ended.abort(new Error("the question is not asked any more"));
      },
    };
    const askAndPlan = async () => {
      const reading = await this.#ask(followed.question, ended.signal);
      if (ended.signal.aborted) return;
      followed.reading = reading;
      cancel = clock.schedule(ASK_PERIOD_MILLISECONDS, () => void askAndPlan());
      this.#options.onAnswer(key);
    };
    void askAndPlan();
    return followed;
  }

  /** Never rejects. The time is that before the question: what is answered is no older. */
  async #ask(question: GateQuestion, signal: AbortSignal): Promise<Reading<GateAnswer>> {
    const hasOwnPlaces = question.type === "Collector" || question.type === "Experiment";
    if (!hasOwnPlaces) await this.#place();
    const atMilliseconds = this.#options.clock.now();
    try {
      signal.throwIfAborted();
      return { kind: "Whole", atMilliseconds, value: await this.#options.ask(question, signal) };
    } catch (error) {
      const reason = truncateUtf8(errorMessage(error), MAXIMUM_REASON_BYTES);
      return { kind: "Torn", atMilliseconds, reason };
    } finally {
      if (!hasOwnPlaces) {
        this.#asked--;
        this.#waiting.shift()?.();
      }
    }
  }

  async #place(): Promise<void> {
    while (this.#asked >= MAXIMUM_ASKED) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    this.#asked++;
  }
}
