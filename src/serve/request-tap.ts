/**
 * What the model server tells its sidecar of each inference request, whichever protocol it came by: an observation
 * begins with the headers, the service adds inputs and outputs, and the answer ends it.
 *
 * While nobody listens, or the sidecar does not keep up, a request is counted and not looked at.
 */
import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { MarkedRequest } from "../process/shadow-reporter.ts";
import { Observation } from "../tap/observation.ts";
import { ObservedHeaders } from "../tap/observed-headers.ts";
import type { ObservedSettings } from "../tap/observed-settings.ts";
import { HmacKey } from "../token/hmac-sha256.ts";
import { TapSender } from "./tap-sender.ts";

/** What is told, and to whom. */
export interface TapSettings {
  /** Path of the sidecar's Unix socket. */
  readonly socket: string;
  readonly observed: ObservedSettings;
}

/** Begins to look at a request of which there is a copy, by names and values of its headers; undefined for any other. */
export type BeginMarked = (rawHeaders: readonly string[]) => MarkedRequest | undefined;

const USER_KEY_BYTES = 32;

/** The tap of one model server. */
export class RequestTap {
  readonly sender: TapSender;
  readonly #observed: ObservedSettings;
  readonly #headers: ObservedHeaders;
  readonly #clock: Clock;

  constructor(
    { socket: path, observed }: TapSettings,
    model: string,
    revision: string,
    edges: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#observed = observed;
    this.#clock = edges.clock;
    const columns = observed.columns.map(({ name }) => name);
    this.sender = new TapSender({ path, model, revision, columns, ...edges });
    this.#headers = new ObservedHeaders(observed, new HmacKey(randomBytes(USER_KEY_BYTES)), Math.random);
  }

  /** Begins to observe a request over REST, by its names and values one after the other. */
  beginRest(rawHeaders: readonly string[]): Observation | undefined {
    const observation = this.#begin();
    if (observation !== undefined) this.#headers.readRaw(rawHeaders, observation);
    return observation;
  }

  /** Begins to observe a request over gRPC. */
  beginGrpc(headers: IncomingHttpHeaders): Observation | undefined {
    const observation = this.#begin();
    if (observation !== undefined) this.#headers.read(headers, observation);
    return observation;
  }

  /** The request was answered with a status as HTTP has it. */
  end({ event }: Observation, httpStatus: number, latencyMilliseconds: number): void {
    event.status = httpStatus;
    event.latencyMilliseconds = latencyMilliseconds;
    this.sender.send(event);
  }

  #begin(): Observation | undefined {
    if (!this.sender.takesEvents) {
      this.sender.skip();
      return undefined;
    }
    const observation = new Observation(this.#observed, Math.random);
    observation.event.timeMilliseconds = this.#clock.now();
    return observation;
  }
}
