/**
 * How many replicas the load of the last minute needs. Pure.
 *
 * It follows what arrives, never what the replicas manage: arrivals do not fall when servers are full, nor rise because
 * replicas are slow to come, so replicas that load their models ask for no others.
 *
 * - The rate is the mean of the longest window, or of a shorter one where that is surely higher: by more than chance makes of
 *   independent requests.
 * - A queue, with what it grows to until a replica comes, is to be gone in a minute: whoever is in it has waited enough. It
 *   never asks for more than the arrivals do: what a broken server leaves waiting must not take all the machines.
 */
import { type LoadSample, type LoadSums, lastSamples, sumsOf } from "./load-sample.ts";

/** What one replica is to carry. */
export interface LoadTarget {
  /** Requests worked on at once, or requests a second. */
  readonly type: "Concurrency" | "RequestRate";
  /** Above 0. */
  readonly perReplica: number;
}

/** Load in the two units of targets. */
export interface Load {
  /** Requests a second. */
  readonly rate: number;
  /** Seconds that a server works on a request; undefined while none was answered. */
  readonly serviceSeconds: number | undefined;
}

/** Windows of the rate. The longest is as long as metrics of Kubernetes are usually averaged. */
const WINDOWS_SECONDS = [15, 30, 60] as const;
const LONGEST_SECONDS = 60;
/** Deviations by which a shorter window must be higher: once in 740 windows by chance. */
const SURE_DEVIATIONS = 3;
/** In which a queue is to be gone once a replica has come. */
const DRAIN_SECONDS = 60;

/**
 * The load as of the last minute; undefined where nothing is known of it.
 *
 * @param coldStartSeconds in which a new replica comes.
 * @param knownServiceSeconds is used where nothing was answered.
 */
export function observedLoad(
  samples: readonly LoadSample[],
  nowMilliseconds: number,
  coldStartSeconds: number,
  knownServiceSeconds: number | undefined,
): Load | undefined {
  const last = lastSamples(samples, nowMilliseconds, LONGEST_SECONDS);
  const newest = last.at(-1);
  if (newest === undefined) return undefined;
  const sums = sumsOf(last);
  const rate = Math.max(
    sums.arrived / sums.seconds,
    ...WINDOWS_SECONDS.map((seconds) => sureRate(sumsOf(lastSamples(last, nowMilliseconds, seconds)))),
  );
  const growth = Math.max(0, (newest.arrived - newest.answered) / newest.seconds);
  const queue = newest.waiting === 0 ? 0 : newest.waiting + growth * coldStartSeconds;
  const drain = queue / DRAIN_SECONDS;
  return {
    rate: rate + Math.min(rate, drain),
    serviceSeconds: sums.answered > 0 ? sums.busySeconds / sums.answered : knownServiceSeconds,
  };
}

/** A rate that is exceeded for sure, if requests come independently of each other (Poisson); 0 of no time. */
function sureRate({ arrived, seconds }: LoadSums): number {
  return seconds === 0 ? 0 : (arrived - SURE_DEVIATIONS * Math.sqrt(arrived)) / seconds;
}

/** Replicas that carry a load by every target, not rounded; undefined where a target needs what is not known. */
export function neededReplicas(
  { rate, serviceSeconds }: Load,
  targets: readonly LoadTarget[],
): number | undefined {
  const needed = targets.map(({ type, perReplica }) => {
    if (type === "RequestRate") return rate / perReplica;
    // What nobody asks for needs nobody, however long it would take.
    if (rate === 0) return 0;
    // Little's law: requests in flight are the rate times the time that each takes.
    return serviceSeconds === undefined ? Number.NaN : (rate * serviceSeconds) / perReplica;
  });
  const most = Math.max(...needed);
  return Number.isFinite(most) ? most : undefined;
}
