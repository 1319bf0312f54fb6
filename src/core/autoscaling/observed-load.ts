/**
 * The load of a ModelDeployment as a decision sees it, and what counts of several routers come to. Pure.
 *
 * A slot counts only when every router that took requests in any part of it has told of it: one that is gone, or does not
 * answer, makes its slots unknown, and never makes them look quiet.
 */
import { LOAD_SLOT_MILLISECONDS, LOAD_SLOT_SECONDS, type LoadSlot } from "../../stats/load-slots.ts";
import type { LoadSample } from "./load-sample.ts";

/** What is known of the load. */
export interface ObservedLoad {
  /** Since when it is asked for, in milliseconds since the Unix epoch: nothing is known of before. */
  readonly sinceMilliseconds: number;
  /** Of whole slots, from the oldest to the newest. */
  readonly samples: readonly LoadSample[];
}

/** Samples that are kept: of an hour, the longest that scaling in waits, and of a minute before it. */
export const KEPT_SAMPLES = 244;

/** When a router took requests, in milliseconds since the Unix epoch. */
export interface Presence {
  readonly address: string;
  readonly from: number;
  /** Absent while it does. */
  readonly until?: number;
}

/** What a router told of a slot. */
export interface ToldSlot extends LoadSlot {
  /** Address of the router. */
  readonly by: string;
}

/** The samples of the slots that are whole; `told` has each router and slot at most once. */
export function wholeSamples(
  told: readonly ToldSlot[],
  presences: readonly Presence[],
): readonly LoadSample[] {
  const bySlot = Map.groupBy(told, ({ slot }) => slot);
  return [...bySlot]
    .toSorted(([left], [right]) => left - right)
    .flatMap(([slot, counts]) => {
      const begin = slot * LOAD_SLOT_MILLISECONDS;
      const end = begin + LOAD_SLOT_MILLISECONDS;
      const present = presences.filter(
        ({ from, until = Number.POSITIVE_INFINITY }) => from < end && until > begin,
      );
      const isWhole =
        present.length > 0 && present.every(({ address }) => counts.some(({ by }) => by === address));
      if (!isWhole) return [];
      let [arrived, answered, busyMilliseconds] = [0, 0, 0];
      for (const count of counts) {
        arrived += count.ended;
        answered += count.answered;
        busyMilliseconds += count.busyMilliseconds;
      }
      const busySeconds = busyMilliseconds / 1_000;
      return [{ atMilliseconds: end, seconds: LOAD_SLOT_SECONDS, arrived, answered, busySeconds }];
    });
}
