/**
 * What routers tell of first tries: how those of both arms of a plan that splits the traffic ended, minute by minute.
 *
 * Counts of several routers and minutes add. A gate may promote by them, so an answer with a part missing, or no number
 * where one belongs, is refused as a whole, with the place. Pure.
 */
import { asRecord, parseJson } from "../api/json.ts";
import { ToldJson } from "../api/told-json.ts";

/** First tries of one arm. */
export interface ArmTries {
  readonly tries: number;
  /** Of these, those that failed by the server's fault. */
  readonly errors: number;
  /**
   * How long they took, as counts by bucket: the first bucket is below the first edge, the last one from the last edge on.
   * A try that failed for another reason than its time has no place in it.
   */
  readonly latencies: readonly number[];
}

/** Both arms in one stretch of time. */
export interface TryWindow {
  /** Its first minute since the Unix epoch. */
  readonly slot: number;
  /** Its length in minutes: 1, or {@link BLOCK_MINUTES} where it was put together. */
  readonly minutes: number;
  /** Of the plan of the traffic that was in effect when it began. */
  readonly epoch: number;
  readonly candidate: ArmTries;
  readonly stable: ArmTries;
  /** First tries that went to stable for another reason than chance: load of its pods, and no part of what is compared. */
  readonly uncompared: number;
}

/** What one router tells of one ModelDeployment. */
export interface FirstTries {
  readonly edgesMilliseconds: readonly number[];
  readonly windows: readonly TryWindow[];
  /**
   * The last minute that it has counted, since the Unix epoch. Absent while none is counted under the present share: no
   * windows are then no knowledge, and not no requests.
   */
  readonly countedThrough?: number;
}

/** Minutes of long ago are put together to blocks of so many, which begin at multiples of them. */
export const BLOCK_MINUTES = 10;
/** Most windows of an answer; a router keeps fewer. */
const MAXIMUM_WINDOWS = 1_024;
/** Most edges. */
const MAXIMUM_EDGES = 256;

/** An answer cannot be used. The message says what was expected and what came. */
export class FirstTriesError extends Error {
  override readonly name = "FirstTriesError";
}

const told = new ToldJson(FirstTriesError);

/** The first slot of the block that a slot is in. */
export function blockOf(slot: number): number {
  return slot - (slot % BLOCK_MINUTES);
}

/** No first try. */
export function noTries(edges: readonly number[]): ArmTries {
  return { tries: 0, errors: 0, latencies: Array.from({ length: edges.length + 1 }, () => 0) };
}

/** The sum. */
export function addTries(one: ArmTries, other: ArmTries): ArmTries {
  return {
    tries: one.tries + other.tries,
    errors: one.errors + other.errors,
    latencies: one.latencies.map((count, bucket) => count + (other.latencies[bucket] ?? 0)),
  };
}

/**
 * Puts windows together where `isTogether` says so of their block, and those of the same time anyway. The epoch is the
 * earliest one.
 */
export function mergeWindows(
  windows: readonly TryWindow[],
  isTogether: (block: number) => boolean,
): readonly TryWindow[] {
  const merged = new Map<number, TryWindow>();
  for (const window of windows) {
    const block = blockOf(window.slot);
    const [slot, minutes] = isTogether(block) ? [block, BLOCK_MINUTES] : [window.slot, window.minutes];
    const before = merged.get(slot);
    merged.set(slot, {
      slot,
      minutes,
      epoch: Math.min(window.epoch, before?.epoch ?? window.epoch),
      candidate: before === undefined ? window.candidate : addTries(before.candidate, window.candidate),
      stable: before === undefined ? window.stable : addTries(before.stable, window.stable),
      uncompared: (before?.uncompared ?? 0) + window.uncompared,
    });
  }
  return [...merged.values()].toSorted((left, right) => left.slot - right.slot);
}

/**
 * The windows of all routers, each stretch of time once: a block where one of them tells of it as a block. Counted through
 * the minute that all of them have counted.
 *
 * @throws {FirstTriesError} when they count in different buckets, as while routers of two versions run.
 */
export function sumOfRouters(answers: readonly FirstTries[]): FirstTries {
  const [first, ...others] = answers;
  if (first === undefined) return { edgesMilliseconds: [], windows: [] };
  const { edgesMilliseconds } = first;
  if (others.some((other) => String(other.edgesMilliseconds) !== String(edgesMilliseconds))) {
    throw new FirstTriesError(
      "expected routers that count in the same buckets of latency, got different ones",
    );
  }
  const windows = answers.flatMap((answer) => answer.windows);
  const blocks = new Set(windows.flatMap(({ slot, minutes }) => (minutes > 1 ? [blockOf(slot)] : [])));
  const through = answers.map(({ countedThrough }) => countedThrough ?? Number.NaN);
  const countedThrough = Math.min(...through);
  return {
    edgesMilliseconds,
    windows: mergeWindows(windows, (block) => blocks.has(block)),
    ...(Number.isNaN(countedThrough) ? {} : { countedThrough }),
  };
}

/** As JSON. */
export function firstTriesText(deployment: string, tries: FirstTries): string {
  return JSON.stringify(firstTriesBody(deployment, tries));
}

/** The object of that JSON. Counts by bucket are pairs: most buckets are empty. */
export function firstTriesBody(
  deployment: string,
  { edgesMilliseconds, windows, countedThrough }: FirstTries,
): object {
  const armOf = ({ tries, errors, latencies }: ArmTries) => ({
    tries,
    errors,
    latencies: latencies.flatMap((count, bucket) => (count === 0 ? [] : [[bucket, count]])),
  });
  return {
    deployment,
    edgesMilliseconds,
    countedThrough,
    windows: windows.map(({ candidate, stable, ...rest }) => ({
      ...rest,
      candidate: armOf(candidate),
      stable: armOf(stable),
    })),
  };
}

/**
 * Reads an answer. Members that are not known are passed over: a router may be newer than who reads.
 *
 * @param where it came from, for the message.
 * @throws {FirstTriesError} for anything but a whole answer about this deployment.
 */
export function parseFirstTries(text: string, deployment: string, where: string): FirstTries {
  const value = parseJson(text);
  if (asRecord(value) === undefined)
    throw told.wrong(where, "a whole answer in JSON", `${text.length} characters`);
  return readFirstTries(value, deployment, where);
}

/**
 * Reads the object of such an answer.
 *
 * @throws {FirstTriesError} as {@link parseFirstTries}.
 */
export function readFirstTries(value: unknown, deployment: string, where: string): FirstTries {
  const answer = asRecord(value);
  if (answer === undefined) throw told.wrong(where, "a whole answer in JSON", value);
  if (answer["deployment"] !== deployment)
    throw told.wrong(`${where}: deployment`, JSON.stringify(deployment), answer["deployment"]);
  const edges = told
    .list(answer["edgesMilliseconds"], MAXIMUM_EDGES, `${where}: edgesMilliseconds`)
    .map((edge, at, all) => {
      const before = at === 0 ? 0 : all[at - 1];
      if (typeof edge === "number" && typeof before === "number" && edge > before) return edge;
      throw told.wrong(`${where}: edgesMilliseconds[${at}]`, "a number above the one before", edge);
    });
  const windows = told
    .list(answer["windows"], MAXIMUM_WINDOWS, `${where}: windows`)
    .map((window, at) => windowOf(window, edges.length + 1, `${where}: windows[${at}]`));
  const countedThrough = answer["countedThrough"];
  return {
    edgesMilliseconds: edges,
    windows,
    ...(countedThrough === undefined
      ? {}
      : { countedThrough: told.whole(countedThrough, `${where}: countedThrough`) }),
  };
}

function windowOf(value: unknown, buckets: number, where: string): TryWindow {
  const window = asRecord(value) ?? {};
  const slot = told.whole(window["slot"], `${where}.slot`);
  const minutes = told.whole(window["minutes"], `${where}.minutes`);
  const isBlock = minutes === BLOCK_MINUTES && slot === blockOf(slot);
  if (minutes !== 1 && !isBlock) {
    throw told.wrong(`${where}.minutes`, `1, or ${BLOCK_MINUTES} from a multiple of them on`, minutes);
  }
  return {
    slot,
    minutes,
    epoch: told.whole(window["epoch"], `${where}.epoch`),
    candidate: armOf(window["candidate"], buckets, `${where}.candidate`),
    stable: armOf(window["stable"], buckets, `${where}.stable`),
    uncompared: told.whole(window["uncompared"], `${where}.uncompared`),
  };
}

function armOf(value: unknown, buckets: number, where: string): ArmTries {
  const arm = asRecord(value) ?? {};
  const tries = told.whole(arm["tries"], `${where}.tries`);
  const errors = told.whole(arm["errors"], `${where}.errors`);
  if (errors > tries) throw told.wrong(`${where}.errors`, `at most ${tries}`, errors);
  const counts = told.bucketCounts(arm["latencies"], buckets, tries, `${where}.latencies`);
  const latencies = Array.from({ length: buckets }, (_, bucket) => counts.get(bucket) ?? 0);
  return { tries, errors, latencies };
}
