/**
 * Keeps a handler told of every object of one type, whatever happens to the connection: an explicit state
 * machine after kube-rs' `watcher`.
 *
 * It ends only when told to. No error of the API server, of the network or of the handler may end it, and
 * nothing may make it hammer the API server: every attempt that was not long-lived is followed by a backoff.
 */

import type { KubeObject, ResourceType } from "../api/kube-object.ts";
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { type Backoff, backoffMilliseconds, type Random, WATCH_BACKOFF } from "./backoff.ts";
import { keyOf } from "./object-key.ts";
import { isExpired, KubeError, type KubePort, type Scope, type WatchEvent } from "./port.ts";

/** What a reflector tells. Calls come one at a time and in order; what they throw is logged. */
export interface ReflectorHandler {
  /** The object is there: new, changed, or seen again after a new list. */
  upsert(object: KubeObject): void;
  /** The object of this key ({@link keyOf}) is gone. */
  delete(key: string): void;
  /** Everything that exists has been told once. Called one time. */
  synced(): void;
}

/** What a reflector needs. */
export interface ReflectorOptions {
  readonly port: KubePort;
  readonly resource: ResourceType;
  readonly scope?: Scope;
  readonly handler: ReflectorHandler;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly backoff?: Backoff;
}

/** Where a reflector stands. Each comment says what the next step does. */
export type ReflectorState =
  /** Begins again: a WatchList, or the first page of a list where the server refuses WatchLists. */
  | { readonly type: "Empty" }
  /**
   * Takes in the present objects from a WatchList, until the bookmark that ends them; then goes on as
   * Watching.
   */
  | { readonly type: "InitialWatch"; readonly listed: Set<string> }
  /** Asks for the next page of a list; the last page leads to Watching. */
  | { readonly type: "InitialPage"; readonly listed: Set<string>; readonly continueToken: string | undefined }
  /** Watches from this version on. */
  | { readonly type: "Watching"; readonly resourceVersion: string };

const PAGE_SIZE = 500;
/** Watches end after 5 to 10 minutes, at random, so that those of many clients do not end together. */
const MINIMUM_WATCH_SECONDS = 300;
/** An attempt that lived so long was a success, whatever ended it. */
const STEADY_MILLISECONDS = 30_000;
/** A watch that ends after so long without a single word, not even a bookmark, is not to be trusted. */
const MUTE_MILLISECONDS = 150_000;
/**
 * A WatchList that brings no object for so long before its end is one that the server does not understand.
 */
const WATCH_LIST_SILENCE_MILLISECONDS = 60_000;
/** After so many refusals in a row of a watch that never got going, its version is given up. */
const REFUSALS_BEFORE_RELIST = 3;

/**
 * The state after an attempt failed. Pure. `failures` counts the attempts in a row that failed, this one
 * included.
 */
export function stateAfterFailure(state: ReflectorState, error: unknown, failures: number): ReflectorState {
  switch (state.type) {
    case "Empty":
    case "InitialWatch":
      return { type: "Empty" };
    case "InitialPage":
      return isExpired(error) ? { type: "Empty" } : state;
    case "Watching": {
      const wasRefused = error instanceof KubeError && error.status !== 0;
      return isExpired(error) || (wasRefused && failures >= REFUSALS_BEFORE_RELIST)
        ? { type: "Empty" }
        : state;
    }
  }
}

/** Whether the API server answers WatchLists in this way when it has none. */
export function refusesWatchList(error: unknown): boolean {
  return error instanceof KubeError && [400, 405, 422].includes(error.status);
}

/** Follows all objects of one type within a scope. */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #backoff: Backoff;
  #state: ReflectorState = { type: "Empty" };
  /** Keys that the handler believes to exist. */
  #known = new Set<string>();
  #isSynced = false;
  #useWatchList = true;
  #heardAt: number | undefined;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? WATCH_BACKOFF;
  }

  /**
   * When the running watch last gave a sign of life (an event or a bookmark), in monotonic milliseconds.
   * Undefined while no watch is known to run.
   */
  heardAt(): number | undefined {
    return this.#state.type === "Watching" ? this.#heardAt : undefined;
  }

  /** Runs until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, resource } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const isWatch = this.#state.type === "Watching" || this.#useWatchList;
      let error: unknown;
      try {
        await this.#attempt(signal);
      } catch (thrown) {
        error = thrown ?? new Error("unknown error");
      }
      if (signal.aborted) break;

      this.#heardAt = undefined;
      const wasSteady = clock.monotonic() - startedAt >= STEADY_MILLISECONDS;
      if (wasSteady) failures = 0;
      // The end of a long watch and the end of a page are no failures; the end of a short watch is one.
      if (error === undefined && (wasSteady || !isWatch)) continue;
      failures += 1;
      if (error !== undefined) this.#state = stateAfterFailure(this.#state, error, failures);

      const asked = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
      const delay = Math.max(asked, backoffMilliseconds(this.#backoff, failures, random));
      const level = error === undefined || isExpired(error) ? "debug" : "warn";
      log[level]("watch ended, starting again", {
        "petrel.resource": resource.plural,
        "petrel.state": this.#state.type,
        "petrel.failures": failures,
        "petrel.delay_ms": Math.round(delay),
        error,
      });
      await sleep(clock, delay, signal).catch(() => {});
    }
    this.#heardAt = undefined;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    if (this.#state.type === "Empty") {
      const listed = new Set<string>();
      this.#state = this.#useWatchList
        ? { type: "InitialWatch", listed }
        : { type: "InitialPage", listed, continueToken: undefined };
    }
    switch (this.#state.type) {
      case "InitialWatch":
        return await this.#initialWatch(signal);
      case "InitialPage":
        return await this.#initialPage(this.#state);
      case "Watching":
        return await this.#follow({ resourceVersion: this.#state.resourceVersion }, signal, () => {});
    }
  }

  async #initialWatch(signal: AbortSignal): Promise<void> {
    const { clock, log, resource } = this.#options;
    const silence = new AbortController();
    let cancel = () => {};
    const listen = () => {
      cancel();
      if (this.#state.type === "InitialWatch") {
        cancel = clock.schedule(WATCH_LIST_SILENCE_MILLISECONDS, () => silence.abort());
      }
    };
    listen();
    try {
      const either = AbortSignal.any([signal, silence.signal]);
      await this.#follow({ sendInitialEvents: true }, either, (event) => {
        // A server that knows no WatchList sends its usual bookmarks, too.
        if (event.type !== "BOOKMARK" || event.initialEventsEnd) listen();
      });
      if (this.#state.type === "InitialWatch" && !signal.aborted) {
        throw new Error("the watch ended before the initial events did");
      }
    } catch (error) {
      if (this.#state.type === "InitialWatch" && (silence.signal.aborted || refusesWatchList(error))) {
        this.#useWatchList = false;
        log.info("the API server has no WatchList for this type, listing by pages", {
          "petrel.resource": resource.plural,
          error,
        });
      }
      throw error;
    } finally {
      cancel();
    }
  }

  async #initialPage(state: ReflectorState & { readonly type: "InitialPage" }): Promise<void> {
    const { port, resource, scope } = this.#options;
    const { listed, continueToken } = state;
    const page = await port.list(resource, {
      ...scope,
      limit: PAGE_SIZE,
      ...(continueToken === undefined ? {} : { continueToken }),
    });
    for (const object of page.items) {
      listed.add(keyOf(object.metadata));
      this.#upsert(object);
    }
    if (page.continueToken !== undefined) {
      this.#state = { type: "InitialPage", listed, continueToken: page.continueToken };
    } else {
      this.#complete(listed, page.resourceVersion);
    }
  }

  /** Follows one watch to its end. `onEvent` runs after each event has been taken in. */
  async #follow(
    start: { readonly resourceVersion: string } | { readonly sendInitialEvents: true },
    signal: AbortSignal,
    onEvent: (event: WatchEvent) => void,
  ): Promise<void> {
    const { port, resource, scope, clock, random } = this.#options;
    const timeoutSeconds = MINIMUM_WATCH_SECONDS + Math.floor(random() * MINIMUM_WATCH_SECONDS);
    const startedAt = clock.monotonic();
    let hasHeard = false;
    for await (const event of port.watch(resource, { ...scope, ...start, timeoutSeconds }, signal)) {
      hasHeard = true;
      this.#heardAt = clock.monotonic();
      this.#take(event);
      onEvent(event);
    }
    // A healthy watch hears a bookmark about every minute. One that never hears a word goes on from a version
    // that the server has not reached, as after a restore of etcd, and would not hear anything for as long as
    // that lasts.
    const wasMute = !hasHeard && clock.monotonic() - startedAt >= MUTE_MILLISECONDS;
    if (wasMute && !signal.aborted) this.#state = { type: "Empty" };
  }

  #take(event: WatchEvent): void {
    const state = this.#state;
    const listed = state.type === "InitialWatch" ? state.listed : undefined;
    if (event.type === "BOOKMARK") {
      if (listed === undefined) this.#goOnFrom(event.resourceVersion);
      else if (event.initialEventsEnd) this.#complete(listed, event.resourceVersion);
      return;
    }
    const { object } = event;
    if (event.type === "DELETED") {
      const key = keyOf(object.metadata);
      listed?.delete(key);
      this.#delete(key);
    } else {
      listed?.add(keyOf(object.metadata));
      this.#upsert(object);
    }
    if (listed === undefined) this.#goOnFrom(object.metadata.resourceVersion);
  }

  #goOnFrom(resourceVersion: string | undefined): void {
    if (resourceVersion !== undefined) this.#state = { type: "Watching", resourceVersion };
  }

  /** All that exists has been told: whatever was known and is not listed has vanished meanwhile. */
  #complete(listed: ReadonlySet<string>, resourceVersion: string): void {
    for (const key of [...this.#known]) {
      if (!listed.has(key)) this.#delete(key);
    }
    this.#state = { type: "Watching", resourceVersion };
    this.#heardAt = this.#options.clock.monotonic();
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#tell(() => this.#options.handler.synced());
    }
  }

  #upsert(object: KubeObject): void {
    this.#known.add(keyOf(object.metadata));
    this.#tell(() => this.#options.handler.upsert(object));
  }

  #delete(key: string): void {
    if (this.#known.delete(key)) this.#tell(() => this.#options.handler.delete(key));
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      const { log, resource } = this.#options;
      log.error("a handler of watched objects failed", { "petrel.resource": resource.plural, error });
    }
  }
}
