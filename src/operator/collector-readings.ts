/**
 * Reads a collector of a namespace over HTTP, answer by answer, for whoever judges by what it counts.
 *
 * What opens the collector is read from its Secret for each reading, by its name, and kept nowhere. Bounded in time, size
 * and number; who has to wait for too long is told so, and a collector that hangs holds up no other one for longer than one
 * of its answers may take.
 */
import type { Clock } from "../core/clock.ts";
import type { KubePort } from "../kube/port.ts";
import { HttpClient } from "../sources/http-client.ts";
import { type AnswerPart, type CollectorAnswer, parseCollectorAnswer } from "../stats/collector-answer.ts";
import { slotOf } from "../token/slot.ts";
import { ANSWER_TIMEOUT_MILLISECONDS, GateAnswerError } from "./ask-gate.ts";
import { collectorAddress, collectorToken, within } from "./collector-access.ts";
import { collectorBody } from "./collector-client.ts";
import { Places } from "./places.ts";

/** What it needs. */
export interface CollectorReadingsOptions {
  readonly port: Pick<KubePort, "get">;
  readonly clock: Clock;
  /** Where the collector of a namespace answers; by its Service unless given. */
  readonly addressOf?: (namespace: string) => string;
  readonly limits?: Partial<ReadingLimits>;
}

/** Times, in milliseconds. */
interface ReadingLimits {
  /** For each answer of a collector. */
  readonly answer: number;
  /** For all answers that make a reading. */
  readonly reading: number;
  /** Until it begins. Long enough to be behind others; a reading of three minutes ago is too old to judge by. */
  readonly waiting: number;
}

const LIMITS: ReadingLimits = { answer: ANSWER_TIMEOUT_MILLISECONDS, reading: 60_000, waiting: 30_000 };

const MAXIMUM_ANSWER_BYTES = 4 * 2 ** 20;
/** At one time, of all namespaces: what is read lies in memory, and a namespace could put something else in its collector's place. */
const MAXIMUM_READINGS = 4;
/** Of one namespace: a collector that is slow must not take the places of others. */
const MAXIMUM_READINGS_OF_NAMESPACE = 1;
/** Clocks of routers may be behind by so much. */
const CLOCK_TOLERANCE_SLOTS = 10;
/** Older requests than this are left out: what a collector answers about at most, and some room. */
const LONGEST_EVIDENCE_SLOTS = 65_000;

/** Whose answers are read. */
export interface ReadDeployment {
  readonly namespace: string;
  readonly deployment: string;
}

/** What one answer is about. */
export interface AnswerWish {
  /** Slots, the last one included; as far as is counted where there is none. */
  readonly from: number;
  readonly to?: number;
  /** Of these alone. Without a name it would be the sums of all metrics. */
  readonly metrics: readonly string[];
  readonly parts?: readonly AnswerPart[];
  /** Under these plans alone, those of one range added up; else under all, each by itself. */
  readonly epochs?: readonly { readonly firstEpoch: number; readonly lastEpoch: number }[];
}

/** Reads one answer. Rejects when it is not whole, or about something else. */
export type ReadAnswer = (wish: AnswerWish) => Promise<CollectorAnswer>;

/** The first slot that matters, of something that began at a time. */
export function firstSlotSince(fromMilliseconds: number, nowMilliseconds: number): number {
  const begunSlot = slotOf(fromMilliseconds / 1_000) - CLOCK_TOLERANCE_SLOTS;
  return Math.max(0, begunSlot, slotOf(nowMilliseconds / 1_000) - LONGEST_EVIDENCE_SLOTS);
}

/** Makes readings, one of a namespace at a time. */
export class CollectorReadings {
  readonly clock: Clock;
  readonly #port: Pick<KubePort, "get">;
  readonly #addressOf: (namespace: string) => string;
  readonly #limits: ReadingLimits;
  readonly #client = new HttpClient({ authorities: [] });
  readonly #all = new Places(MAXIMUM_READINGS);
  readonly #places = new Map<string, Places>();

  constructor({ port, clock, addressOf = collectorAddress, limits = {} }: CollectorReadingsOptions) {
    this.clock = clock;
    this.#port = port;
    this.#addressOf = addressOf;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Makes one reading from as many answers as `work` asks for. Rejects when it takes too long. */
  make<Result>(
    asked: ReadDeployment,
    signal: AbortSignal,
    work: (read: ReadAnswer) => Promise<Result>,
  ): Promise<Result> {
    const { reading } = this.#limits;
    return this.#inTurn(asked.namespace, signal, async () => {
      signal.throwIfAborted();
      const token = await collectorToken(this.#port, asked.namespace);
      const late = `the collector did not give all answers within ${reading} ms`;
      return within(reading, late, signal, (whole) =>
        work((wish) => this.#answer(asked, token, wish, whole)),
      );
    });
  }

  async #inTurn<Result>(
    namespace: string,
    signal: AbortSignal,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { waiting } = this.#limits;
    const places = this.#places.get(namespace) ?? new Places(MAXIMUM_READINGS_OF_NAMESPACE);
    this.#places.set(namespace, places);
    const late = `expected the collector to be done with other releases within ${waiting} ms`;
    try {
      const leave = await within(waiting, late, signal, async (limited) => {
        const leaveOwn = await places.take(limited);
        try {
          const leaveAll = await this.#all.take(limited);
          return () => {
            leaveAll();
            leaveOwn();
          };
        } catch (error) {
          leaveOwn();
          throw error;
        }
      });
      return await work().finally(leave);
    } finally {
      if (places.isIdle) this.#places.delete(namespace);
    }
  }

  async #answer(
    { namespace, deployment }: ReadDeployment,
    token: string,
    { from, to, metrics, parts = [], epochs = [] }: AnswerWish,
    whole: AbortSignal,
  ): Promise<CollectorAnswer> {
    const { answer } = this.#limits;
    const url = new URL("evidence", this.#addressOf(namespace));
    url.searchParams.set("deployment", deployment);
    url.searchParams.set("from", String(from));
    if (to !== undefined) url.searchParams.set("to", String(to));
    for (const name of metrics) url.searchParams.append("metric", name);
    for (const part of ["impressions", ...parts]) url.searchParams.append("part", part);
    for (const { firstEpoch, lastEpoch } of epochs) {
      url.searchParams.append("epochs", `${firstEpoch}-${lastEpoch}`);
    }
    const late = `the collector did not answer within ${answer} ms`;
    const text = await within(answer, late, whole, (limited) =>
      collectorBody(this.#client, { url, token, maximumBytes: MAXIMUM_ANSWER_BYTES }, limited),
    );
    const said = parseCollectorAnswer(text, deployment, metrics, "the collector", parts);
    if (said.range.first !== from || said.range.last !== (to ?? said.countedThrough ?? 0)) {
      throw new GateAnswerError("expected the collector to answer about the time that was asked for");
    }
    return said;
  }
}
