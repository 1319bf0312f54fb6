/**
 * The events of one watch on the in-memory API server: what happened since a version, then what happens,
 * until the time is up or the consumer stops.
 */
import type { Clock } from "../../src/core/clock.ts";
import { KubeError, type WatchEvent, type WatchOptions } from "../../src/kube/port.ts";
import type { ObjectStore, StoredChange } from "./object-store.ts";
import type { ObjectFilter } from "./selectors.ts";

/** The real API server sends a bookmark about every minute, and one before the time is up. */
const BOOKMARK_PERIOD_MILLISECONDS = 60_000;
const LAST_BOOKMARK_MILLISECONDS = 2_000;

/** What a watch reads. */
export interface WatchSource {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Name of the type in the store. */
  readonly type: string;
  readonly filter: ObjectFilter;
}

/** Follows one type. Ends when `timeoutSeconds` are over or the signal is aborted. */
export async function* watchStream(
  { store, clock, type, filter }: WatchSource,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const events: WatchEvent[] = [];
  let wake = () => {};
  let isOver = false;
  // A watch from a version that is yet to come hears nothing before that, not even bookmarks.
  const push = (event: WatchEvent) => {
    if (store.version < startVersion) return;
    events.push(event);
    wake();
  };
  const end = () => {
    isOver = true;
    wake();
  };
  const bookmark = (initialEventsEnd: boolean) =>
    push({ type: "BOOKMARK", resourceVersion: String(store.version), initialEventsEnd });

  const startVersion = startVersionOf(options);
  const startsFromAny = options.resourceVersion === undefined || options.resourceVersion === "0";
  if (options.sendInitialEvents || startsFromAny) {
    for (const object of store.objectsAt(type, store.version)) {
      if (filter(object)) push({ type: "ADDED", object });
    }
    if (options.sendInitialEvents) bookmark(true);
  } else {
    for (const change of store.changesAfter(startVersion)) {
      const event = change.type === type ? eventOf(change, filter) : undefined;
      if (event !== undefined) push(event);
    }
  }

  const stops = [
    store.subscribe((change) => {
      const event = change.type === type ? eventOf(change, filter) : undefined;
      if (event !== undefined) push(event);
    }),
    clock.schedule(options.timeoutSeconds * 1000, end),
    clock.schedule(options.timeoutSeconds * 1000 - LAST_BOOKMARK_MILLISECONDS, () => bookmark(false)),
    ...everyPeriod(clock, BOOKMARK_PERIOD_MILLISECONDS, options.timeoutSeconds * 1000, () => bookmark(false)),
  ];
  signal.addEventListener("abort", end, { once: true });
  try {
    while (!signal.aborted) {
      const event = events.shift();
      if (event !== undefined) {
        yield event;
      } else if (isOver) {
        return;
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    }
  } finally {
    for (const stop of stops) stop();
    signal.removeEventListener("abort", end);
  }
}

/** An object that leaves the filter is deleted for this watch, one that enters it is added. */
function eventOf({ before, after, version }: StoredChange, filter: ObjectFilter): WatchEvent | undefined {
  const wasIn = before !== undefined && filter(before);
  const isIn = after !== undefined && filter(after);
  if (isIn) return { type: wasIn ? "MODIFIED" : "ADDED", object: after };
  if (!wasIn) return undefined;
  // The last form in the filter, under the version of the change.
  const metadata = { ...before.metadata, resourceVersion: String(version) };
  return { type: "DELETED", object: { ...before, metadata } };
}

function startVersionOf({ resourceVersion = "0" }: WatchOptions): number {
  const version = Number(resourceVersion);
  if (!Number.isInteger(version)) {
    throw new KubeError(400, "BadRequest", `invalid resource version ${JSON.stringify(resourceVersion)}`);
  }
  return version;
}

function everyPeriod(
  clock: Clock,
  period: number,
  total: number,
  callback: () => void,
): readonly (() => void)[] {
  const count = Math.floor((total - 1) / period);
  return Array.from({ length: count }, (_, index) => clock.schedule((index + 1) * period, callback));
}
