/**
 * From what a client said to what is kept: verifies tokens, holds events to the settings, and words the answer.
 *
 * Whatever a client sends, each of its events gets one word in the order in which it was sent, and nothing is said
 * before it is stored. Nothing that was said may pass unverified into the ledger.
 */
import { createHash } from "node:crypto";
import type { EventResult } from "../api/event-result.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { isSignedWith, readTokenHead, type TokenHead, tokenBytes } from "../token/prediction-token.ts";
import { groupOf } from "../token/tags.ts";
import { quoted } from "./collect-error.ts";
import type { Collected, CollectedDeployment, CollectedLabel } from "./collected-metrics.ts";
import { isMisfit, type Misfit, type SaidEvent, type SaidFeedback } from "./feedback-body.ts";
import type { LabelEvent } from "./labelled-request.ts";
import type { EventOutcome, RequestFeedback } from "./told-request.ts";

/** The answer to one object. */
export interface FeedbackAnswer {
  /** One for each event, in order; one alone where the events could not be read. */
  readonly events: readonly EventResult[];
  /** The first thing that was wrong. */
  readonly error?: string;
}

/** What checking an object needs to know. */
export interface FeedbackContext {
  readonly ring: KeyRing;
  readonly collected: Collected;
  readonly horizonSeconds: number;
  readonly nowMilliseconds: number;
}

/** A label that is to be counted in the metrics and logged for training, once it is stored. */
export interface StoredLabel {
  readonly deployment: string;
  readonly label: string;
  readonly token: TokenHead;
  readonly event: LabelEvent;
}

/** An object that was verified. */
export interface VerifiedFeedback {
  readonly group: number;
  readonly kept: RequestFeedback;
  /** The answer once it is stored, from what became of the events in the ledger. */
  answer(outcomes: readonly EventOutcome[]): FeedbackAnswer;
  /** The labels among them that were new. */
  labels(outcomes: readonly EventOutcome[]): readonly StoredLabel[];
}

/** Clocks of clients and servers may be off by so much. */
export const CLOCK_TOLERANCE_SECONDS = 300;

const ID_HASH_BYTES = 16;

/** Checks one object: what is to be kept of it, or the answer where nothing is. */
export function verifyFeedback(
  said: SaidFeedback | Misfit,
  context: FeedbackContext,
): VerifiedFeedback | FeedbackAnswer {
  if (isMisfit(said)) return { events: ["malformed"], error: said.problem };
  const answerAll = (result: EventResult, error: string): FeedbackAnswer => ({
    events: said.events.length === 0 ? [result] : said.events.map(() => result),
    error,
  });
  const bytes = tokenBytes(said.token);
  if (bytes === undefined)
    return answerAll("malformed", `expected a prediction token, got ${quoted(said.token)}`);
  const token = readTokenHead(bytes);
  const deployment = context.collected.get(token.deployment);
  if (deployment === undefined) {
    return answerAll("foreign", "expected a token of a deployment whose labels are collected here");
  }
  const key = context.ring.verifyingKey(token);
  if (key === undefined || !isSignedWith(bytes, key)) {
    return answerAll("forged", "expected a token that was signed for this deployment");
  }
  if (token.seconds < context.horizonSeconds) {
    return answerAll("expired", "expected a token that is not older than labels may be");
  }
  if (token.seconds * 1_000 > context.nowMilliseconds + CLOCK_TOLERANCE_SECONDS * 1_000) {
    return answerAll("malformed", "expected a token of the past");
  }
  if (said.shown.some((row) => row >= token.rows)) {
    return answerAll("malformed", `expected "shown" to have rows below ${token.rows}`);
  }
  const checked = said.events.map((event) => checkEvent(event, token, deployment, context.nowMilliseconds));
  return verified(said, bytes, token, deployment, checked, context.nowMilliseconds);
}

/** Whether an object was verified. */
export function isVerified(result: VerifiedFeedback | FeedbackAnswer): result is VerifiedFeedback {
  return "kept" in result;
}

interface CheckedEvent {
  readonly label: CollectedLabel;
  readonly event: LabelEvent;
}

function verified(
  said: SaidFeedback,
  bytes: Buffer,
  token: TokenHead,
  deployment: CollectedDeployment,
  checked: readonly (CheckedEvent | Misfit)[],
  nowMilliseconds: number,
): VerifiedFeedback {
  const good = checked.filter((one): one is CheckedEvent => !isMisfit(one));
  const problem = checked.find(isMisfit)?.problem;
  return {
    group: groupOf(token.userTag),
    kept: {
      ...{ token: bytes, shown: said.shown, final: said.final, events: good.map(({ event }) => event) },
      // What happened to a row, happened once it was displayed.
      shownDelaySeconds: Math.min(
        Math.max(0, Math.floor(nowMilliseconds / 1_000) - token.seconds),
        ...good.map(({ event }) => event.delaySeconds),
      ),
    },
    answer(outcomes) {
      let next = 0;
      const events = checked.map((one): EventResult => {
        if (isMisfit(one)) return "malformed";
        const outcome = outcomes[next++];
        if (outcome === "accepted")
          return one.event.delaySeconds > one.label.maturesSeconds ? "late" : "accepted";
        return outcome === "duplicate" || outcome === "expired" ? outcome : "malformed";
      });
      const error =
        problem ?? (outcomes.includes("full") ? "expected fewer events of one request" : undefined);
      return { events, ...(error === undefined ? {} : { error }) };
    },
    labels: (outcomes) =>
      good
        .filter((_, index) => outcomes[index] === "accepted")
        .map(({ label, event }) => ({
          deployment: deployment.name,
          label: label.name,
          token,
          event,
        })),
  };
}

function checkEvent(
  said: SaidEvent | Misfit,
  token: TokenHead,
  deployment: CollectedDeployment,
  nowMilliseconds: number,
): CheckedEvent | Misfit {
  if (isMisfit(said)) return said;
  const label = deployment.labels.get(said.label);
  if (label === undefined) {
    return {
      problem: `expected "label" to be one of ${[...deployment.labels.keys()].join(", ")}, got ${quoted(said.label)}`,
    };
  }
  if (said.row !== undefined && said.row >= token.rows) {
    return { problem: `expected "row" to be below ${token.rows}, got ${said.row}` };
  }
  const at = (said.at ?? nowMilliseconds) / 1_000;
  if (at > nowMilliseconds / 1_000 + CLOCK_TOLERANCE_SECONDS) {
    return { problem: `expected "at" to be in the past` };
  }
  if (at < token.seconds - CLOCK_TOLERANCE_SECONDS) {
    return { problem: `expected "at" to be after the prediction` };
  }
  const { row, position, value, id } = said;
  return {
    label,
    event: {
      label: label.id,
      row,
      position,
      // Clocks that are off make it negative, or later than now.
      delaySeconds: Math.max(0, Math.floor(Math.min(at, nowMilliseconds / 1_000)) - token.seconds),
      value,
      idHash: id === undefined ? undefined : hashOfId(token.userTag, label.id, id),
    },
  };
}

/** What makes an event with an id one: the user, the label and the id. */
function hashOfId(userTag: Uint8Array, label: number, id: string): Uint8Array {
  return createHash("sha256").update(userTag).update(`/${label}/${id}`).digest().subarray(0, ID_HASH_BYTES);
}
