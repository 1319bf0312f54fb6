/**
 * Watches the series of the deployments that ask for it, one value for each window of five minutes, and keeps what it has
 * learned in the file, so that a restart forgets nothing.
 *
 * A window is looked at once, when all its impressions are known and its labels have had their time. One of which a piece
 * may be missing is a gap, and so is one whose labels had more time than those of others, as after a collector was away: a
 * value that is not like the others must never be compared with them.
 *
 * Every method that writes runs inside a transaction of the caller.
 */
import type { DetectorType } from "../anomaly/detector.ts";
import { memoriesOf } from "../anomaly/memory.ts";
import { type DetectorFinding, SeriesWatch, type WatchMemory } from "../anomaly/series-watch.ts";
import type { Logger } from "../core/log.ts";
import { SLOT_SECONDS } from "../token/slot.ts";
import type { Collected, CollectedDeployment } from "./collected-metrics.ts";
import type { SlotRange } from "./router-log.ts";
import { readSlotSums } from "./slot-sums.ts";
import type { Store } from "./store.ts";
import type { WatchKey } from "./watch-table.ts";
import { type WatchedSeries, type WindowValue, watchedSeries } from "./watched-series.ts";

/** Slots of one window. */
export const WINDOW_SLOTS = 5;
const WINDOW_SECONDS = WINDOW_SLOTS * SLOT_SECONDS;
const WINDOWS_A_DAY = 86_400 / WINDOW_SECONDS;
/** Windows and loaded memories of one step, so that no client waits long behind it. */
export const WORK_OF_STEP = 20;
/** After so many windows that were not looked at, the earlier ones are let go. */
const LONGEST_BEHIND = WINDOWS_A_DAY;
/** Windows by which a look at labels may be late. */
const LONGEST_DELAY = 2;

/** What it needs. */
export interface AnomalyWatchesOptions {
  readonly store: Store;
  /** The last slot in which all impressions are known; undefined while no router has reported. */
  readonly counted: () => number | undefined;
  /** Slots of which a piece may be missing. */
  readonly doubtful: () => readonly SlotRange[];
  /** Seconds since the Unix epoch. */
  readonly nowSeconds: () => number;
  readonly log: Logger;
}

/** What is known of one series. */
export interface SeriesFinding {
  /** Name of the deployment. */
  readonly deployment: string;
  readonly series: string;
  /** Of the last window that had one. */
  readonly value: number;
  readonly detectors: ReadonlyMap<DetectorType, DetectorFinding>;
}

/** How it stands with one series. */
export interface SeriesState {
  /** Name of the deployment. */
  readonly deployment: string;
  readonly series: string;
  /** Undefined where nothing is known of it: it is not read from the file yet, or its last look failed. */
  readonly watch: SeriesWatch | undefined;
  /** Windows that should have been looked at by now and were not. */
  readonly behind: number;
  /** The last window that should have been looked at by now. */
  readonly due: number;
}

/** A series that is wanted. */
interface Wanted {
  readonly name: string;
  readonly key: WatchKey;
  readonly deployment: string;
  readonly series: WatchedSeries;
  readonly daysPerFalseAlarm: number;
}

interface State {
  readonly watch: SeriesWatch;
  readonly daysPerFalseAlarm: number;
  next: number;
}

/** What one step may do, and by what. */
interface Step {
  readonly counted: number;
  readonly doubtful: readonly SlotRange[];
  /** Windows and loads that it may still do. */
  left: number;
}

/** The watches of one file. */
export class AnomalyWatches {
  readonly #options: AnomalyWatchesOptions;
  #wanted: readonly Wanted[] = [];
  /** By name; what is not here is read from the file. */
  readonly #states = new Map<string, State>();
  /** Names of those that the transaction under way may have changed. */
  readonly #touched = new Set<string>();
  /** Names of those whose last look failed. */
  readonly #failing = new Set<string>();
  /** Where the pass through all series goes on, and what was counted when it began. */
  #at = 0;
  #passCounted: number | undefined;
  /** All windows are done as far as this slot lets them. */
  #doneThrough: number | undefined;

  constructor(options: AnomalyWatchesOptions) {
    this.#options = options;
  }

  /** Takes what is collected from now on, and forgets series that are no longer watched. What is watched as before stays. */
  configure(collected: Collected): void {
    this.#wanted = [...watchedDeployments(collected)].flatMap((entry) => wantedOf(...entry));
    this.#restart();
    const days = new Map(this.#wanted.map(({ name, daysPerFalseAlarm }) => [name, daysPerFalseAlarm]));
    for (const [name, { daysPerFalseAlarm }] of this.#states) {
      if (days.get(name) !== daysPerFalseAlarm) this.#states.delete(name);
    }
    for (const name of this.#failing) if (!days.has(name)) this.#failing.delete(name);
    const { watches } = this.#options.store;
    for (const key of watches.keys()) if (!days.has(nameOf(key))) watches.delete(key);
  }

  /** The transaction was committed. */
  committed(): void {
    this.#touched.clear();
  }

  /** The transaction was rolled back: what it may have changed is read from the file again. */
  abandon(): void {
    for (const name of this.#touched) this.#states.delete(name);
    this.#touched.clear();
    this.#restart();
  }

  /**
   * Looks at some windows that are due. True when there are more. A series that fails is passed over until more is counted:
   * neither the other series nor the transaction have to do with it.
   *
   * @throws what took the transaction with it.
   */
  step(): boolean {
    const counted = this.#options.counted();
    if (counted === undefined || counted === this.#doneThrough) return false;
    if (this.#at === 0) this.#passCounted = counted;
    const step: Step = { counted, doubtful: this.#options.doubtful(), left: WORK_OF_STEP };
    for (const wanted of this.#wanted.slice(this.#at)) {
      if (!this.#isDone(wanted, step)) return true;
      this.#at++;
    }
    this.#at = 0;
    // Those at the beginning may have more to look at by now.
    if (counted !== this.#passCounted) return true;
    this.#doneThrough = counted;
    return false;
  }

  /** Whether all series that can be looked at were read from the file. */
  get isRead(): boolean {
    const isReadable = this.#options.counted() !== undefined;
    return !isReadable || this.#wanted.every(({ name }) => this.#states.has(name) || this.#failing.has(name));
  }

  /** Each series that is watched, whether anything is known of it or not. */
  *states(): Generator<SeriesState> {
    const now = Math.floor(this.#options.nowSeconds() / WINDOW_SECONDS);
    for (const { name, deployment, series } of this.#wanted) {
      const state = this.#states.get(name);
      const due = now - 1 - Math.ceil(series.lagSlots / WINDOW_SLOTS);
      const behind = Math.max(0, due + 1 - (state?.next ?? 0));
      yield { deployment, series: series.name, watch: state?.watch, behind, due };
    }
  }

  /** What is known of each series that has had a value in the last day. */
  *findings(): Generator<SeriesFinding> {
    for (const { deployment, series, watch, due } of this.states()) {
      if (watch === undefined || Number.isNaN(watch.value)) continue;
      // While no router reports nothing is counted, and no watch learns that time goes on.
      if (due - watch.slot > LONGEST_BEHIND) continue;
      yield { deployment, series, value: watch.value, detectors: watch.findings };
    }
  }

  #restart(): void {
    this.#at = 0;
    this.#doneThrough = undefined;
  }

  /** Does what is due of a series. False when the step must end before it is done. */
  #isDone(wanted: Wanted, step: Step): boolean {
    const { name, series } = wanted;
    const due = Math.floor((step.counted + 1 - series.lagSlots) / WINDOW_SLOTS) - 1;
    const known = this.#states.get(name);
    if (known !== undefined && known.next > due) return true;
    if (step.left <= 0) return false;
    this.#touched.add(name);
    const attempt = this.#options.store.watches.attempt(() => this.#advance(wanted, due, step));
    if ("result" in attempt) {
      if (this.#failing.delete(name) && this.#failing.size === 0) {
        this.#options.log.info("can watch all series again");
      }
      return attempt.result;
    }
    this.#states.delete(name);
    if (this.#failing.size === 0) {
      const fields = { "petrel.model_deployment": wanted.deployment, "petrel.series": series.name };
      this.#options.log.error("cannot watch a series", { error: attempt.failure, ...fields });
    }
    this.#failing.add(name);
    return true;
  }

  #advance(wanted: Wanted, due: number, step: Step): boolean {
    const { name, key, series } = wanted;
    let state = this.#states.get(name);
    if (state === undefined) {
      step.left--;
      state = this.#load(wanted, due);
      this.#states.set(name, state);
    }
    state.next = Math.max(state.next, due - LONGEST_BEHIND);
    const first = state.next;
    for (; state.next <= due && step.left > 0; step.left--) {
      const isLate = series.lagSlots > 0 && due - state.next > LONGEST_DELAY;
      const found = isLate ? undefined : this.#valueOf(key.deployment, series, state.next, step);
      state.watch.look(state.next++, found?.value, found?.deviation);
    }
    if (state.next > first) {
      const memory = JSON.stringify(state.watch.memory());
      this.#options.store.watches.put(key, { next: state.next, memory });
    }
    return state.next > due;
  }

  #load({ key, daysPerFalseAlarm }: Wanted, due: number): State {
    const stored = this.#options.store.watches.get(key);
    const settings = {
      series: key.series,
      slotsPerDay: WINDOWS_A_DAY,
      season: "week",
      daysPerFalseAlarm,
    } as const;
    const watch = new SeriesWatch(settings, memoryOf(stored?.memory));
    return { watch, daysPerFalseAlarm, next: Math.max(stored?.next ?? due, watch.slot + 1) };
  }

  #valueOf(
    deployment: number,
    { source }: WatchedSeries,
    window: number,
    { doubtful, counted }: Step,
  ): WindowValue | undefined {
    const first = window * WINDOW_SLOTS;
    const range = { first, last: first + WINDOW_SLOTS - 1 };
    if (doubtful.some((doubt) => doubt.first <= range.last && range.first <= doubt.last)) return undefined;
    const { store } = this.#options;
    if (source.type === "Served") {
      return source.valueIn(store.served.sums(deployment, range), WINDOW_SLOTS);
    }
    const read = readSlotSums(store, { deployment, range, sums: source.sums, doubtful, counted });
    const value = read.impossible.size > 0 ? undefined : source.valueIn(read);
    return value === undefined ? undefined : { value, deviation: 0 };
  }
}

/** When a window began, in seconds since the Unix epoch. */
export function secondsOfWindow(window: number): number {
  return window * WINDOW_SECONDS;
}

function nameOf({ deployment, series }: WatchKey): string {
  return `${deployment}/${series}`;
}

function* watchedDeployments(collected: Collected): Generator<readonly [number, CollectedDeployment]> {
  for (const entry of collected) if (entry[1].falseAlarmDays !== undefined) yield entry;
}

/** The series of a deployment that is watched. */
function wantedOf(tag: number, deployment: CollectedDeployment): readonly Wanted[] {
  const all = watchedSeries(deployment);
  // One false alarm of the deployment in this time, whichever series it is of.
  const daysPerFalseAlarm = all.length * (deployment.falseAlarmDays ?? Number.POSITIVE_INFINITY);
  return all.map((series) => {
    const key = { deployment: tag, series: series.name };
    return { name: nameOf(key), key, deployment: deployment.name, series, daysPerFalseAlarm };
  });
}

/** What was damaged is learned anew. */
function memoryOf(text: string | undefined): WatchMemory {
  if (text === undefined) return {};
  try {
    return memoriesOf(JSON.parse(text));
  } catch {
    return {};
  }
}
