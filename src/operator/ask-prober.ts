/**
 * Asks the prober of a drill for its counts, over HTTP from pod to pod.
 *
 * Every answer is bounded in size and time, and so is how many are asked at once; what is no record, or contradicts itself, is
 * no answer. The question names the drill: an address may be somebody else's by now.
 */
import { parseJson } from "../api/json.ts";
import { readProbeRecord } from "../core/drill/read-probe-record.ts";
import { PROBE_RECORD_PATH, PROBER_PORT } from "../render/prober.ts";
import { HttpClient, textOf } from "../sources/http-client.ts";
import { GateAnswerError } from "./ask-gate.ts";
import { within } from "./collector-access.ts";
import { Places } from "./places.ts";
import type { AskProber } from "./probe-readings.ts";

/** How much at most. */
const BOUNDS = {
  /** Eight lists of 12,000 counts of at most six characters each. */
  answerBytes: 2 ** 20,
  /** Enough that some that hang let the others be asked. */
  asked: 16,
  /** An answer is told from memory. */
  answerMilliseconds: 2_000,
};

/** Asks probers over HTTP. */
export function askProbersOverHttp(port: number = PROBER_PORT): AskProber {
  const client = new HttpClient({ authorities: [] });
  const places = new Places(BOUNDS.asked);
  return async (address, key, signal) => {
    const leave = await places.take(signal);
    const host = address.includes(":") ? `[${address}]` : address;
    const url = new URL(`http://${host}:${port}${PROBE_RECORD_PATH}?${new URLSearchParams({ key })}`);
    const late = `the prober did not answer within ${BOUNDS.answerMilliseconds} ms`;
    try {
      return await within(BOUNDS.answerMilliseconds, late, signal, async (limited) => {
        const headers = { accept: "application/json" };
        const response = await client.send({ method: "GET", url, headers, signal: limited });
        if (response.statusCode !== 200) {
          response.destroy();
          throw new GateAnswerError(`the prober answered with status ${response.statusCode}, expected 200`);
        }
        return readProbeRecord(parseJson(await textOf(response, "the prober", BOUNDS.answerBytes)));
      });
    } finally {
      leave();
    }
  };
}
