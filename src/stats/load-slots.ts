/**
 * What routers tell of the load of the ModelDeployments that scale: a few counts for each quarter of a minute.
 *
 * Counts of several routers add. An answer with a part missing, or no number where one belongs, is refused as a whole, with the
 * place: what is not told must never look like no load. Pure.
 */
import { asRecord, parseJson } from "../api/json.ts";
import { ToldJson } from "../api/told-json.ts";

/** Length of a slot. They begin at multiples of it since the Unix epoch, so that those of all routers are the same. */
export const LOAD_SLOT_SECONDS = 15;
/** The same in milliseconds. */
export const LOAD_SLOT_MILLISECONDS = 1_000 * LOAD_SLOT_SECONDS;
/** Slots that a router keeps: five minutes, so that nobody who asks late misses any. */
export const KEPT_LOAD_SLOTS = 20;

/** What one router counted of one ModelDeployment in one slot. */
export interface LoadCounts {
  /** Requests that ended, however they did. */
  readonly ended: number;
  /** Of these, those that held a server: all but those that were refused. */
  readonly answered: number;
  /** For so long these were under way, all together, in milliseconds. */
  readonly busyMilliseconds: number;
}

/** The counts of a slot. */
export interface LoadSlot extends LoadCounts {
  /** Slots since the Unix epoch. */
  readonly slot: number;
}

/** By the name of the ModelDeployment; ascending. */
export type ToldLoad = ReadonlyMap<string, readonly LoadSlot[]>;

/** An answer cannot be used. The message says what was expected and what came. */
export class ToldLoadError extends Error {
  override readonly name = "ToldLoadError";
}

const told = new ToldJson(ToldLoadError);
const MAXIMUM_DEPLOYMENTS = 10_000;

/** The slot that a time is in. */
export function loadSlotAt(milliseconds: number): number {
  return Math.floor(milliseconds / LOAD_SLOT_MILLISECONDS);
}

/** As JSON. The counts of a slot are a list: there are many. */
export function loadText(load: ToldLoad): string {
  const deployments = [...load].map(([name, slots]) => ({
    name,
    slots: slots.map(({ slot, ended, answered, busyMilliseconds }) => [
      slot,
      ended,
      answered,
      busyMilliseconds,
    ]),
  }));
  return JSON.stringify({ slotSeconds: LOAD_SLOT_SECONDS, deployments });
}

/**
 * Reads an answer.
 *
 * @param where it came from, for the message.
 * @throws {ToldLoadError} for anything but a whole answer, and for slots of another length.
 */
export function parseLoad(text: string, where: string): ToldLoad {
  const answer = asRecord(parseJson(text));
  if (answer === undefined) throw told.wrong(where, "a whole answer in JSON", `${text.length} characters`);
  if (answer["slotSeconds"] !== LOAD_SLOT_SECONDS)
    throw told.wrong(`${where}: slotSeconds`, String(LOAD_SLOT_SECONDS), answer["slotSeconds"]);
  const list = told.list(answer["deployments"], MAXIMUM_DEPLOYMENTS, `${where}: deployments`);
  return new Map(
    list.map((value, at) => {
      const place = `${where}: deployments[${at}]`;
      const { name, slots } = asRecord(value) ?? {};
      if (typeof name !== "string") throw told.wrong(`${place}.name`, "a name", name);
      return [
        name,
        told
          .list(slots, KEPT_LOAD_SLOTS, `${place}.slots`)
          .map((counts, index) => slotOf(counts, `${place}.slots[${index}]`)),
      ];
    }),
  );
}

function slotOf(value: unknown, where: string): LoadSlot {
  const [slot, ended, answered, busyMilliseconds] = told.list(value, 4, where);
  const counts = {
    slot: told.whole(slot, where),
    ended: told.whole(ended, where),
    answered: told.whole(answered, where),
    busyMilliseconds: told.whole(busyMilliseconds, where),
  };
  if (counts.answered > counts.ended)
    throw told.wrong(where, `at most ${counts.ended} answered`, counts.answered);
  return counts;
}
