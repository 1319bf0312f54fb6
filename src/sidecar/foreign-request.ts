/**
 * What is observed of requests that pass through to a foreign runtime. Bodies stream by; what is needed of them is kept
 * until the answer has gone, in a room that all requests share, and read only then: nobody waits for it.
 *
 * A request that cannot be observed is counted with its status and its time all the same, and why.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { errorCode } from "../sources/error-code.ts";
import { Observation, type ObservedTensor } from "../tap/observation.ts";
import { ObservedHeaders } from "../tap/observed-headers.ts";
import type { ObservedSettings } from "../tap/observed-settings.ts";
import type { TapEvent } from "../tap/tap-event.ts";
import { HmacKey } from "../token/hmac-sha256.ts";
import type { EventSource } from "./observed-model.ts";

/** Where observations go. */
export interface ObservationSink {
  /** The settings in effect, asked for each request. */
  readonly observed: () => ObservedSettings;
  readonly take: (source: EventSource, event: TapEvent) => void;
  readonly missed: (reason: UnobservedReason) => void;
}

/** Why inputs and outputs of a request are not known. */
export type UnobservedReason = "TooLarge" | "TooMany" | "Encoded" | "Unreadable";

/** Reads the tensors of a body that has the names; throws RangeError for one that is too large. */
export type TensorReader = (body: Buffer, names: ReadonlySet<string>) => readonly ObservedTensor[];

/** Of one body. */
const MAXIMUM_BODY_BYTES = 2 ** 20;
/** Of all requests under way. */
const MAXIMUM_BYTES = 32 * 2 ** 20;
/** What a piece takes beside its bytes: a client may send a body in pieces of one byte. */
const PIECE_BYTES = 256;
const USER_KEY_BYTES = 32;

/** A part of a request on its way: its pieces are kept as they are, without a copy. */
export class PassingBody {
  readonly #observer: ForeignObserver;
  #pieces: Buffer[] = [];
  #bytes = 0;
  problem: UnobservedReason | undefined;

  constructor(observer: ForeignObserver) {
    this.#observer = observer;
  }

  /** Keeps a piece, or gives the body up. */
  add(piece: Buffer): void {
    if (this.problem !== undefined) return;
    const bytes = piece.length + PIECE_BYTES;
    if (this.#bytes + bytes > MAXIMUM_BODY_BYTES) this.giveUp("TooLarge");
    else if (!this.#observer.reserve(bytes)) this.giveUp("TooMany");
    else {
      this.#pieces.push(piece);
      this.#bytes += bytes;
    }
  }

  /** Keeps nothing of it any more. */
  giveUp(reason: UnobservedReason): void {
    this.problem ??= reason;
    this.release();
  }

  /** All of it. */
  whole(): Buffer {
    const [only] = this.#pieces;
    return only !== undefined && this.#pieces.length === 1 ? only : Buffer.concat(this.#pieces);
  }

  /** Gives its room back. */
  release(): void {
    this.#observer.release(this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
  }
}

/** One request to the runtime. */
export class ForeignRequest {
  readonly request: PassingBody;
  readonly response: PassingBody;
  readonly #observer: ForeignObserver;
  readonly #observed: ObservedNames;
  readonly #observation: Observation;
  readonly #startMilliseconds: number;
  #isEnded = false;

  constructor(
    observer: ForeignObserver,
    observed: ObservedNames,
    observation: Observation,
    startMilliseconds: number,
  ) {
    this.#observer = observer;
    this.#observed = observed;
    this.#observation = observation;
    this.#startMilliseconds = startMilliseconds;
    this.request = new PassingBody(observer);
    this.response = new PassingBody(observer);
  }

  /** The answer has gone, with a status as HTTP has it; readers are for bodies of a request that succeeded. */
  end(
    httpStatus: number,
    nowMilliseconds: number,
    readers?: { readonly inputs: TensorReader; readonly outputs: TensorReader },
  ): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { event } = this.#observation;
    event.status = httpStatus;
    event.latencyMilliseconds = Math.max(0, nowMilliseconds - this.#startMilliseconds);
    if (readers !== undefined) this.#read(readers);
    this.request.release();
    this.response.release();
    this.#observer.take(this.#observed.source, event);
  }

  #read({ inputs, outputs }: { readonly inputs: TensorReader; readonly outputs: TensorReader }): void {
    const problem = this.request.problem ?? this.response.problem;
    if (problem !== undefined) {
      this.#observer.missed(problem);
      return;
    }
    try {
      const { input, output } = this.#observed;
      const [read, answered] = [
        input.size === 0 ? [] : inputs(this.request.whole(), input),
        output.size === 0 ? [] : outputs(this.response.whole(), output),
      ];
      this.#observation.takeInputs(read);
      this.#observation.takeOutputs(answered);
    } catch (error) {
      const isTooLarge = error instanceof RangeError || errorCode(error) === "ERR_BUFFER_TOO_LARGE";
      this.#observer.missed(isTooLarge ? "TooLarge" : "Unreadable");
    }
  }
}

/** What is looked at by the settings with which a request began, whatever they are when it ends. */
interface ObservedNames {
  readonly source: EventSource;
  /** Names of tensors. */
  readonly input: ReadonlySet<string>;
  readonly output: ReadonlySet<string>;
}

/** Observes all requests to one runtime. */
export class ForeignObserver {
  readonly #sink: ObservationSink;
  readonly #clock: Clock;
  readonly #model: string;
  readonly #revision: string;
  readonly #userKey = new HmacKey(randomBytes(USER_KEY_BYTES));
  #bytes = 0;
  #inEffect:
    | {
        readonly settings: ObservedSettings;
        readonly headers: ObservedHeaders;
        readonly names: ObservedNames;
      }
    | undefined;

  constructor(sink: ObservationSink, model: string, revision: string, clock: Clock) {
    this.#sink = sink;
    this.#model = model;
    this.#revision = revision;
    this.#clock = clock;
  }

  /** Begins to observe a request, by its headers in small letters. */
  begin(headers: Readonly<Record<string, string | readonly string[] | number | undefined>>): ForeignRequest {
    const settings = this.#sink.observed();
    if (settings !== this.#inEffect?.settings) this.#inEffect = this.#use(settings);
    const observation = new Observation(settings, Math.random);
    observation.event.timeMilliseconds = this.#clock.now();
    this.#inEffect.headers.read(headers, observation);
    return new ForeignRequest(this, this.#inEffect.names, observation, this.#clock.monotonic());
  }

  /** Takes room for bytes that are kept. */
  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > MAXIMUM_BYTES) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives room back. */
  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Bytes that are kept now. */
  get keptBytes(): number {
    return this.#bytes;
  }

  /** Takes an event that is complete. */
  take(source: EventSource, event: TapEvent): void {
    this.#sink.take(source, event);
  }

  /** Counts a request of which only status and time are known. */
  missed(reason: UnobservedReason): void {
    this.#sink.missed(reason);
  }

  #use(settings: ObservedSettings) {
    const { columns, featureTime } = settings;
    const source = {
      model: this.#model,
      revision: this.#revision,
      columns: columns.map(({ name }) => name),
    };
    const namesOf = (from: "input" | "output") =>
      columns.filter((column) => column.from === from).map(({ tensor }) => tensor);
    const timeTensor = featureTime !== undefined && "tensor" in featureTime ? [featureTime.tensor] : [];
    return {
      settings,
      headers: new ObservedHeaders(settings, this.#userKey, Math.random),
      names: {
        source,
        input: new Set([...namesOf("input"), ...timeTensor]),
        output: new Set(namesOf("output")),
      },
    };
  }
}
