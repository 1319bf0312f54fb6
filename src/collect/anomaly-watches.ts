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
import { SLOT_SECONDS } from "../token/slot.ts";
import type { Collected, CollectedDeployment } from "./collected-metrics.ts";
import type { SlotRange } from "./router-log.ts";
import { readSlotSums } from "./slot-sums.ts";
import type { Store } from "./store.ts";
import type { WatchKey } from "./watch-table.ts";
import { type WatchedSeries, watchedSeries } from "./watched-series.ts";

/** Slots of one window. */
export const WINDOW_SLOTS = 5;
const WINDOW_SECONDS = WINDOW_SLOTS * SLOT_SECONDS;
const WINDOWS_A_DAY = 86_400 / WINDOW_SECONDS;
/** Windows of one step, so that no client waits long behind it. */
const WINDOWS_OF_STEP = 20;
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

interface State {
  readonly watch: SeriesWatch;
  next: number;
}

/** The watches of one file. */
export class AnomalyWatches {
  readonly #options: AnomalyWatchesOptions;
  #collected: Collected = new Map();
  /** By {@link nameOf}; what is not here is read from the file. */
  readonly #states = new Map<string, State>();
  /** All windows are done as far as this slot lets them. */
  #doneThrough: number | undefined;

  constructor(options: AnomalyWatchesOptions) {
    this.#options = options;
  }

  /** Takes what is collected from now on, and forgets series that are no longer watched. */
  configure(collected: Collected): void {
    this.#collected = collected;
    this.abandon();
    const { watches } = this.#options.store;
    const wanted = new Set(
      [...watchedDeployments(collected)].flatMap(([tag, deployment]) =>
        watchedSeries(deployment).map(({ name }) => nameOf({ deployment: tag, series: name })),
      ),
    );
    for (const key of watches.keys()) if (!wanted.has(nameOf(key))) watches.delete(key);
  }

  /** Forgets what stands in memory: it is read from the file again. */
  abandon(): void {
    this.#states.clear();
    this.#doneThrough = undefined;
  }

  /** Looks at some windows that are due. True when there are more. */
  step(): boolean {
    const counted = this.#options.counted();
    if (counted === undefined || counted === this.#doneThrough) return false;
    const doubtful = this.#options.doubtful();
    let left = WINDOWS_OF_STEP;
    for (const [tag, deployment] of watchedDeployments(this.#collected)) {
      const all = watchedSeries(deployment);
      for (const series of all) {
        const key = { deployment: tag, series: series.name };
        const due = Math.floor((counted + 1 - series.lagSlots) / WINDOW_SLOTS) - 1;
        const state = this.#stateOf(key, deployment, all.length, due);
        state.next = Math.max(state.next, due - LONGEST_BEHIND);
        const first = state.next;
        for (; state.next <= due && left > 0; left--) {
          const isLate = series.lagSlots > 0 && due - state.next > LONGEST_DELAY;
          const value = isLate ? undefined : this.#valueOf(tag, series, state.next, doubtful, counted);
          state.watch.look(state.next++, value);
        }
        if (state.next > first) {
          const memory = JSON.stringify(state.watch.memory());
          this.#options.store.watches.put(key, { next: state.next, memory });
        }
        if (state.next <= due) return true;
      }
    }
    this.#doneThrough = counted;
    return false;
  }

  /** What is known of each series that has had a value. */
  *findings(): Generator<SeriesFinding> {
    for (const [tag, deployment] of watchedDeployments(this.#collected)) {
      for (const { name } of watchedSeries(deployment)) {
        const watch = this.#states.get(nameOf({ deployment: tag, series: name }))?.watch;
        if (watch === undefined || Number.isNaN(watch.value)) continue;
        const { value, findings } = watch;
        yield { deployment: deployment.name, series: name, value, detectors: findings };
      }
    }
  }

  #stateOf(key: WatchKey, deployment: CollectedDeployment, count: number, due: number): State {
    const name = nameOf(key);
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    const stored = this.#options.store.watches.get(key);
    const settings = {
      series: key.series,
      slotsPerDay: WINDOWS_A_DAY,
      season: "week",
      // One false alarm of the deployment in this time, whichever series it is of.
      daysPerFalseAlarm: count * (deployment.falseAlarmDays ?? Number.POSITIVE_INFINITY),
    } as const;
    const watch = new SeriesWatch(settings, memoryOf(stored?.memory));
    const state = { watch, next: Math.max(stored?.next ?? due, watch.slot + 1) };
    this.#states.set(name, state);
    return state;
  }

  #valueOf(
    deployment: number,
    { sums, valueIn }: WatchedSeries,
    window: number,
    doubtful: readonly SlotRange[],
    counted: number,
  ): number | undefined {
    const first = window * WINDOW_SLOTS;
    const range = { first, last: first + WINDOW_SLOTS - 1 };
    if (doubtful.some((doubt) => doubt.first <= range.last && range.first <= doubt.last)) return undefined;
    const read = readSlotSums(this.#options.store, { deployment, range, sums, doubtful, counted });
    return read.impossible.size > 0 ? undefined : valueIn(read);
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

/** What was damaged is learned anew. */
function memoryOf(text: string | undefined): WatchMemory {
  if (text === undefined) return {};
  try {
    return memoriesOf(JSON.parse(text));
  } catch {
    return {};
  }
}
