/**
 * Asks one router what it counted of the load of all that scales in its namespace, over HTTP, at the address of its pod.
 *
 * One small answer for all ModelDeployments of the namespace. Bounded in time and size.
 */
import { type Clock, systemClock } from "../core/clock.ts";
import { LOAD_PATH, ROUTER_PORT } from "../render/router.ts";
import { HttpClient, textOf } from "../sources/http-client.ts";
import { parseLoad, type ToldLoad } from "../stats/load-slots.ts";
import { GateAnswerError } from "./ask-gate.ts";
import { routerUrl } from "./ask-routers.ts";

/** Asks for what was counted after a slot. Rejects when no whole answer comes in time. */
export type AskLoad = (address: string, afterSlot: number, signal: AbortSignal) => Promise<ToldLoad>;

/** An answer that comes later is of no use for the slot that it is about. */
const ANSWER_TIMEOUT_MILLISECONDS = 5_000;
/** Five minutes of some thousands of ModelDeployments. */
const MAXIMUM_ANSWER_BYTES = 8 * 2 ** 20;

/** Asks over HTTP. `port` is that of all routers, unless given the one of the pods that Petrel makes. */
export function askLoadOverHttp(port: number = ROUTER_PORT.http, clock: Clock = systemClock): AskLoad {
  const client = new HttpClient({ authorities: [] });
  return async (address, afterSlot, signal) => {
    const late = new AbortController();
    const cancel = clock.schedule(ANSWER_TIMEOUT_MILLISECONDS, () => late.abort());
    try {
      const url = routerUrl(address, port, LOAD_PATH);
      url.searchParams.set("after", String(afterSlot));
      const limited = AbortSignal.any([signal, late.signal]);
      const response = await client.send({ method: "GET", url, headers: {}, signal: limited });
      const text = await textOf(response, url.origin, MAXIMUM_ANSWER_BYTES);
      if (response.statusCode !== 200)
        throw new GateAnswerError(`router ${url.host} answered with ${response.statusCode}, expected 200`);
      return parseLoad(text, `router ${url.host}`);
    } finally {
      cancel();
    }
  };
}
