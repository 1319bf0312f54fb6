/**
 * Asks one question of a gate over HTTP: the instant query of Prometheus' API, or the POST of a web hook.
 *
 * Bounded in time and size, without credentials, without following a redirection, and only where the installation lets
 * it. Of what comes back nothing is shown but a number, a word and a short message that the answer holds by its
 * contract.
 */
import { asRecord, parseJson } from "../api/json.ts";
import { systemClock } from "../core/clock.ts";
import type { HookAnswer } from "../core/rollout/gates/gate-evidence.ts";
import type { UrlQuestion } from "../core/rollout/gates/gate-questions.ts";
import { truncateUtf8 } from "../core/short-text.ts";
import { HttpClient } from "../sources/http-client.ts";
import { postForText } from "../sources/post-for-text.ts";

/** Time for an answer, with all of its body. */
export const ANSWER_TIMEOUT_MILLISECONDS = 10_000;
const MAXIMUM_ANSWER_BYTES = 64 * 2 ** 10;
const MAXIMUM_MESSAGE_BYTES = 512;

/** No answer came that a gate can judge by. The message says what was expected and what came. */
export class GateAnswerError extends Error {
  override readonly name = "GateAnswerError";
}

/** Asks one question where it says. Rejects when no answer that can be used comes in time. */
export type AskUrl = (question: UrlQuestion, signal: AbortSignal) => Promise<number | HookAnswer>;

/** Asks over HTTP. `allowed` are the beginnings of URLs that may be asked, as {@link isAllowed} reads them. */
export function askOverHttp(allowed: readonly string[]): AskUrl {
  const client = new HttpClient({ authorities: [] });
  return async (question, signal) => {
    const { text: body, type } = question;
    if (!isAllowed(question.url, allowed)) {
      const origin = URL.parse(question.url)?.origin ?? "this URL";
      throw new GateAnswerError(`the installation does not let ${origin} be asked: see gates.allowedUrls`);
    }
    const url = urlOf(question);
    const { statusCode, text } = await postForText(client, {
      url,
      headers: {
        "content-type": type === "WebHook" ? "application/json" : "application/x-www-form-urlencoded",
        accept: "application/json",
      },
      body: type === "WebHook" ? body : new URLSearchParams({ query: body, timeout: "9s" }).toString(),
      timeoutMilliseconds: ANSWER_TIMEOUT_MILLISECONDS,
      maximumAnswerBytes: MAXIMUM_ANSWER_BYTES,
      clock: systemClock,
      signal,
    });
    if (statusCode !== 200) {
      throw new GateAnswerError(`${url.origin} answered with status ${statusCode}, expected 200`);
    }
    return type === "WebHook" ? hookAnswer(text) : queryAnswer(text);
  };
}

/** The same origin, and a path that is the allowed one or below it. */
export function isAllowed(text: string, allowed: readonly string[]): boolean {
  const url = URL.parse(text);
  return allowed.some((beginning) => {
    const limit = URL.parse(beginning);
    if (url === null || limit === null || url.origin !== limit.origin) return false;
    return `${url.pathname.replace(/\/$/, "")}/`.startsWith(`${limit.pathname.replace(/\/$/, "")}/`);
  });
}

function urlOf({ url: text, type }: UrlQuestion): URL {
  const url = new URL(text);
  if (type === "PrometheusQuery") url.pathname = `${url.pathname.replace(/\/$/, "")}/api/v1/query`;
  return url;
}

/**
 * Reads the answer to an instant query: a scalar, or a vector with one series.
 *
 * @throws {GateAnswerError}
 */
export function queryAnswer(text: string): number {
  const { status, data } = asRecord(parseJson(text)) ?? {};
  const { resultType, result } = asRecord(data) ?? {};
  if (status !== "success" || !Array.isArray(result)) {
    throw new GateAnswerError("expected the answer of a query of Prometheus, got something else");
  }
  if (resultType === "scalar") return sampleOf(result);
  if (resultType !== "vector") {
    throw new GateAnswerError("expected a query that gives a scalar or a vector, got another type");
  }
  if (result.length !== 1) {
    throw new GateAnswerError(`expected a query that gives one series, got ${result.length}`);
  }
  return sampleOf(asRecord(result[0])?.["value"]);
}

/** Prometheus writes numbers as text, with `NaN`, `+Inf` and `-Inf` among them. */
function sampleOf(sample: unknown): number {
  const value: unknown = Array.isArray(sample) ? sample[1] : undefined;
  if (value === "+Inf") return Number.POSITIVE_INFINITY;
  if (value === "-Inf") return Number.NEGATIVE_INFINITY;
  if (value === "NaN") return Number.NaN;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw new GateAnswerError("expected a sample with a number, got something else");
}

const OUTCOMES = ["Pass", "Wait", "Fail"] as const;

/**
 * Reads `{"outcome": "Pass", "message": "..."}`.
 *
 * @throws {GateAnswerError}
 */
export function hookAnswer(text: string): HookAnswer {
  const { outcome, message = "" } = asRecord(parseJson(text)) ?? {};
  const known = OUTCOMES.find((one) => one === outcome);
  if (known === undefined || typeof message !== "string") {
    throw new GateAnswerError(
      'expected {"outcome": "Pass", "Wait" or "Fail", "message": text}, got something else',
    );
  }
  // What could repaint a terminal is no part of a message.
  const shown = message.replace(/\p{Cc}+/gu, " ").trim();
  return { outcome: known, message: truncateUtf8(shown, MAXIMUM_MESSAGE_BYTES) };
}
