/**
 * Reads at the end of each quarter of a minute what Envoy has counted of the load, and keeps it for the operator to ask for.
 *
 * It asks Envoy only while some ModelDeployment of the namespace scales. A slot that was not whole, or not of one Envoy, is not
 * told: it must never look like one without requests. What it keeps is bounded, and lost when the program ends.
 */
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import {
  KEPT_LOAD_SLOTS,
  LOAD_SLOT_MILLISECONDS,
  type LoadSlot,
  loadSlotAt,
  type ToldLoad,
} from "../stats/load-slots.ts";
import { type CountedLoad, type LoadReport, NO_LOAD } from "./load-report.ts";

/** What it asks of its Envoy. */
export interface LoadedEnvoy {
  /** Rejects when Envoy does not answer in time, or strangely. */
  load(): Promise<LoadReport>;
}

/** What it needs. */
export interface LoadCounterOptions {
  readonly envoy: LoadedEnvoy;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A slot counts when the time between two readings is its length but for so much. */
const TOLERANCE_MILLISECONDS = 1_500;
/** Envoy tells whole seconds, and not at the very moment of the look. */
const UPTIME_TOLERANCE_SECONDS = 3;

interface LoadReading extends LoadReport {
  readonly slot: number;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Those that scaled then. */
  readonly names: ReadonlySet<string>;
}

/** Counts the load of all ModelDeployments that scale. */
export class LoadCounter {
  readonly #options: LoadCounterOptions;
  readonly #slots = new Map<string, readonly LoadSlot[]>();
  #names: ReadonlySet<string> = new Set();
  #before: LoadReading | undefined;
  #hasFailed = false;

  constructor(options: LoadCounterOptions) {
    this.#options = options;
  }

  /** Takes in which ModelDeployments scale. */
  note(names: ReadonlySet<string>): void {
    this.#names = names;
    for (const name of this.#slots.keys()) if (!names.has(name)) this.#slots.delete(name);
  }

  /** What was counted in slots after this one. */
  load(afterSlot: number): ToldLoad {
    return new Map(
      [...this.#slots].map(([name, slots]) => [name, slots.filter(({ slot }) => slot > afterSlot)]),
    );
  }

  /** Reads at the end of each slot, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      try {
        await sleep(clock, LOAD_SLOT_MILLISECONDS - (clock.now() % LOAD_SLOT_MILLISECONDS), signal);
      } catch {
        return;
      }
      await this.#read();
    }
  }

  async #read(): Promise<void> {
    const { clock, envoy, log } = this.#options;
    const names = this.#names;
    const before = this.#before;
    this.#before = undefined;
    if (names.size === 0) return;
    // The slot that has just ended, also by a clock that wakes a moment early.
    const slot = loadSlotAt(clock.now() + LOAD_SLOT_MILLISECONDS / 2) - 1;
    const at = clock.monotonic();
    try {
      const after: LoadReading = { ...(await envoy.load()), slot, at, names };
      this.#hasFailed = false;
      this.#before = after;
      if (before !== undefined && isOneSlot(before, after)) this.#keep(before, after);
    } catch (error) {
      if (!this.#hasFailed) log.warn("Envoy does not tell of its load", { error });
      this.#hasFailed = true;
    }
  }

  #keep(before: LoadReading, after: LoadReading): void {
    for (const name of this.#names) {
      const isCounted = before.names.has(name) && after.names.has(name);
      const counts = isCounted ? countsOf(before.counted.get(name), after.counted.get(name)) : undefined;
      const kept = this.#slots.get(name) ?? [];
      const added = counts === undefined ? kept : [...kept, { slot: after.slot, ...counts }];
      this.#slots.set(
        name,
        added.filter(({ slot }) => slot > after.slot - KEPT_LOAD_SLOTS),
      );
    }
  }
}

/** Whether they are one slot apart, and of one Envoy, which counts from nothing when it starts. */
function isOneSlot(before: LoadReading, after: LoadReading): boolean {
  const elapsed = after.at - before.at;
  const expectedSeconds = before.uptimeSeconds + elapsed / 1_000 - UPTIME_TOLERANCE_SECONDS;
  return (
    after.slot === before.slot + 1 &&
    Math.abs(elapsed - LOAD_SLOT_MILLISECONDS) <= TOLERANCE_MILLISECONDS &&
    after.uptimeSeconds >= Math.max(before.uptimeSeconds, expectedSeconds)
  );
}

/** Undefined where a count has fallen: that of a listener that was made anew. */
function countsOf(
  before: CountedLoad = NO_LOAD,
  after: CountedLoad = NO_LOAD,
): Omit<LoadSlot, "slot"> | undefined {
  const ended = after.ended - before.ended;
  const answered = after.answered - before.answered;
  const busyMicroseconds = after.busy_microseconds - before.busy_microseconds;
  const givenUpMilliseconds = after.given_up_milliseconds - before.given_up_milliseconds;
  if (Math.min(ended, answered, busyMicroseconds, givenUpMilliseconds) < 0) return undefined;
  // The counters are read one after the other, while requests end.
  return {
    ended: Math.max(ended, answered),
    answered,
    busyMilliseconds: Math.round(busyMicroseconds / 1_000) + givenUpMilliseconds,
  };
}
