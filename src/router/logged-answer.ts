/**
 * Lines of the access log (`render/envoy/access-log.ts`): which answers were counted, which were not delivered, and what
 * became of each request.
 */
import { GRPC_FAULT_CODES } from "../render/envoy/first-try-statistics.ts";
import { latencyBucket, SERVED_ARMS, type ServedMinute, sumOfServed } from "../stats/served-minutes.ts";
import { tokenPrefixBytes } from "../token/prediction-token.ts";
import { slotOf } from "../token/slot.ts";

/** One answer with a token. */
export interface LoggedAnswer {
  readonly token: string;
  /** Nobody got it: its labels do not count either. */
  readonly excluded: boolean;
}

/** A line: an answer, what became of a request of an arm, or both. */
export interface LoggedLine {
  /** Absent without a token. */
  readonly answer?: LoggedAnswer;
  /** The one request, in its minute; absent where no arm is known. */
  readonly served?: ServedMinute;
}

/** Flags of answers that did not reach their client: it went away, or broke the protocol. */
const UNDELIVERED: ReadonlySet<string> = new Set(["DC", "DPE", "DT", "DR"]);
/** Envoy waited for the answer as long as a request may take. */
const TIMED_OUT = "UT";
const GRPC_FAULTS: ReadonlySet<number> = new Set(Object.values(GRPC_FAULT_CODES));
const WHOLE = /^\d{1,15}$/;
/** Clusters of a ModelDeployment are called NAME_ARM_HASH_PROTOCOL. What was refused before a route was chosen has none. */
const CLUSTER = /^([-a-z0-9]+)_(?:stable|candidate)_[a-z0-9]+_(?:rest|grpc)$/;

/**
 * Reads a line. There is no answer in one without a token, or with what cannot be one: a model server may say anything, and
 * one wrong token must not hold up those of others.
 */
export function readLoggedLine(line: string): LoggedLine {
  const [startedAt, flagText = "", code, grpc, duration, answerTime, arm, cluster = "", token = "", ...rest] =
    line.split(" ");
  const flags = flagText.split(",");
  const isToken = rest.length === 0 && tokenPrefixBytes(token) !== undefined;
  const excluded = flags.some((flag) => UNDELIVERED.has(flag));
  const deployment = CLUSTER.exec(cluster)?.[1];
  const known = SERVED_ARMS.find((one) => one === arm);
  const [seconds, status, milliseconds] = [startedAt, code, duration].map(wholeIn);
  const isWhole = seconds !== undefined && status !== undefined && milliseconds !== undefined;
  if (!isWhole || known === undefined || deployment === undefined)
    return isToken ? { answer: { token, excluded } } : {};
  const isError = status >= 500 || status === 429 || GRPC_FAULTS.has(wholeIn(grpc) ?? 0);
  const answerMicroseconds = wholeIn(answerTime);
  // What the client gave up took at least so long, as did what Envoy gave up: a server that hangs must not look fast.
  const isUnanswered = answerMicroseconds === undefined || status === 0 || flags.includes(TIMED_OUT);
  const latency = isUnanswered ? milliseconds : answerMicroseconds / 1_000;
  const isTimed = !isError || flags.includes(TIMED_OUT);
  const served: ServedMinute = {
    ...{ deployment, slot: slotOf(seconds), arm: known },
    ...{ requests: 1, errors: isError ? 1 : 0, milliseconds },
    latencies: new Map(isTimed ? [[latencyBucket(latency), 1]] : []),
  };
  return isToken ? { answer: { token, excluded }, served } : { served };
}

/** What became of the requests of some lines, minute by minute. */
export function servedMinutesOf(lines: readonly LoggedLine[]): readonly ServedMinute[] {
  const minutes = Map.groupBy(
    lines.flatMap(({ served }) => served ?? []),
    ({ deployment, slot, arm }) => `${slot}/${arm}/${deployment}`,
  );
  return [...minutes.values()].flatMap((served) => {
    const [first] = served;
    if (first === undefined) return [];
    const { deployment, slot, arm } = first;
    return [{ deployment, slot, arm, ...sumOfServed(served) }];
  });
}

function wholeIn(text: string | undefined): number | undefined {
  return text !== undefined && WHOLE.test(text) ? Number(text) : undefined;
}
