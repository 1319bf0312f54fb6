/**
 * One leader among several replicas, by a Lease that is renewed while the leader leads (client-go's
 * `leaderelection`, same times).
 *
 * Guarantee: a leader stops before another one may start, as long as the local monotonic clocks run at about
 * the same speed. No clock is compared with another machine's. Caveat: this is no fencing. A write that was
 * sent before the lease was lost may arrive after it, so decisions are fenced by resourceVersion as well.
 */

import { isRecord } from "../api/json.ts";
import { apiVersionOf, type KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { Random } from "./backoff.ts";
import { microTime } from "./micro-time.ts";
import { isConflict, isNotFound, type KubePort } from "./port.ts";
import type { TransportBounds } from "./transport.ts";

/** Times of an election, in seconds. */
export interface LeaseTimes {
  /** A lease that was not renewed for so long may be taken over. */
  readonly leaseDurationSeconds: number;
  /**
   * A leader that could not renew for so long stops. Less than the duration: the difference is the margin.
   */
  readonly renewDeadlineSeconds: number;
  /** Between two attempts to renew or to take the lease. */
  readonly retryPeriodSeconds: number;
}

/** The times of the field. */
export const DEFAULT_LEASE_TIMES: LeaseTimes = {
  leaseDurationSeconds: 15,
  renewDeadlineSeconds: 10,
  retryPeriodSeconds: 2,
};

/**
 * Bounds of the transport of an election. An answer that never comes is given up while there is time for another
 * attempt.
 */
export const ELECTION_BOUNDS = {
  callTimeoutMilliseconds: (DEFAULT_LEASE_TIMES.renewDeadlineSeconds * 1000) / 3,
} as const satisfies Partial<TransportBounds>;

/** What an election needs. */
export interface LeaderElectionOptions {
  /**
   * With connections and a rate limit that nothing else uses, and {@link ELECTION_BOUNDS}: what the leader does with
   * the lead must never keep it from renewing.
   */
  readonly port: KubePort;
  readonly namespace: string;
  /** Name of the Lease. */
  readonly name: string;
  /** Unique to this process: a restarted one is another. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly times?: LeaseTimes;
  /**
   * Runs while this process leads. When `lost` is aborted it must stop writing at once. To stop in good
   * order, it returns by itself when the election's `signal` is aborted; the lease is renewed until then and
   * released after.
   */
  readonly lead: (lost: AbortSignal) => Promise<void>;
}

/** How an election ended for this process. */
export type ElectionOutcome =
  /** Told to stop, or `lead` returned. The lease is free if it was held. */
  | "Stopped"
  /** The lease could not be renewed in time. The process should exit: its knowledge may be old. */
  | "Lost";

/** The part of a Lease's spec that an election uses. */
export interface LeaseRecord {
  /** Empty when nobody holds it. */
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: string | undefined;
  readonly renewTime: string | undefined;
  readonly leaseTransitions: number;
}

/** A Lease as this process last saw it change. */
export interface ObservedLease {
  readonly record: LeaseRecord;
  /** Local monotonic time at which the record was first seen in this form. */
  readonly observedAtMilliseconds: number;
}

/** Whether a lease is ours, may be taken, or is held. Pure. */
export function classifyLease(
  { record, observedAtMilliseconds }: ObservedLease,
  identity: string,
  monotonicMilliseconds: number,
): "Ours" | "Free" | "Held" {
  if (record.holderIdentity === identity) return "Ours";
  if (record.holderIdentity === "") return "Free";
  const age = monotonicMilliseconds - observedAtMilliseconds;
  return age > record.leaseDurationSeconds * 1000 ? "Free" : "Held";
}

/**
 * Takes part in the election until it is told to stop or has lost what it had. Rejects only with what `lead`
 * throws.
 */
export async function runLeaderElection(
  options: LeaderElectionOptions,
  signal: AbortSignal,
): Promise<ElectionOutcome> {
  const election = new Election(options);
  const heldFrom = await election.acquire(signal);
  if (heldFrom === undefined) return "Stopped";
  if (!signal.aborted) return await election.hold(heldFrom);
  await election.release();
  return "Stopped";
}

class Election {
  readonly #options: LeaderElectionOptions;
  readonly #times: LeaseTimes;
  #observed: (ObservedLease & { readonly object: KubeObject }) | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#times = options.times ?? DEFAULT_LEASE_TIMES;
  }

  /**
   * Waits until this process holds the lease, and gives the monotonic time from which that counts. Undefined
   * when it was told to stop before.
   */
  async acquire(signal: AbortSignal): Promise<number | undefined> {
    const { clock, random, log, name, identity } = this.#options;
    while (!signal.aborted) {
      const heldFrom = await this.#tryToHold();
      if (heldFrom !== undefined) {
        log.info("became the leader", { "petrel.lease": name, "petrel.identity": identity });
        return heldFrom;
      }
      // Jitter, so that those who wait do not all come in the same moment.
      const period = this.#times.retryPeriodSeconds * 1000 * (1 + 0.2 * random());
      await sleep(clock, period, signal).catch(() => {});
    }
    return undefined;
  }

  /** Leads, and renews the lease until `lead` has ended or the lease is lost. */
  async hold(heldFrom: number): Promise<ElectionOutcome> {
    const { clock, log, name, lead } = this.#options;
    const lost = new AbortController();
    const done = new AbortController();
    let cancelDeadline = () => {};
    const renewed = (from: number) => {
      cancelDeadline();
      // A timer of its own: an attempt to renew that hangs must not keep a leader without a lease in office.
      const remaining = from + this.#times.renewDeadlineSeconds * 1000 - clock.monotonic();
      cancelDeadline = clock.schedule(remaining, () => {
        lost.abort(new Error(`the lease ${name} could not be renewed in time`));
      });
    };
    renewed(heldFrom);
    const renewing = this.#keepRenewing(AbortSignal.any([lost.signal, done.signal]), renewed, (holder) => {
      lost.abort(new Error(`the lease ${name} was taken by ${holder}`));
    });
    try {
      await lead(lost.signal);
    } finally {
      done.abort();
      cancelDeadline();
    }
    if (lost.signal.aborted) {
      log.error("lost the lead", { "petrel.lease": name, error: lost.signal.reason });
      return "Lost";
    }
    // A renewal that is still on its way is given a moment, for it changes the version that is released.
    // Should it come even later, one of the two fails on the other's version.
    const waited = new AbortController();
    const period = this.#times.retryPeriodSeconds * 1000;
    await Promise.race([renewing, sleep(clock, period, waited.signal).catch(() => {})]);
    waited.abort();
    await this.release();
    return "Stopped";
  }

  /** Gives the lease back, so that the next leader need not wait for its end. */
  async release(): Promise<void> {
    const { port, identity, log, name } = this.#options;
    const held = this.#observed;
    if (held === undefined || held.record.holderIdentity !== identity) return;
    const spec = { ...this.#specOf(held.object), holderIdentity: "", leaseDurationSeconds: 1 };
    try {
      await port.replace({ ...held.object, spec }, { fieldManager: identity });
    } catch (error) {
      log.warn("could not release the lease", { "petrel.lease": name, error });
    }
  }

  async #keepRenewing(
    signal: AbortSignal,
    renewed: (from: number) => void,
    taken: (holder: string) => void,
  ): Promise<void> {
    const { clock, identity } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, this.#times.retryPeriodSeconds * 1000, signal).catch(() => {});
      if (signal.aborted) return;
      const heldFrom = await this.#tryToHold();
      if (heldFrom !== undefined) {
        if (!signal.aborted) renewed(heldFrom);
      } else {
        const holder = this.#observed?.record.holderIdentity;
        if (holder !== undefined && holder !== "" && holder !== identity) taken(holder);
      }
    }
  }

  /**
   * One attempt to take or to renew. Gives the time at which the write was sent: the others count from when
   * they see it, which is later. Undefined when it failed, or when the answer came too late to lead by it.
   * Never rejects.
   */
  async #tryToHold(): Promise<number | undefined> {
    const { port, namespace, name, identity, clock, log } = this.#options;
    const options = { fieldManager: identity };
    try {
      const stored = await port
        .get({ resource: RESOURCE.lease, namespace, name })
        .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error)));
      const sentAt = clock.monotonic();
      if (stored !== undefined && classifyLease(this.#observe(stored), identity, sentAt) === "Held") {
        return undefined;
      }
      const lease = this.#leaseObject(stored);
      this.#observe(
        await (stored === undefined ? port.create(lease, options) : port.replace(lease, options)),
      );
      const isInTime = clock.monotonic() - sentAt < this.#times.renewDeadlineSeconds * 1000;
      return isInTime ? sentAt : undefined;
    } catch (error) {
      const level = isConflict(error) ? "debug" : "warn";
      log[level]("could not take or renew the lease", { "petrel.lease": name, error });
      return undefined;
    }
  }

  #observe(object: KubeObject): ObservedLease {
    const record = parseLeaseRecord(object);
    const isSame = JSON.stringify(record) === JSON.stringify(this.#observed?.record);
    const observedAtMilliseconds =
      isSame && this.#observed !== undefined
        ? this.#observed.observedAtMilliseconds
        : this.#options.clock.monotonic();
    this.#observed = { record, observedAtMilliseconds, object };
    return this.#observed;
  }

  /** The Lease as it is to be stored now. Fields that others have set (a strategy, labels) stay. */
  #leaseObject(stored: KubeObject | undefined): KubeObject {
    const { namespace, name, identity, clock } = this.#options;
    const now = microTime(clock.now());
    const record = stored === undefined ? undefined : parseLeaseRecord(stored);
    const isOurs = record?.holderIdentity === identity;
    const base = stored ?? {
      apiVersion: apiVersionOf(RESOURCE.lease),
      kind: RESOURCE.lease.kind,
      metadata: { namespace, name },
    };
    return {
      ...base,
      spec: {
        ...(stored === undefined ? {} : this.#specOf(stored)),
        holderIdentity: identity,
        leaseDurationSeconds: this.#times.leaseDurationSeconds,
        acquireTime: isOurs ? (record.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (record?.leaseTransitions ?? 0) + (record === undefined || isOurs ? 0 : 1),
      },
    };
  }

  #specOf(lease: KubeObject): Readonly<Record<string, unknown>> {
    return isRecord(lease["spec"]) ? lease["spec"] : {};
  }
}

function parseLeaseRecord(lease: KubeObject): LeaseRecord {
  const spec = isRecord(lease["spec"]) ? lease["spec"] : {};
  const text = (name: string) => (typeof spec[name] === "string" ? spec[name] : undefined);
  const number = (name: string) => (typeof spec[name] === "number" ? spec[name] : 0);
  return {
    holderIdentity: text("holderIdentity") ?? "",
    leaseDurationSeconds: number("leaseDurationSeconds"),
    acquireTime: text("acquireTime"),
    renewTime: text("renewTime"),
    leaseTransitions: number("leaseTransitions"),
  };
}
