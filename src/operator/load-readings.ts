/**
 * What the routers counted of the load: asks every router of each namespace in which a ModelDeployment scales, once in a quarter
 * of a minute, and keeps the sums of the last hour.
 *
 * It asks while this instance leads and keeps nothing that a decision could not do without: whoever leads next knows nothing of
 * before, and scales nothing in by that. A router that does not answer is asked again for what it did not tell, as long as it
 * keeps it; one that is gone leaves the slots unknown in which it took requests.
 */

import type { LoadSample } from "../core/autoscaling/load-sample.ts";
import type { ObservedLoad, Presence, ToldSlot } from "../core/autoscaling/observed-load.ts";
import { KEPT_SAMPLES, wholeSamples } from "../core/autoscaling/observed-load.ts";
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { KEPT_LOAD_SLOTS, LOAD_SLOT_MILLISECONDS, loadSlotAt, type ToldLoad } from "../stats/load-slots.ts";
import type { AskLoad } from "./ask-load.ts";

/** What it needs. */
export interface LoadReadingsOptions {
  readonly clock: Clock;
  readonly ask: AskLoad;
  readonly log: Logger;
  /** Told the key of a ModelDeployment when its load was asked for. */
  readonly onAnswer: (key: string) => void;
}

/** So long after the end of a slot routers are asked: they have read their Envoy by then. */
const ASK_AFTER_MILLISECONDS = 2_000;

interface FollowedDeployment {
  readonly sinceMilliseconds: number;
  /** Of slots that are settled. */
  samples: readonly LoadSample[];
  /** What was told of the slots that some router may still tell of. */
  told: readonly ToldSlot[];
}

interface FollowedNamespace {
  readonly deployments: Map<string, FollowedDeployment>;
  presences: readonly Presence[];
  /** The last slot that each router was asked about with an answer, by address. */
  readonly toldThrough: Map<string, number>;
  /** Addresses of routers that did not answer when they were asked last. */
  readonly silent: Set<string>;
  readonly end: () => void;
}

/** Asks for the ModelDeployments of many namespaces. A key is `NAMESPACE/NAME`. */
export class LoadReadings {
  readonly #options: LoadReadingsOptions;
  readonly #namespaces = new Map<string, FollowedNamespace>();

  constructor(options: LoadReadingsOptions) {
    this.#options = options;
  }

  /** From now on asks for a ModelDeployment, at the addresses of the routers that take requests; or does not any more. */
  follow(key: string, routers: readonly string[] | undefined): void {
    const [namespace, name] = partsOf(key);
    const followed = this.#namespaces.get(namespace);
    if (routers === undefined) {
      followed?.deployments.delete(name);
      if (followed?.deployments.size !== 0) return;
      followed.end();
      this.#namespaces.delete(namespace);
      return;
    }
    const { deployments } = followed ?? this.#begin(namespace);
    const sinceMilliseconds = this.#options.clock.now();
    if (!deployments.has(name)) deployments.set(name, { sinceMilliseconds, samples: [], told: [] });
    this.#seen(namespace, routers);
  }

  /** What is known of a ModelDeployment; undefined while it is not followed. */
  of(key: string): ObservedLoad | undefined {
    const [namespace, name] = partsOf(key);
    const followed = this.#namespaces.get(namespace);
    const deployment = followed?.deployments.get(name);
    if (followed === undefined || deployment === undefined) return undefined;
    const { sinceMilliseconds, samples, told } = deployment;
    return { sinceMilliseconds, samples: [...samples, ...wholeSamples(told, followed.presences)] };
  }

  /** Asks nothing any more. */
  close(): void {
    for (const { end } of this.#namespaces.values()) end();
    this.#namespaces.clear();
  }

  #begin(namespace: string): FollowedNamespace {
    const ended = new AbortController();
    const followed: FollowedNamespace = {
      deployments: new Map(),
      presences: [],
      toldThrough: new Map(),
      silent: new Set(),
      end: () => ended.abort(new Error("nobody wants to know it any more")),
    };
    this.#namespaces.set(namespace, followed);
    void this.#run(namespace, followed, ended.signal);
    return followed;
  }

  /** Takes in which routers take requests by now. */
  #seen(namespace: string, routers: readonly string[]): void {
    const followed = this.#namespaces.get(namespace);
    if (followed === undefined) return;
    const now = this.#options.clock.now();
    const known = followed.presences.map((presence) =>
      presence.until === undefined && !routers.includes(presence.address)
        ? { ...presence, until: now }
        : presence,
    );
    const present = new Set(known.flatMap(({ address, until }) => (until === undefined ? [address] : [])));
    const come = routers.flatMap((address) => (present.has(address) ? [] : [{ address, from: now }]));
    followed.presences = [...known, ...come];
    for (const { address } of come) followed.toldThrough.delete(address);
    for (const address of followed.silent) if (!routers.includes(address)) followed.silent.delete(address);
  }

  async #run(namespace: string, followed: FollowedNamespace, signal: AbortSignal): Promise<void> {
    const { clock, onAnswer } = this.#options;
    for (;;) {
      try {
        const past = (clock.now() - ASK_AFTER_MILLISECONDS) % LOAD_SLOT_MILLISECONDS;
        await sleep(clock, LOAD_SLOT_MILLISECONDS - past, signal);
      } catch {
        return;
      }
      const present = followed.presences.filter(({ until }) => until === undefined);
      await Promise.all(present.map(({ address }) => this.#ask(followed, address, signal)));
      if (signal.aborted) return;
      settle(followed, clock.now());
      for (const name of followed.deployments.keys()) onAnswer(`${namespace}/${name}`);
    }
  }

  /** Never rejects: what does not come is not known. */
  async #ask(followed: FollowedNamespace, address: string, signal: AbortSignal): Promise<void> {
    const { clock, ask, log } = this.#options;
    const last = loadSlotAt(clock.now()) - 1;
    const after = followed.toldThrough.get(address) ?? last - KEPT_LOAD_SLOTS;
    try {
      const told = await ask(address, after, signal);
      if (signal.aborted) return;
      if (followed.silent.delete(address))
        log.info("a router tells of its load again", { "petrel.router": address });
      // A router that reads its Envoy late, or whose clock is ahead, tells of the rest the next time.
      followed.toldThrough.set(address, Math.min(last, lastIn(told) ?? after));
      for (const [name, deployment] of followed.deployments) {
        // One that was missed for a moment tells once more of what it told before.
        const known = new Set(deployment.told.flatMap(({ by, slot }) => (by === address ? [slot] : [])));
        const slots = (told.get(name) ?? []).filter(
          ({ slot }) => slot > after && slot <= last && !known.has(slot),
        );
        deployment.told = [...deployment.told, ...slots.map((slot) => ({ ...slot, by: address }))];
      }
    } catch (error) {
      if (signal.aborted || followed.silent.has(address)) return;
      followed.silent.add(address);
      log.warn("a router does not tell of its load, it is asked again", { "petrel.router": address, error });
    }
  }
}

/** Slots that no router keeps any more become samples, or stay unknown for good. */
function settle(followed: FollowedNamespace, nowMilliseconds: number): void {
  const settled = loadSlotAt(nowMilliseconds) - KEPT_LOAD_SLOTS;
  for (const deployment of followed.deployments.values()) {
    const { samples, told } = deployment;
    const ripe = told.filter(({ slot }) => slot < settled);
    if (ripe.length === 0) continue;
    deployment.samples = [...samples, ...wholeSamples(ripe, followed.presences)].slice(-KEPT_SAMPLES);
    deployment.told = told.filter(({ slot }) => slot >= settled);
  }
  const forgotten = (settled - 1) * LOAD_SLOT_MILLISECONDS;
  followed.presences = followed.presences.filter(({ until }) => until === undefined || until > forgotten);
  const present = new Set(followed.presences.map(({ address }) => address));
  for (const address of followed.toldThrough.keys())
    if (!present.has(address)) followed.toldThrough.delete(address);
}

function lastIn(told: ToldLoad): number | undefined {
  const last = [...told.values()].flatMap((slots) => slots.at(-1)?.slot ?? []);
  return last.length === 0 ? undefined : Math.max(...last);
}

function partsOf(key: string): readonly [string, string] {
  const at = key.indexOf("/");
  return [key.slice(0, at), key.slice(at + 1)];
}
