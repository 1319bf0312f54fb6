/**
 * Lines of the access log (`render/envoy/access-log.ts`): which answers were counted, and which were not delivered.
 */
import { tokenPrefixBytes } from "../token/prediction-token.ts";

/** One answer with a token. */
export interface LoggedAnswer {
  readonly token: string;
  /** Nobody got it: its labels do not count either. */
  readonly excluded: boolean;
}

/** Flags of answers that did not reach their client: it went away, or broke the protocol. */
const UNDELIVERED: ReadonlySet<string> = new Set(["DC", "DPE", "DT", "DR"]);

/**
 * Reads a line. Undefined for an answer without a token, and for what cannot be a line or a token: a model server may
 * say anything, and one wrong token must not hold up those of others.
 */
export function readLoggedAnswer(line: string): LoggedAnswer | undefined {
  const [_startedAt, flags = "", token = "", ...rest] = line.split(" ");
  if (rest.length > 0 || tokenPrefixBytes(token) === undefined) return undefined;
  return { token, excluded: flags.split(",").some((flag) => UNDELIVERED.has(flag)) };
}
