/**
 * Routers watch each other: kube-proxy goes on sending connections to a router on a lost node until somebody says
 * that its endpoint is not ready, which takes Kubernetes itself 40 to 50 s.
 *
 * A router that has answered before and misses two probes in a row is marked not ready by one of the others, on its
 * EndpointSlices. What is marked is read from the API server right before, so that a router which is itself cut off,
 * or behind, can mark nobody. The marked router, when it lives, takes its EndpointSlices back at once: its own word
 * counts more. It is then marked again after ever longer times only, so that two routers that cannot reach each
 * other, and yet both reach the API server, do not fight.
 *
 * It must never mark the last router of a ModelDeployment, not even when routers that cannot see each other do so at
 * the same moment. So before a router looks what it may mark, it says on its own EndpointSlices that it is about to;
 * one that says so is not marked. Whoever was read before it said so cannot be marked either, because a mark is for
 * the very version that was read. Of marks that stand at the same time, each is therefore older than the look of the
 * router that made the next one, and so they never go round in a circle.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { Cache } from "../kube/cache.ts";
import { isConflict, isNotFound, type KubePort } from "../kube/port.ts";
import { ROUTER_SLICES_SELECTOR } from "./endpoint-slices.ts";
import { afterProbe, isAnswering, type PeerHealth, type ProbeOutcome, UNKNOWN_PEER } from "./peer-health.ts";
import type { PeerProbe } from "./peer-probe.ts";
import {
  counterpartsOf,
  isLeaving,
  isMarking,
  type Peer,
  peerOf,
  renderMark,
  renderMarking,
  slicesOf,
  slicesToMark,
} from "./peer-slices.ts";
import type { RouterIdentity } from "./router-identity.ts";

/** What watching needs. */
export interface PeerWatchOptions {
  readonly identity: RouterIdentity;
  readonly port: KubePort;
  /** The EndpointSlices of all routers of the namespace. */
  readonly slices: Pick<Cache<KubeObject>, "list" | "stalenessMilliseconds">;
  readonly probe: PeerProbe;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Field manager of marks. It stands in stored objects. */
export const MARK_MANAGER = "petrel-router-peer";
/** Field manager of what a router says on its own EndpointSlices before it marks others. */
export const MARKING_MANAGER = "petrel-router-marking";

/**
 * Two probes, the turns of the others, the write and kube-proxy (which collects changes for up to a second) together
 * stay within 3 s.
 */
const PROBE_INTERVAL_MILLISECONDS = 400;
const PROBE_TIMEOUT_MILLISECONDS = 400;
/** A time-out that is noticed so late was noticed by a process that stood still. */
const MAXIMUM_LATENESS_MILLISECONDS = 200;
/** The routers that answer take turns, in the order of their uids, so that one writes and the others see it. */
const TURN_MILLISECONDS = 300;
/** Watches show signs of life about every minute; an older one may be dead. */
const MAXIMUM_STALENESS_MILLISECONDS = 90_000;
/** After a router has taken its EndpointSlice back; doubles each time. */
const FIRST_RETURN_MILLISECONDS = 30_000;
const LONGEST_RETURN_MILLISECONDS = 600_000;
const MAXIMUM_PAGE = 500;
/** Writes at the same time, in a namespace with many ModelDeployments. */
const CONCURRENT_WRITES = 16;

/** How often an EndpointSlice was marked since its router last answered. */
interface Marking {
  readonly times: number;
  /** Not again before; monotonic milliseconds. */
  readonly againAt: number;
}

/** Another router. */
interface PeerState {
  readonly health: PeerHealth;
  /** By uid of the EndpointSlice. Empty while the router is not lost. */
  readonly markings: Map<string, Marking>;
}

/** Watches the other routers of the namespace. */
export class PeerWatch {
  readonly #options: PeerWatchOptions;
  /** By uid of the pod. */
  #states: ReadonlyMap<string, PeerState> = new Map();
  #marking: Promise<void> | undefined;

  constructor(options: PeerWatchOptions) {
    this.#options = options;
  }

  /** Watches until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      await this.#probeAll();
      // Apart, so that an API server that is slow does not slow the probes down.
      this.#marking ??= this.#markLost().finally(() => {
        this.#marking = undefined;
      });
      const rest = startedAt + PROBE_INTERVAL_MILLISECONDS - clock.monotonic();
      await sleep(clock, Math.max(0, rest), signal).catch(() => {});
    }
    await this.#marking;
  }

  /** Names of the pods of the routers that are lost. */
  get lost(): readonly string[] {
    return this.#peers()
      .filter(({ uid }) => this.#lostSince(uid) !== undefined)
      .map(({ podName }) => podName);
  }

  #lostSince(uid: string): number | undefined {
    return this.#states.get(uid)?.health.lostSince;
  }

  #peers(): readonly Peer[] {
    const peers = this.#options.slices
      .list()
      .flatMap((slice) => (isLeaving(slice) ? [] : (peerOf(slice) ?? [])));
    const others = peers.filter(({ uid }) => uid !== this.#options.identity.podUid);
    return [...new Map(others.map((peer) => [peer.uid, peer])).values()];
  }

  async #probeAll(): Promise<void> {
    const { clock, log } = this.#options;
    const probes = this.#peers().map(async (peer) => {
      const state = this.#states.get(peer.uid);
      const before = state?.health ?? UNKNOWN_PEER;
      const after = afterProbe(before, await this.#probe(peer), clock.monotonic());
      const fields = { "petrel.router": peer.podName };
      if (after.lostSince !== undefined && before.lostSince === undefined) {
        log.warn("a router does not answer any more", fields);
      }
      if (after.lostSince === undefined && before.lostSince !== undefined)
        log.info("a router answers again", fields);
      const isLost = after.lostSince !== undefined;
      const markings = (isLost ? state?.markings : undefined) ?? new Map<string, Marking>();
      return [peer.uid, { health: after, markings }] as const;
    });
    this.#states = new Map(await Promise.all(probes));
  }

  async #probe({ address }: Peer): Promise<ProbeOutcome> {
    const { clock, probe } = this.#options;
    const startedAt = clock.monotonic();
    if (await probe(address, PROBE_TIMEOUT_MILLISECONDS)) return "Answered";
    const elapsed = clock.monotonic() - startedAt;
    return elapsed > PROBE_TIMEOUT_MILLISECONDS + MAXIMUM_LATENESS_MILLISECONDS ? "Unknown" : "Failed";
  }

  async #markLost(): Promise<void> {
    const { identity, log, slices } = this.#options;
    try {
      // Left behind by a write that failed: it would keep this router from ever being marked.
      await this.#say(slicesOf(slices.list(), identity.podUid).filter(isMarking), false);
      const due = this.#peers().filter(({ uid }) => this.#isDue(uid));
      for (const { uid } of due) await this.#mark(uid);
    } catch (error) {
      log.warn("cannot mark a router that does not answer", { error });
    }
  }

  /** Whether a router is lost, some mark on it is missing, and it is this router's turn to make it. */
  #isDue(uid: string): boolean {
    const { clock, slices } = this.#options;
    const now = clock.monotonic();
    const lostSince = this.#lostSince(uid);
    if (lostSince === undefined) return false;
    if (now < lostSince + this.#turn() * TURN_MILLISECONDS) return false;
    if (slices.stalenessMilliseconds() > MAXIMUM_STALENESS_MILLISECONDS) return false;
    return this.#toMark(slices.list(), uid).length > 0;
  }

  #toMark(slices: readonly KubeObject[], uid: string): readonly KubeObject[] {
    const { identity, clock } = this.#options;
    const now = clock.monotonic();
    return slicesToMark(slices, uid, identity.podUid).filter((slice) => this.#mayMark(uid, slice, now));
  }

  /** This router's place among those that answer. */
  #turn(): number {
    const { podUid } = this.#options.identity;
    const answering = [...this.#states].filter(([, { health }]) => isAnswering(health)).map(([uid]) => uid);
    return [podUid, ...answering].sort().indexOf(podUid);
  }

  #mayMark(uid: string, { metadata }: KubeObject, now: number): boolean {
    return now >= (this.#states.get(uid)?.markings.get(metadata.uid ?? "")?.againAt ?? now);
  }

  async #mark(uid: string): Promise<void> {
    const { identity, slices } = this.#options;
    const seen = slices.list();
    const own = counterpartsOf(this.#toMark(seen, uid), seen, identity.podUid);
    try {
      await this.#say(own, true);
      const toMark = counterpartsOf(own, this.#toMark(await this.#read(), uid), uid);
      await inParallel(toMark, (slice) => this.#markOne(uid, slice));
    } finally {
      await this.#say(own, false);
    }
  }

  /** Says on EndpointSlices of this router that it is about to mark others, or that it is not any more. */
  async #say(own: readonly KubeObject[], isAboutTo: boolean): Promise<void> {
    const { port } = this.#options;
    await inParallel(own, async (slice) => {
      await port.apply(renderMarking(slice, isAboutTo), { fieldManager: MARKING_MANAGER, force: true });
    });
  }

  async #markOne(uid: string, slice: KubeObject): Promise<void> {
    const { log, port } = this.#options;
    if (this.#lostSince(uid) === undefined) return;
    // It lives, whatever the probes say.
    if (isMarking(slice)) return this.#noteMark(uid, slice);
    try {
      await port.apply(renderMark(slice), { fieldManager: MARK_MANAGER, force: true });
      this.#noteMark(uid, slice);
      log.warn("no new connections to a router that does not answer", {
        "petrel.router": peerOf(slice)?.podName,
        "petrel.endpoint_slice": slice.metadata.name,
      });
    } catch (error) {
      // Somebody has written in between: the next look tells what, and whether there is still something to do.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  #noteMark(uid: string, { metadata }: KubeObject): void {
    const markings = this.#states.get(uid)?.markings;
    const times = (markings?.get(metadata.uid ?? "")?.times ?? 0) + 1;
    const delay = Math.min(LONGEST_RETURN_MILLISECONDS, FIRST_RETURN_MILLISECONDS * 2 ** (times - 1));
    markings?.set(metadata.uid ?? "", { times, againAt: this.#options.clock.monotonic() + delay });
  }

  /** The EndpointSlices as they stand, not as the watch last showed them. */
  async #read(): Promise<readonly KubeObject[]> {
    const { port, identity } = this.#options;
    const scope = {
      namespace: identity.namespace,
      labelSelector: ROUTER_SLICES_SELECTOR,
      limit: MAXIMUM_PAGE,
    };
    const items: KubeObject[] = [];
    let continueToken: string | undefined;
    do {
      const page = await port.list(RESOURCE.endpointSlice, {
        ...scope,
        ...(continueToken === undefined ? {} : { continueToken }),
      });
      items.push(...page.items);
      continueToken = page.continueToken;
    } while (continueToken !== undefined);
    return items;
  }
}

/** Rejects with the first failure, and not before every write has ended. */
async function inParallel(
  slices: readonly KubeObject[],
  write: (slice: KubeObject) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < slices.length; start += CONCURRENT_WRITES) {
    const chunk = slices.slice(start, start + CONCURRENT_WRITES);
    const results = await Promise.allSettled(chunk.map(write));
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }
}
