/**
 * How far the access log has been handed to the collector: what a router must remember so that it counts each answer once,
 * whenever it is ended and started again. Pure.
 *
 * A batch that was begun is sent again, the very same, until it is acknowledged. What is lost is said as a gap: nothing
 * may ever count as complete by forgetting.
 */
import Type from "typebox";
import { Compile } from "typebox/compile";
import { parseJson } from "../api/json.ts";

/** The collector takes no more in one batch. */
const MAXIMUM_GAPS = 16;

const time = Type.Number();
const count = Type.Integer({ minimum: 0 });
const gapSchema = Type.Object({ from: time, to: time });
const gapsSchema = Type.Array(gapSchema, { maxItems: MAXIMUM_GAPS });

const pendingBatchSchema = Type.Object({
  number: count,
  /** Name of the sealed file; absent for a batch without requests. */
  file: Type.Optional(Type.String()),
  /** First byte of the part, and the one after its last. */
  start: count,
  end: count,
  closedAt: time,
  to: time,
  gaps: gapsSchema,
  final: Type.Boolean(),
});

const envoySightSchema = Type.Object({
  /** When it was asked and when it had answered, by this machine's clock: it looked at its own in between. */
  from: time,
  to: time,
  uptimeSeconds: Type.Number(),
  /** Writes to files that failed since Envoy started. */
  failedWrites: count,
});

const shippingStateSchema = Type.Object({
  incarnation: Type.String(),
  startedAt: time,
  /** The last batch that was acknowledged, or given up. */
  number: count,
  /** Every request that started before is in a batch, or a gap. */
  to: time,
  /** The sealed file that was read last, and how far. */
  file: Type.Optional(Type.String()),
  offset: count,
  /** Not said yet. */
  gaps: gapsSchema,
  pending: Type.Optional(pendingBatchSchema),
  envoy: Type.Optional(envoySightSchema),
});

const noteCheck = Compile(shippingStateSchema);

/** A stretch of time in milliseconds of this machine's clock. */
export type Gap = Readonly<Type.Static<typeof gapSchema>>;
/** A batch that was begun: which part of which file it is, and what it says of itself. */
export type PendingBatch = Readonly<Type.Static<typeof pendingBatchSchema>>;
/** What was last seen of Envoy. */
export type EnvoySight = Readonly<Type.Static<typeof envoySightSchema>>;
/** All that is remembered. Times are milliseconds since the Unix epoch. */
export type ShippingState = Readonly<Type.Static<typeof shippingStateSchema>>;

/**
 * An answer is logged when it ends. So long before now, a request may have begun whose answer has not been read: the
 * longest time-out, and time to get into the file. Requests whose bodies come in slower are counted all the same, later.
 */
export const LOG_LAG_MILLISECONDS = 32_000;

/** The state of a router that begins to log. */
export function newShippingState(router: string, now: number): ShippingState {
  return { incarnation: `${router}/${now}`, startedAt: now, number: 0, to: now, offset: 0, gaps: [] };
}

/** Begins a batch: a part of a sealed file, or none. `sealedAt` is given with the last part of a file. */
export function withPending(
  state: ShippingState,
  part: Pick<PendingBatch, "file" | "start" | "end">,
  sealedAt: number | undefined,
  final: boolean,
  now: number,
): ShippingState {
  // A final batch comes after Envoy's end: nothing can follow that began before.
  const reached = final ? now : (sealedAt ?? 0) - LOG_LAG_MILLISECONDS;
  const to = sealedAt === undefined && !final ? state.to : Math.max(state.to, reached);
  const closedAt = Math.max(now, to, state.startedAt);
  const pending = { ...part, number: state.number + 1, closedAt, to, gaps: state.gaps, final };
  return { ...state, gaps: [], pending };
}

/** The pending batch is acknowledged. */
export function withoutPending(state: ShippingState): ShippingState {
  const { pending, ...rest } = state;
  if (pending === undefined) return state;
  const done = { ...rest, number: pending.number, to: Math.max(state.to, pending.to) };
  // A sign of life reads no file.
  return pending.file === undefined ? done : { ...done, file: pending.file, offset: pending.end };
}

/** The pending batch will never be taken: its number stays away, and its time is a gap. */
export function withRefused(state: ShippingState): ShippingState {
  const { pending } = state;
  if (pending === undefined) return state;
  const gap = { from: state.to, to: pending.closedAt };
  return withGap({ ...withoutPending(state), gaps: pending.gaps }, gap);
}

/** A sealed file is given up. */
export function withDropped(state: ShippingState, sealedAt: number): ShippingState {
  const { pending, ...rest } = state;
  const number = pending?.number ?? state.number;
  const gaps = [...state.gaps, ...(pending?.gaps ?? [])];
  return withGap({ ...rest, number, gaps }, { from: state.to, to: Math.max(state.to, sealedAt) });
}

/** Something is lost. */
export function withGap(state: ShippingState, gap: Gap): ShippingState {
  const gaps = [...state.gaps, gap].toSorted((a, b) => a.from - b.from);
  while (gaps.length > MAXIMUM_GAPS) {
    const [first, second] = gaps.splice(0, 2);
    if (first === undefined || second === undefined) break;
    gaps.unshift({ from: first.from, to: Math.max(first.to, second.to) });
  }
  return { ...state, gaps };
}

/**
 * Envoy was seen. One that has started since it was seen last took with it what it had not written; so did one that could
 * not write. However long this program or Envoy was held up, an Envoy that went on is not taken for a new one.
 */
export function withSight(state: ShippingState, sight: EnvoySight): ShippingState {
  const before = state.envoy;
  const seen = { ...state, envoy: sight };
  if (before === undefined) return seen;
  const hasRestarted =
    sight.uptimeSeconds < before.uptimeSeconds || earliestStart(sight) > latestStart(before);
  const hasFailed = !hasRestarted && sight.failedWrites > before.failedWrites;
  return hasRestarted || hasFailed
    ? withGap(seen, { from: Math.max(0, before.from - LOG_LAG_MILLISECONDS), to: sight.to })
    : seen;
}

/** Whether an Envoy has surely started after a moment. */
export function hasStartedSince(sight: EnvoySight, moment: number): boolean {
  return earliestStart(sight) > moment;
}

/** Envoy tells the difference of two times in whole seconds, so its answer is less than one second off, either way. */
const UPTIME_ERROR_SECONDS = 1;

function earliestStart({ from, uptimeSeconds }: EnvoySight): number {
  return from - (uptimeSeconds + UPTIME_ERROR_SECONDS) * 1_000;
}

function latestStart({ to, uptimeSeconds }: EnvoySight): number {
  return to - (uptimeSeconds - UPTIME_ERROR_SECONDS) * 1_000;
}

/** Reads what was noted; undefined for anything else. */
export function readShippingState(text: string): ShippingState | undefined {
  const note = parseJson(text);
  return noteCheck.Check(note) ? note : undefined;
}
