/**
 * All that is known of the model that this sidecar stands beside: sums and drift of each revision in each arm, and the
 * events that go on to the training log.
 *
 * How much is kept has a bound, whatever a socket says: a revision and arm beyond the last place are counted and not
 * kept. What comes in are events that are used again, so nothing here holds one.
 */
import type { Clock } from "../core/clock.ts";
import type { ReferenceDistribution } from "../stats/reference-distribution.ts";
import type { TapEvent, TapGreeting } from "../tap/tap-event.ts";
import { DriftWatch } from "./drift-watch.ts";
import { References } from "./references.ts";
import type { RequestLog } from "./request-log.ts";
import { RequestSums } from "./request-sums.ts";
import type { SidecarSettings } from "./settings.ts";
import { UserHours } from "./user-hours.ts";

/** Where events come from: a model and its columns. */
export type EventSource = Pick<TapGreeting, "model" | "revision" | "columns">;

/** One revision in one arm. */
export interface ObservedArm {
  readonly sums: RequestSums;
  readonly drift: DriftWatch | undefined;
}

/** What the model is made of. */
export interface ObservedModelOptions {
  readonly settings: SidecarSettings;
  /** Of each column what a file says of it. */
  readonly fileReferences: readonly (ReferenceDistribution | undefined)[];
  readonly trainingLog: RequestLog | undefined;
  readonly clock: Clock;
}

/** Revisions times arms that are kept: two revisions live at once, in a handful of arms. */
export const MAXIMUM_OBSERVED_ARMS = 16;
/** How often windows are looked at, as a part of their length, and at most. */
const LOOKS_PER_WINDOW = 60;
const LONGEST_WAIT_MILLISECONDS = 10_000;
const ARM_VALUES = 256;

/** The model. */
export class ObservedModel {
  /** Of revisions and arms that found no place, how many events there were. */
  unkept = 0;
  events = 0;
  readonly arms: ObservedArm[] = [];
  readonly settings: SidecarSettings;
  readonly #options: ObservedModelOptions;
  readonly #references = new Map<string, References>();
  readonly #users = new UserHours();
  #cancel = () => {};

  constructor(options: ObservedModelOptions) {
    this.#options = options;
    this.settings = options.settings;
  }

  /** Begins to look at windows; ends with {@link stop}. */
  start(): void {
    const { drift } = this.settings;
    if (drift === undefined) return;
    const wait = Math.min(drift.windowMilliseconds / LOOKS_PER_WINDOW, LONGEST_WAIT_MILLISECONDS);
    this.#cancel = this.#options.clock.schedule(wait, () => {
      this.look();
      this.start();
    });
  }

  /** Looks no more. */
  stop(): void {
    this.#cancel();
  }

  /** Judges every window that is due. */
  look(): void {
    const now = this.#options.clock.now();
    const watched = this.arms.length * this.settings.observed.columns.length;
    for (const { drift } of this.arms) drift?.look(now, watched);
  }

  /** Takes the events of one source. */
  taker(source: EventSource): (event: TapEvent) => void {
    const { observed } = this.settings;
    const { clock, trainingLog } = this.#options;
    const places = Int32Array.from(observed.columns, ({ name }) => source.columns.indexOf(name));
    const byArm: (ObservedArm | undefined)[] = new Array(ARM_VALUES).fill(undefined);
    return (event) => {
      this.events++;
      trainingLog?.offer(source, event);
      const arm = byArm[event.arm] ?? this.#arm(source.revision, event.arm);
      if (arm === undefined) {
        this.unkept++;
        return;
      }
      byArm[event.arm] = arm;
      arm.sums.add(event, places);
      const { drift } = arm;
      if (drift === undefined || event.describedRows === 0) return;
      const now = clock.now();
      if (event.hasUser && !this.#users.isFirst(event.userTag, now)) return;
      const row = event.drawnRow * event.columns;
      for (let index = 0; index < places.length; index++) {
        const place = places[index] ?? -1;
        if (place >= 0) drift.add(index, event.values[row + place] ?? Number.NaN, now);
      }
    };
  }

  #arm(revision: string, arm: number): ObservedArm | undefined {
    const known = this.arms.find(({ sums }) => sums.revision === revision && sums.arm === arm);
    if (known !== undefined || this.arms.length >= MAXIMUM_OBSERVED_ARMS) return known;
    const { observed, drift } = this.settings;
    const made: ObservedArm = {
      sums: new RequestSums(revision, arm, observed),
      drift: drift === undefined ? undefined : new DriftWatch(drift, this.#referencesOf(revision)),
    };
    this.arms.push(made);
    return made;
  }

  #referencesOf(revision: string): References {
    const known = this.#references.get(revision);
    if (known !== undefined) return known;
    const { settings, fileReferences } = this.#options;
    const reference = settings.drift?.reference;
    const made = new References(
      settings.observed.columns.map((_, index) =>
        reference !== undefined && "values" in reference ? reference.values : fileReferences[index],
      ),
    );
    this.#references.set(revision, made);
    return made;
  }
}
