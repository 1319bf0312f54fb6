/**
 * How many replicas the load of the last minute needs. Pure.
 *
 * It follows what arrives, never what the replicas manage: arrivals do not fall when servers are full, nor rise because
 * replicas are slow to come, so replicas that load their models ask for no others.
 *
 * - The rate is the mean of the longest window, or of a shorter one where that is surely higher: by more than chance makes of
 *   independent requests.
 * - Requests wait in servers, so under overload they take longer. That counts up to twice what is usual: what is too slow needs
 *   more replicas, but what a broken server leaves waiting must not take all the machines.
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
  /** Seconds that a request takes in a server; undefined while none was answered. */
  readonly serviceSeconds: number | undefined;
}

/** Windows of the rate. The longest is as long as metrics of Kubernetes are usually averaged. */
const WINDOWS_SECONDS = [15, 30, 60] as const;
const LONGEST_SECONDS = 60;
/** Times that requests may take of what is usual, as far as replicas are concerned. */
const MOST_OF_USUAL = 2;
/** Deviations by which a shorter window must be higher: once in 740 windows by chance. */
const SURE_DEVIATIONS = 3;

/**
 * The load as of the last minute; undefined where nothing is known of it.
 *
 * @param usualServiceSeconds that requests take; undefined where nobody knows.
 */
export function observedLoad(
  samples: readonly LoadSample[],
  nowMilliseconds: number,
  usualServiceSeconds: number | undefined,
): Load | undefined {
  const last = lastSamples(samples, nowMilliseconds, LONGEST_SECONDS);
  if (last.length === 0) return undefined;
  const sums = sumsOf(last);
  return {
    rate: Math.max(
      sums.arrived / sums.seconds,
      ...WINDOWS_SECONDS.map((seconds) => sureRate(sumsOf(lastSamples(last, nowMilliseconds, seconds)))),
    ),
    serviceSeconds:
      sums.answered === 0
        ? usualServiceSeconds
        : Math.min(
            sums.busySeconds / sums.answered,
            MOST_OF_USUAL * (usualServiceSeconds ?? Number.POSITIVE_INFINITY),
          ),
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
