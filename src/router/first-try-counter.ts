/**
 * Reads at the end of each minute what Envoy has counted of first tries, and keeps it for the operator to ask for.
 *
 * It asks Envoy only while a plan splits the traffic, and about those ModelDeployments alone, some at a time: what is
 * strange about one, or too much, leaves the others their counts. What it keeps is lost when the program ends, and counted anew.
 */
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { FIRST_TRY_EDGES_MILLISECONDS } from "../render/envoy/first-try-statistics.ts";
import type { FirstTries } from "../stats/first-tries.ts";
import { type FirstTryHistory, MINUTE, withPlan, withReading } from "./first-try-history.ts";
import { ASKED_TOGETHER, type FirstTryReport, NOTHING_COUNTED } from "./first-try-report.ts";
import type { Acknowledgement, DesiredConfiguration } from "./sequence.ts";

/** What it asks of its Envoy. */
export interface CountingEnvoy {
  /** Of at most {@link ASKED_TOGETHER} ModelDeployments. Rejects when Envoy does not answer in time, or strangely. */
  firstTries(deployments: readonly string[]): Promise<FirstTryReport>;
}

/** What it needs. */
export interface FirstTryCounterOptions {
  readonly envoy: CountingEnvoy;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Counts the first tries of all ModelDeployments. */
export class FirstTryCounter {
  readonly #options: FirstTryCounterOptions;
  readonly #histories = new Map<string, FirstTryHistory>();
  #hasFailed = false;

  constructor(options: FirstTryCounterOptions) {
    this.#options = options;
  }

  /** Takes in what is wanted of Envoy and what it has acknowledged. To be told before anything of it is published. */
  note(desired: DesiredConfiguration, acknowledgements: ReadonlyMap<string, Acknowledgement>): void {
    const now = this.#options.clock.monotonic();
    for (const name of this.#histories.keys()) if (!desired.has(name)) this.#histories.delete(name);
    for (const [name, { traffic }] of desired) {
      const before = this.#histories.get(name);
      const history = withPlan(before, traffic?.plan, acknowledgements.get(name)?.serving?.epoch, now);
      if (history === undefined) this.#histories.delete(name);
      else this.#histories.set(name, history);
    }
  }

  /**
   * What was counted under the present shares, and through which minute. Nothing, and through none, where the traffic is
   * not split, where a share has just begun, and for a ModelDeployment that this router does not know.
   */
  firstTries(deployment: string): FirstTries {
    const { windows = [], countedThrough } = this.#histories.get(deployment) ?? {};
    const edgesMilliseconds = FIRST_TRY_EDGES_MILLISECONDS;
    return { edgesMilliseconds, windows, ...(countedThrough === undefined ? {} : { countedThrough }) };
  }

  /** Reads at the end of each minute, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      try {
        await sleep(clock, MINUTE - (clock.now() % MINUTE), signal);
      } catch {
        return;
      }
      await this.#readAll();
    }
  }

  async #readAll(): Promise<void> {
    const names = [...this.#histories.keys()];
    const problems: unknown[] = [];
    for (let first = 0; first < names.length; first += ASKED_TOGETHER) {
      problems.push(...(await this.#read(names.slice(first, first + ASKED_TOGETHER))));
    }
    const [error] = problems;
    if (problems.length > 0 && !this.#hasFailed)
      this.#options.log.warn("Envoy does not tell of first tries", { error });
    this.#hasFailed = problems.length > 0;
  }

  /** What went wrong. */
  async #read(names: readonly string[]): Promise<readonly unknown[]> {
    const { clock, envoy } = this.#options;
    // A history that begins, or begins anew, while Envoy answers has no part in the answer.
    const asked = new Map(names.map((name) => [name, this.#histories.get(name)?.share]));
    const [atMilliseconds, at] = [clock.now(), clock.monotonic()];
    const problems: unknown[] = [];
    const report = await envoy.firstTries(names).catch((error: unknown) => {
      problems.push(error);
      return undefined;
    });
    problems.push(...(report?.strange.values() ?? []));
    for (const [name, share] of asked) {
      const history = this.#histories.get(name);
      if (history === undefined || history.share !== share) continue;
      const reading =
        report === undefined || report.strange.has(name)
          ? undefined
          : {
              atMilliseconds,
              at,
              uptimeSeconds: report.uptimeSeconds,
              counted: report.counted.get(name) ?? NOTHING_COUNTED,
            };
      this.#histories.set(name, withReading(history, reading));
    }
    return problems;
  }
}
