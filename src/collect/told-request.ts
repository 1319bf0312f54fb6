/**
 * What is kept of a request once a client has said more of it. Pure, but for who notes the ids of events.
 *
 * The same said again must change nothing, and what was said first stands: a client that contradicts itself is not mended.
 */
import {
  isSameEvent,
  type LabelEvent,
  type LabelledRequest,
  MAXIMUM_EVENTS,
  withoutCode,
} from "./labelled-request.ts";

/** What a client said of one request, checked. */
export interface RequestFeedback {
  /** The bytes of a token that was verified. */
  readonly token: Buffer;
  readonly shown: readonly number[];
  /** Whole seconds from the prediction to when the client knew them to be displayed. */
  readonly shownDelaySeconds: number;
  readonly final: boolean;
  readonly events: readonly LabelEvent[];
}

/** What became of one event. Late ones are kept too. */
export type EventOutcome = "accepted" | "duplicate" | "expired" | "full";

/** A request after feedback. */
export interface Told {
  readonly after: LabelledRequest;
  /** One for each event, in order. */
  readonly outcomes: readonly EventOutcome[];
  /** Whether anything of the request changed. */
  readonly isNews: boolean;
}

/**
 * A request with what a client said of it added.
 *
 * @param noteId notes the id of an event; false when it was noted before.
 */
export function withFeedback(
  before: LabelledRequest | undefined,
  feedback: RequestFeedback,
  noteId: (idHash: Uint8Array) => boolean,
): Told {
  const events = [...(before?.events ?? [])];
  const outcomes = feedback.events.map((event): EventOutcome => {
    if (events.some((other) => isSameEvent(other, event))) return "duplicate";
    if (events.length >= MAXIMUM_EVENTS) return "full";
    if (event.idHash !== undefined && !noteId(event.idHash)) return "duplicate";
    events.push(event);
    return "accepted";
  });
  const { shown, shownDelaySeconds } = before === undefined ? feedback : shownOf(before, feedback);
  const after: LabelledRequest = {
    token: withoutCode(feedback.token),
    excluded: before?.excluded ?? false,
    final: (before?.final ?? false) || feedback.final,
    shown,
    shownDelaySeconds,
    events,
  };
  const isNews =
    events.length > (before?.events.length ?? 0) ||
    after.final !== (before?.final ?? false) ||
    shown.length !== (before?.shown.length ?? 0) ||
    (before !== undefined && shown.length > 0 && shownDelaySeconds !== before.shownDelaySeconds);
  return { after, outcomes, isNews };
}

/** The rows that a client displayed: as it said first, and when it knew it first. */
function shownOf(
  before: LabelledRequest,
  feedback: RequestFeedback,
): Pick<LabelledRequest, "shown" | "shownDelaySeconds"> {
  if (before.shown.length === 0) return feedback;
  const isSame =
    before.shown.length === feedback.shown.length &&
    before.shown.every((row, at) => row === feedback.shown[at]);
  return isSame && feedback.shownDelaySeconds < before.shownDelaySeconds ? feedback : before;
}
