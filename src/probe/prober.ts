/**
 * The prober of a drill: sends at a constant rate, whatever comes back, and counts.
 *
 * Open loop: when a probe is due follows from the start and the rate alone, so a server that stalls cannot slow the sending
 * and hide its own outage. What is not answered in time is bad. A probe that the prober itself sends late says so, because it
 * tells of the prober's machine and not of the server; up to a slot is within the error of every time.
 */
import type { FaultType } from "../api/failover-drill.ts";
import type { ProbeRecord } from "../api/probe-record.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { isClear } from "../faults/fault.ts";
import { FAULTS } from "../faults/register.ts";
import { WITNESS_SUFFIX } from "../render/envoy/route.ts";
import type { Connections, ProbeAnswer, ProbeClient } from "./probe-client.ts";
import { ProbeCounts } from "./probe-counts.ts";

/** What a prober does. */
export interface ProberOptions {
  readonly client: Pick<ProbeClient, "send">;
  readonly clock: Clock;
  /** Names the requests that take part in the drill. */
  readonly key: string;
  /** Pool that the drill takes away. */
  readonly pool: string;
  readonly fault: FaultType;
  readonly perSecond: number;
  readonly witnessesPerSecond: number;
  readonly timeoutMilliseconds: number;
  /** Good answers later than this are slow. */
  readonly slowMilliseconds: number;
  readonly slotMilliseconds: number;
  /** It ends by itself after this. */
  readonly longestMilliseconds: number;
}

/** Between two looks at what is due. */
const TICK_MILLISECONDS = 2;
/** Between two looks at the routes before the start, once they are there, and before: what looks too early is anybody's request. */
const LOOKING_INTERVAL_MILLISECONDS = 200;
const WAITING_INTERVAL_MILLISECONDS = 1_000;
/** So many in a row must find them before probes are counted: they come up one router, and one stand-in, after the other. */
const CLEAR_BEFORE_START = 10;
/** So many answers of servers in a row that tell no pool: the routes are gone, and what is sent is as anybody's request. */
const UNROUTED_BEFORE_END = 20;

/** Sends probes and witnesses, and keeps the counts. */
export class Prober {
  readonly #options: ProberOptions;
  #counts: ProbeCounts | undefined;
  /** All that was due before this has been sent; milliseconds after the start. */
  #sentUntil = 0;
  /** Answers of servers in a row that told no pool. */
  #unrouted = 0;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** What is certain so far; undefined before the first probe. */
  get record(): ProbeRecord | undefined {
    return this.#counts?.record(this.#sentUntil);
  }

  /** Waits until the routes of the drill are there, then sends until `stop` is aborted, they are gone, or its time is over. */
  async run(stop: AbortSignal): Promise<void> {
    try {
      await this.#waitForRoutes(stop);
      await this.#send(stop);
    } catch (error) {
      // It was asked to stop while it waited.
      if (!stop.aborted) throw error;
    }
  }

  async #waitForRoutes(stop: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let clear = 0; clear < CLEAR_BEFORE_START; ) {
      const answersClear = (answer: ProbeAnswer) => this.#isOfTarget(answer) && isClear(answer);
      // No probe before the routes are there: neither is refused without them.
      const areThere = answersClear(await this.#sendWitness()) && answersClear(await this.#sendProbe());
      clear = areThere ? clear + 1 : 0;
      await sleep(clock, areThere ? LOOKING_INTERVAL_MILLISECONDS : WAITING_INTERVAL_MILLISECONDS, stop);
    }
  }

  /** Without the routes of the drill, no answer tells a pool. */
  #isOfTarget({ pool }: ProbeAnswer): boolean {
    return pool === this.#options.pool;
  }

  async #send(stop: AbortSignal): Promise<void> {
    const { clock, perSecond, witnessesPerSecond, slotMilliseconds, longestMilliseconds } = this.#options;
    const start = clock.monotonic();
    const counts = new ProbeCounts(Math.round(clock.now()), slotMilliseconds);
    this.#counts = counts;
    let probes = 0;
    let witnesses = 0;
    for (;;) {
      const elapsed = Math.min(clock.monotonic() - start, longestMilliseconds);
      for (let due = 0; ; probes += 1) {
        due = (probes * 1_000) / perSecond;
        if (due >= elapsed) break;
        void this.#probe(counts.probe(due, elapsed - due > slotMilliseconds));
      }
      for (let due = 0; ; witnesses += 1) {
        due = (witnesses * 1_000) / witnessesPerSecond;
        if (due >= elapsed) break;
        void this.#witness(counts.witness(due));
      }
      this.#sentUntil = elapsed;
      if (elapsed >= longestMilliseconds || this.#unrouted >= UNROUTED_BEFORE_END) return;
      await sleep(clock, TICK_MILLISECONDS, stop);
    }
  }

  async #probe(end: ReturnType<ProbeCounts["probe"]>): Promise<void> {
    const { pool, slowMilliseconds } = this.#options;
    const answer = await this.#sendProbe();
    const isGood = answer.status === 200;
    end({
      isGood,
      isSlow: isGood && answer.milliseconds > slowMilliseconds,
      isMoved: isGood && answer.pool !== undefined && answer.pool !== pool,
    });
  }

  async #witness(end: ReturnType<ProbeCounts["witness"]>): Promise<void> {
    const { fault } = this.#options;
    const answer = await this.#sendWitness();
    if (FAULTS[fault].isMet(answer)) end("Met");
    else end(isClear(answer) && this.#isOfTarget(answer) ? "Clear" : "Neither");
  }

  #sendProbe(): Promise<ProbeAnswer> {
    return this.#sendAs(this.#options.key, "Mixed");
  }

  /** On a connection of its own: witnesses that are kept on one see one router, and say nothing of the others. */
  #sendWitness(): Promise<ProbeAnswer> {
    return this.#sendAs(`${this.#options.key}${WITNESS_SUFFIX}`, "Own");
  }

  async #sendAs(drill: string, connections: Connections): Promise<ProbeAnswer> {
    const { client, timeoutMilliseconds } = this.#options;
    const answer = await client.send(drill, timeoutMilliseconds, connections);
    if (answer.pool !== undefined) this.#unrouted = 0;
    // What a router itself answers names neither, with its routes and without.
    else if (answer.revision !== undefined) this.#unrouted += 1;
    return answer;
  }
}
