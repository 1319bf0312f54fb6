/**
 * A {@link KubePort} around another one that goes wrong where its script says so: refusals, slow answers,
 * answers that are lost after the write has happened, watches that lag or break, a process that is cut off
 * for good.
 *
 * It decides nothing and knows no chance: the script does, from its seed.
 */

import type { KubeObject, ObjectReference, ResourceType } from "../../src/api/kube-object.ts";
import { type Clock, sleep } from "../../src/core/clock.ts";
import { referenceTo } from "../../src/kube/object-key.ts";
import {
  type ApplyOptions,
  type DeleteOptions,
  KubeError,
  type KubePort,
  type ListOptions,
  type ObjectList,
  type WatchEvent,
  type WatchOptions,
} from "../../src/kube/port.ts";

/** One call as a script sees it. */
export interface PortCall {
  readonly verb: "list" | "watch" | "get" | "create" | "replace" | "apply" | "delete";
  readonly resource: ResourceType;
  /** Absent for `list` and `watch`. */
  readonly name?: string;
  readonly namespace?: string;
  readonly subresource?: "status" | "scale";
  /** What is sent, for verbs that send an object. */
  readonly object?: KubeObject;
}

/** What goes wrong with a call. Several things may. */
export interface CallFault {
  /** The call reaches the server so much later. */
  readonly delayMilliseconds?: number;
  /** The call never reaches the server and ends in this. */
  readonly refusal?: KubeError;
  /** The call takes effect, and then its answer is lost. */
  readonly losesAnswer?: boolean;
  /** The call takes effect, and then its answer comes so much later. */
  readonly answerDelayMilliseconds?: number;
}

/** What goes wrong with an event of a watch. */
export interface EventFault {
  /** It and all that follow are delivered so much later. */
  readonly delayMilliseconds?: number;
  /** The watch breaks instead of delivering it: with an error, or cleanly. */
  readonly breaks?: KubeError | "Cleanly";
}

/** Says what goes wrong. Both are asked in the order in which things happen. */
export interface FaultScript {
  call?(call: PortCall): CallFault | undefined;
  event?(watch: PortCall, event: WatchEvent): EventFault | undefined;
}

/** The error of a connection that broke. */
export function brokenConnection(): KubeError {
  return new KubeError(0, "NoAnswer", "the connection broke");
}

/** Puts a script's faults around a port. */
export class FaultyPort implements KubePort {
  readonly #port: KubePort;
  readonly #clock: Clock;
  readonly #script: FaultScript;
  readonly #severed = new AbortController();
  #breakWatches = new AbortController();

  constructor(port: KubePort, clock: Clock, script: FaultScript) {
    this.#port = port;
    this.#clock = clock;
    this.#script = script;
  }

  /** Breaks every watch that runs. */
  breakWatches(error: KubeError = brokenConnection()): void {
    const broken = this.#breakWatches;
    this.#breakWatches = new AbortController();
    broken.abort(error);
  }

  /**
   * Cuts the caller off for good, as a kill does: no call reaches the server any more, no answer comes back,
   * and no watch delivers. Calls do not even fail, for a dead process sees no error.
   */
  sever(): void {
    this.#severed.abort();
  }

  list(resource: ResourceType, options: ListOptions): Promise<ObjectList> {
    return this.#call({ verb: "list", resource, ...inNamespace(options) }, () =>
      this.#port.list(resource, options),
    );
  }

  async *watch(
    resource: ResourceType,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    const call: PortCall = { verb: "watch", resource, ...inNamespace(options) };
    await this.#call(call, async () => {});
    const broken = this.#breakWatches.signal;
    const either = AbortSignal.any([signal, broken, this.#severed.signal]);
    for await (const event of this.#port.watch(resource, options, either)) {
      const fault = this.#script.event?.(call, event);
      await this.#delay(fault?.delayMilliseconds, either);
      if (either.aborted) break;
      if (fault?.breaks === "Cleanly") return;
      if (fault?.breaks !== undefined) throw fault.breaks;
      yield event;
    }
    if (signal.aborted) return;
    if (this.#severed.signal.aborted) await never();
    if (broken.aborted) throw broken.reason;
  }

  get(reference: ObjectReference): Promise<KubeObject> {
    return this.#call({ verb: "get", ...reference }, () => this.#port.get(reference));
  }

  create(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject> {
    return this.#call({ verb: "create", ...referenceTo(object), object }, () =>
      this.#port.create(object, options),
    );
  }

  replace(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject> {
    return this.#call({ verb: "replace", ...referenceTo(object), object }, () =>
      this.#port.replace(object, options),
    );
  }

  apply(object: KubeObject, options: ApplyOptions, target?: ObjectReference): Promise<KubeObject> {
    const { subresource } = options;
    const reference = target ?? referenceTo(object);
    return this.#call(
      { verb: "apply", ...reference, object, ...(subresource === undefined ? {} : { subresource }) },
      () => this.#port.apply(object, options, target),
    );
  }

  delete(reference: ObjectReference, options: DeleteOptions): Promise<void> {
    return this.#call({ verb: "delete", ...reference }, () => this.#port.delete(reference, options));
  }

  async #call<Answer>(call: PortCall, send: () => Promise<Answer>): Promise<Answer> {
    if (this.#severed.signal.aborted) await never();
    const fault = this.#script.call?.(call);
    await this.#delay(fault?.delayMilliseconds, this.#severed.signal);
    if (this.#severed.signal.aborted) await never();
    if (fault?.refusal !== undefined) throw fault.refusal;
    const answer = await send().catch(async (error: unknown) => {
      if (this.#severed.signal.aborted) await never();
      throw error;
    });
    await this.#delay(fault?.answerDelayMilliseconds, this.#severed.signal);
    if (this.#severed.signal.aborted) await never();
    if (fault?.losesAnswer) throw brokenConnection();
    return answer;
  }

  async #delay(milliseconds: number | undefined, signal: AbortSignal): Promise<void> {
    if (milliseconds !== undefined) await sleep(this.#clock, milliseconds, signal).catch(() => {});
  }
}

function inNamespace({ namespace }: { readonly namespace?: string }): { readonly namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function never(): Promise<never> {
  return new Promise(() => {});
}
