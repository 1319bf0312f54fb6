/**
 * Who is seen for the first time under each plan of the traffic: what tells whether users come to the arms in the shares
 * of the plan. Each user counts once in an epoch; a request without a user is one of its own.
 *
 * Sights count from some minutes after the first answer of another arm than stable on. A pod that comes up before its key
 * has no tokens until it gets one: who was answered there would be new to the log when stable's users are known already.
 *
 * Bounded: of each epoch the first {@link MAXIMUM_SIGHTS} count, of each deployment the newest {@link MAXIMUM_EPOCHS}. Who
 * comes later is no other draw than who came before. Every method runs inside a transaction of the caller.
 */
import { KEY_DELAY_SLOTS } from "../token/slot.ts";
import type { Place } from "./cell-changes.ts";
import type { SightedEpoch, SightTable } from "./sight-table.ts";

/** Most users of one epoch that count. */
export const MAXIMUM_SIGHTS = 100_000;
/** Most epochs of one deployment: a release has about one for each of its steps. */
export const MAXIMUM_EPOCHS = 8;
/** Users that one step of housekeeping forgets. */
const STEP_SIGHTS = 1_000;

const STABLE = 0;

/** Who was seen in which epoch. */
export class FirstSights {
  readonly #table: SightTable;
  /** Of each deployment, the epochs in which somebody may count. */
  readonly #epochs = new Map<number, Map<number, SightedEpoch>>();
  readonly #changed = new Set<SightedEpoch>();

  constructor(table: SightTable) {
    this.#table = table;
    this.#read();
  }

  /** Whether an answer is the first of its user in its epoch that counts. It is not the next time. */
  isFirst({ deployment, epoch, arm, slot }: Place, userTag: Uint8Array): boolean {
    const state = this.#epochs.get(deployment)?.get(epoch) ?? this.#begun(deployment, epoch, arm, slot);
    if (state === undefined || slot < state.fromSlot || state.sights >= MAXIMUM_SIGHTS) return false;
    if (!this.#table.add(deployment, epoch, userTag)) return false;
    this.#changed.add(state);
    state.sights++;
    return true;
  }

  /** Forgets some of what does not count any more; tells whether there is more to forget. */
  sweep(isCollected: (deployment: number) => boolean): boolean {
    for (const [deployment, epochs] of this.#epochs) {
      if (isCollected(deployment)) continue;
      for (const state of epochs.values()) this.#leave(state);
      this.#epochs.delete(deployment);
    }
    return this.#table.forgetSome(STEP_SIGHTS);
  }

  /** Writes what has changed. */
  finish(): void {
    for (const state of this.#changed) this.#table.putEpoch(state);
    this.#changed.clear();
  }

  /** Takes back what the transaction that failed has changed in memory. */
  abandon(): void {
    this.#changed.clear();
    this.#read();
  }

  #begun(deployment: number, epoch: number, arm: number, slot: number): SightedEpoch | undefined {
    if (arm === STABLE) return undefined;
    const epochs = this.#epochs.get(deployment) ?? new Map<number, SightedEpoch>();
    if (epochs.size >= MAXIMUM_EPOCHS) {
      const oldest = [...epochs.values()].reduce((one, other) => (other.epoch < one.epoch ? other : one));
      if (epoch < oldest.epoch) return undefined;
      this.#leave(oldest);
      epochs.delete(oldest.epoch);
    }
    const state = { deployment, epoch, fromSlot: slot + KEY_DELAY_SLOTS, sights: 0 };
    this.#epochs.set(deployment, epochs.set(epoch, state));
    this.#changed.add(state);
    return state;
  }

  #leave(state: SightedEpoch): void {
    this.#changed.delete(state);
    this.#table.leaveEpoch(state);
  }

  #read(): void {
    this.#epochs.clear();
    for (const state of this.#table.epochs()) {
      const epochs = this.#epochs.get(state.deployment) ?? new Map<number, SightedEpoch>();
      this.#epochs.set(state.deployment, epochs.set(state.epoch, state));
    }
  }
}
