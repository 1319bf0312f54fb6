/**
 * Records `events.k8s.io/v1` Events: one for each change that a person may want to read about.
 *
 * Nothing may depend on an Event. Recording never waits, never throws and never takes more than a bounded
 * queue; what does not fit or is refused is dropped and counted.
 */

import { apiVersionOf, type KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { truncateUtf8 } from "../core/short-text.ts";
import type { Random } from "./backoff.ts";
import { microTime } from "./micro-time.ts";
import type { KubePort } from "./port.ts";

/** What happened. */
export interface EventNote {
  readonly type: "Normal" | "Warning";
  /** Why, in UpperCamelCase; at most 128 characters. */
  readonly reason: string;
  /** What was done or seen, in UpperCamelCase; at most 128 characters. */
  readonly action: string;
  /** For people. Cut after 1,024 bytes. */
  readonly note: string;
}

/** What a recorder needs. */
export interface EventRecorderOptions {
  readonly port: KubePort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The program, `petrel.dev/operator`. */
  readonly reportingController: string;
  /** The process: the pod's name. */
  readonly reportingInstance: string;
}

/** Limit of the API (`noteLengthLimit` of events.k8s.io/v1). */
const MAXIMUM_NOTE_BYTES = 1_024;
const MAXIMUM_WORD_LENGTH = 128;
const MAXIMUM_NAME_LENGTH = 253;
/** Events that wait to be written. */
const MAXIMUM_QUEUE_LENGTH = 256;

/** Writes Events one after the other. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #queue: KubeObject[] = [];
  #writing: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Events that were not recorded, because too many waited or the API server refused them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Records an Event about an object. Returns at once. */
  record(regarding: KubeObject, note: EventNote): void {
    if (this.#queue.length >= MAXIMUM_QUEUE_LENGTH) {
      this.#dropped += 1;
      return;
    }
    this.#queue.push(this.#eventObject(regarding, note));
    this.#writing ??= this.#write();
  }

  /** Resolves when all that waits has been written or dropped. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { port, log, reportingController } = this.#options;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      try {
        await port.create(event, { fieldManager: reportingController });
      } catch (error) {
        this.#dropped += 1;
        log.debug("an event was not recorded", { "petrel.event": event.metadata.name, error });
      }
    }
    this.#writing = undefined;
  }

  #eventObject(regarding: KubeObject, { type, reason, action, note }: EventNote): KubeObject {
    const { clock, random, reportingController, reportingInstance } = this.#options;
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    // Two processes may record about one object in the same millisecond.
    const suffix = `.${clock.now().toString(16)}${hexadecimal(random)}`;
    return {
      apiVersion: apiVersionOf(RESOURCE.event),
      kind: RESOURCE.event.kind,
      metadata: {
        name: name.slice(0, MAXIMUM_NAME_LENGTH - suffix.length) + suffix,
        // Events about cluster-scoped objects live here by convention.
        namespace: namespace ?? "default",
      },
      eventTime: microTime(clock.now()),
      reportingController,
      reportingInstance: reportingInstance.slice(0, MAXIMUM_WORD_LENGTH),
      type,
      reason: reason.slice(0, MAXIMUM_WORD_LENGTH),
      action: action.slice(0, MAXIMUM_WORD_LENGTH),
      note: truncateUtf8(note, MAXIMUM_NOTE_BYTES),
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    };
  }
}

function hexadecimal(random: Random): string {
  return Math.floor(random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, "0");
}
