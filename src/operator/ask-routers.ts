/**
 * Asks the routers of a namespace what they counted of first tries for the step of a release, over HTTP, and adds it up.
 *
 * Each router that takes requests is asked, at the address of its pod. When one of them does not answer, or has not counted
 * the last minutes, there is no evidence: a candidate that is broken behind one router must not look well through the others. Bounded in time and size.
 */
import { isIP } from "node:net";
import { type Clock, systemClock } from "../core/clock.ts";
import { isCountedRecently, type RoutersQuestion, windowsOf } from "../core/rollout/gates/service-counts.ts";
import { FIRST_TRIES_PATH, ROUTER_PORT } from "../render/router.ts";
import { HttpClient, textOf } from "../sources/http-client.ts";
import { type FirstTries, parseFirstTries, sumOfRouters } from "../stats/first-tries.ts";
import { ANSWER_TIMEOUT_MILLISECONDS, GateAnswerError } from "./ask-gate.ts";

/** Asks them once. Rejects when nothing came by which may be judged. */
export type AskRouters = (question: RoutersQuestion, signal: AbortSignal) => Promise<FirstTries>;

/** Some ten times what a router keeps of one ModelDeployment. */
const MAXIMUM_ANSWER_BYTES = 4 * 2 ** 20;

/** Asks over HTTP. `port` is that of all routers, unless given the one of the pods that Petrel makes. */
export function askRoutersOverHttp(port: number = ROUTER_PORT.http, clock: Clock = systemClock): AskRouters {
  const client = new HttpClient({ authorities: [] });
  return async (question, signal) => {
    const { deployment, addresses } = question;
    if (addresses.length === 0) throw new GateAnswerError("no router takes requests");
    const askedAtMilliseconds = clock.now();
    const late = new AbortController();
    const cancel = clock.schedule(ANSWER_TIMEOUT_MILLISECONDS, () => late.abort());
    try {
      const limited = AbortSignal.any([signal, late.signal]);
      const answers = await Promise.all(
        addresses.map(async (address) => {
          const url = routerUrl(address, port, FIRST_TRIES_PATH);
          url.searchParams.set("deployment", deployment);
          const response = await client.send({ method: "GET", url, headers: {}, signal: limited });
          const text = await textOf(response, url.origin, MAXIMUM_ANSWER_BYTES);
          if (response.statusCode !== 200) {
            throw new GateAnswerError(
              `router ${url.host} answered with ${response.statusCode}, expected 200`,
            );
          }
          const ours = windowsOf(parseFirstTries(text, deployment, `router ${url.host}`), question);
          if (isCountedRecently(ours, askedAtMilliseconds)) return ours;
          throw new GateAnswerError(
            `router ${url.host} has not counted the first tries of the last minutes of the step`,
          );
        }),
      );
      return sumOfRouters(answers);
    } catch (error) {
      if (!late.signal.aborted || signal.aborted) throw error;
      throw new GateAnswerError(
        `expected an answer of every router within ${ANSWER_TIMEOUT_MILLISECONDS / 1_000} s`,
      );
    } finally {
      cancel();
      // One that has failed leaves the others without a reader.
      late.abort();
    }
  };
}

/** The URL of a path of a router, which is asked at the address of its pod and nowhere else. */
export function routerUrl(address: string, port: number, path: string): URL {
  const version = isIP(address);
  if (version === 0) throw new GateAnswerError("expected the IP address of a router, got something else");
  return new URL(`http://${version === 6 ? `[${address}]` : address}:${port}${path}`);
}
