/**
 * What goes wrong between one operator process and the API server, by chance: refusals, slow calls, lost answers,
 * watches that lag or break, a kill between any two writes.
 *
 * It only chooses; `FaultyPort` carries out. It counts what it did by fault and kind of write, so that a run can
 * tell what it has covered.
 */
import type { Clock } from "../../../src/core/clock.ts";
import { KubeError, type WatchEvent } from "../../../src/kube/port.ts";
import {
  brokenConnection,
  type CallFault,
  type EventFault,
  type FaultScript,
  type PortCall,
} from "../../memory-cluster/faulty-port.ts";
import type { Coverage } from "../coverage.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { WRITING_VERBS } from "../write-point.ts";

/** How likely things go wrong; each from 0 to 1, per call or per event. */
export interface FaultRates {
  readonly refusal: number;
  readonly lostAnswer: number;
  readonly slowCall: number;
  readonly brokenWatch: number;
}

/** Rates of one run: some runs are rough in one way, some in all, few in none. */
export function chooseRates(random: SeededRandom): FaultRates {
  const rate = (maximum: number) => (random.chance(0.3) ? 0 : random.next() * maximum);
  return { refusal: rate(0.12), lostAnswer: rate(0.08), slowCall: rate(0.3), brokenWatch: rate(0.05) };
}

/** What a script tells its process, in the call that it happens in. */
export interface FaultListener {
  /** A call is sent now, whatever becomes of it. */
  sent(call: PortCall): void;
  /** The process is to die before this call reaches the server. */
  killed(): void;
  /** What a fault of this call is counted under. */
  rowsOf(call: PortCall): readonly string[];
  /** What is amiss around the process, beside what the script itself does. */
  circumstances(): readonly string[];
}

/** What a script is made from. */
export interface OperatorFaultsOptions {
  readonly random: SeededRandom;
  readonly clock: Clock;
  readonly rates: FaultRates;
  readonly coverage: Coverage;
  readonly listener: FaultListener;
}

/** The least that a call takes: without it, two who answer each other would do so for ever in no time. */
const ROUND_TRIP_MILLISECONDS = 20;

/** How much more often a rare write goes wrong: there are few, and each has to meet everything. */
const RARE_SEVERITY = 4;

/** Rare writes that a process may die at: whichever removal comes next, or one of {@link RAREST_WRITES}. */
export const RARE_WRITES = ["removal", "rarest", "prober", "event"] as const;

/** One of {@link RARE_WRITES}. */
export type RareWrite = (typeof RARE_WRITES)[number];

/** What comes before another one in every look has a list of its own: whoever waits for both dies at the first. */
const RAREST_WRITES: Readonly<Record<Exclude<RareWrite, "removal">, readonly string[]>> = {
  rarest: [
    "revision: remove ControllerRevision",
    "rollout: remove ModelRollout",
    "autoscaling: apply ControllerRevision",
    "autoscaling: remove ControllerRevision",
    "drill: apply NetworkPolicy",
    "drill: remove NetworkPolicy",
  ],
  prober: ["drill: apply Job"],
  event: ["revision: event", "rollout: event", "experiment: event"],
};

/** Whether a call that counts under these rows is such a write. */
export function isRare(write: RareWrite | undefined, verb: string, rows: readonly string[]): boolean {
  if (write === undefined) return false;
  return write === "removal" ? verb === "delete" : RAREST_WRITES[write].some((rare) => rows.includes(rare));
}

/** The faults of one process. */
export class OperatorFaults implements FaultScript {
  readonly #options: OperatorFaultsOptions;
  /** By kind: its watch delivers nothing before this time; monotonic milliseconds. */
  readonly #laggingUntil = new Map<string, number>();
  /** Kinds whose watch has broken and has not been begun again. */
  readonly #broken = new Set<string>();
  #isCalm = false;
  #callsUntilKill: number | undefined;
  #diesAtRareWrite: RareWrite | undefined;

  constructor(options: OperatorFaultsOptions) {
    this.#options = options;
  }

  /** Nothing goes wrong any more. */
  calm(): void {
    this.#isCalm = true;
    this.#callsUntilKill = undefined;
    this.#diesAtRareWrite = undefined;
    this.#laggingUntil.clear();
  }

  /** Has the watch of a kind deliver nothing for a while. */
  lag(kind: string, milliseconds: number): void {
    this.#laggingUntil.set(kind, this.#options.clock.monotonic() + milliseconds);
    this.#options.coverage.count("Lag", `watch ${kind}`);
  }

  /** The watches of these kinds have broken. */
  noteBroken(kinds: readonly string[]): void {
    for (const kind of kinds) this.#broken.add(kind);
  }

  /** Has the process die before the write that comes after `writes` more. */
  killAfter(writes: number): void {
    this.#callsUntilKill = writes;
  }

  /** Has the process die before the next such write. */
  killAtRareWrite(write: RareWrite): void {
    this.#diesAtRareWrite = write;
  }

  call(call: PortCall): CallFault | undefined {
    const { random, rates, listener } = this.#options;
    listener.sent(call);
    if (call.verb === "watch") this.#broken.delete(call.resource.kind);
    if (this.#isCalm) return { delayMilliseconds: ROUND_TRIP_MILLISECONDS };
    const isWrite = WRITING_VERBS.has(call.verb);
    const rows = listener.rowsOf(call);
    const count = (fault: string) => this.#count(fault, rows);
    if (isWrite) for (const circumstance of this.#circumstances()) count(circumstance);
    const diesNow = isRare(this.#diesAtRareWrite, call.verb, rows);
    if (diesNow || (isWrite && call.resource.kind !== "Lease" && this.#countDownToKill())) {
      this.#diesAtRareWrite = undefined;
      count("Killed before");
      listener.killed();
      return undefined;
    }
    const isSlow = random.chance(rates.slowCall);
    if (isSlow) count("Slow");
    const delayMilliseconds = isSlow ? random.integer(10, 4_000) : ROUND_TRIP_MILLISECONDS;
    const isRareWrite = RARE_WRITES.some((write) => isRare(write, call.verb, rows));
    const severity = isRareWrite ? RARE_SEVERITY : 1;
    if (random.chance(rates.refusal * severity)) {
      const refusal = this.#refusal(call);
      count(refusal.status === 0 ? "No answer" : String(refusal.status));
      return { delayMilliseconds, refusal };
    }
    if (isWrite && random.chance(rates.lostAnswer * severity)) {
      count("Lost answer");
      return { delayMilliseconds, losesAnswer: true };
    }
    return { delayMilliseconds };
  }

  event(watch: PortCall, _event: WatchEvent): EventFault | undefined {
    if (this.#isCalm) return undefined;
    const { random, rates, clock, coverage } = this.#options;
    const until = this.#laggingUntil.get(watch.resource.kind) ?? 0;
    const delayMilliseconds = Math.max(0, until - clock.monotonic());
    const lag = delayMilliseconds === 0 ? {} : { delayMilliseconds };
    if (!random.chance(rates.brokenWatch)) return lag;
    const breaks = random.weighted<KubeError | "Cleanly">([
      [3, brokenConnection()],
      [2, "Cleanly"],
      [2, new KubeError(410, "Expired", "too old resource version")],
      [1, new KubeError(500, "InternalError", "etcdserver: leader changed")],
    ]);
    this.#broken.add(watch.resource.kind);
    coverage.count(
      breaks === "Cleanly" ? "Closed" : `Broken ${breaks.status}`,
      `watch ${watch.resource.kind}`,
    );
    return { ...lag, breaks };
  }

  #circumstances(): readonly string[] {
    const { clock, listener } = this.#options;
    const lags = [...this.#laggingUntil.values()].some((until) => until > clock.monotonic());
    return [
      ...(lags ? ["Lagging cache"] : []),
      ...(this.#broken.size > 0 ? ["Dropped watch"] : []),
      ...listener.circumstances(),
    ];
  }

  #count(fault: string, rows: readonly string[]): void {
    for (const row of rows) this.#options.coverage.count(fault, row);
  }

  #countDownToKill(): boolean {
    if (this.#callsUntilKill === undefined) return false;
    this.#callsUntilKill -= 1;
    if (this.#callsUntilKill >= 0) return false;
    this.#callsUntilKill = undefined;
    return true;
  }

  #refusal(call: PortCall): KubeError {
    // Made when it is chosen: an error takes down where it was made, which costs more than all the rest.
    return this.#options.random.weighted<() => KubeError>([
      [
        WRITING_VERBS.has(call.verb) ? 3 : 0,
        () => new KubeError(409, "Conflict", "the object has been modified"),
      ],
      [2, () => new KubeError(500, "InternalError", "etcdserver: request timed out")],
      [1, () => new KubeError(503, "ServiceUnavailable", "apiserver is shutting down")],
      [1, () => new KubeError(429, "TooManyRequests", "too many requests, please try again later", 1)],
      [2, brokenConnection],
    ])();
  }
}
