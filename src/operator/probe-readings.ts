/**
 * What the probers of drills tell: asks the pod of each drill that has one, every second, and keeps the latest record.
 *
 * It asks while this instance leads, and keeps nothing that the API would have to hold: an operator that starts anew asks again,
 * and gets all that was counted. A prober that does not answer for a moment leaves the last record standing. That grows no
 * more, so nothing that takes time can come of it.
 */
import type { ProbeRecord } from "../api/probe-record.ts";
import type { Clock } from "../core/clock.ts";
import { drillKey } from "../core/drill/plan-drill.ts";
import type { Observation } from "../core/observation.ts";

/** The record of the prober of the drill that this key names. Rejects when there is none, or none that can be. */
export type AskProber = (address: string, key: string, signal: AbortSignal) => Promise<ProbeRecord>;

/** What it needs. */
export interface ProbeReadingsOptions {
  readonly clock: Clock;
  readonly ask: AskProber;
  /** IP address of the pod that is the prober of this drill of a ModelDeployment; undefined while there is none. */
  readonly addressOf: (key: string, drill: string) => string | undefined;
  /** Told the key of a ModelDeployment when there is more to know. */
  readonly onRecord: (key: string) => void;
}

/** Between two answers: an abort, and each step of a drill, is decided within a second or two. */
export const PROBE_ASK_PERIOD_MILLISECONDS = 1_000;

interface Followed {
  readonly drill: string;
  record: ProbeRecord | undefined;
  /** Ends what is under way or planned. */
  readonly end: () => void;
}

/** Asks for the drills of many ModelDeployments, one of each. A key is `NAMESPACE/NAME`. */
export class ProbeReadings {
  readonly #options: ProbeReadingsOptions;
  readonly #followed = new Map<string, Followed>();

  constructor(options: ProbeReadingsOptions) {
    this.#options = options;
  }

  /** From now on asks for this drill of a ModelDeployment, or for none. */
  follow(key: string, drill: string | undefined): void {
    const followed = this.#followed.get(key);
    if (followed?.drill === drill) return;
    followed?.end();
    this.#followed.delete(key);
    if (drill !== undefined) this.#followed.set(key, this.#begin(key, drill));
  }

  /** What is known for a ModelDeployment; undefined before the first answer. */
  of(key: string): Observation["probes"] {
    const { drill, record } = this.#followed.get(key) ?? {};
    return drill === undefined || record === undefined ? undefined : { drill, record };
  }

  /** Asks nothing any more. */
  close(): void {
    for (const { end } of this.#followed.values()) end();
    this.#followed.clear();
  }

  #begin(key: string, drill: string): Followed {
    const { clock, onRecord } = this.#options;
    const ended = new AbortController();
    let cancel = () => {};
    const followed: Followed = {
      drill,
      record: undefined,
      end: () => {
        cancel();
        ended.abort(new Error("nobody wants to know it any more"));
      },
    };
    const askAndPlan = async () => {
      const record = await this.#ask(key, drill, ended.signal);
      if (ended.signal.aborted) return;
      cancel = clock.schedule(PROBE_ASK_PERIOD_MILLISECONDS, () => void askAndPlan());
      if (record === undefined || !isLater(record, followed.record)) return;
      followed.record = record;
      onRecord(key);
    };
    void askAndPlan();
    return followed;
  }

  /** Never rejects: no record is no reason to do anything. */
  async #ask(key: string, drill: string, signal: AbortSignal): Promise<ProbeRecord | undefined> {
    const address = this.#options.addressOf(key, drill);
    if (address === undefined) return undefined;
    try {
      return await this.#options.ask(address, drillKey(drill), signal);
    } catch {
      return undefined;
    }
  }
}

/** Of the same prober, and more of it. Another one has counted nothing that the first one did. */
function isLater(record: ProbeRecord, before: ProbeRecord | undefined): boolean {
  if (before === undefined) return true;
  return record.startMilliseconds === before.startMilliseconds && record.sent.length > before.sent.length;
}
