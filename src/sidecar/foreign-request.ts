/**
 * What is observed of requests that pass through to a foreign runtime, and the token of an answer. Bodies stream by; what
 * is needed of them is kept in a room that all requests share. Inputs are read while the runtime computes, outputs once
 * the answer has gone: nobody waits for it.
 *
 * A request that cannot be observed is counted with its status and its time all the same, and why. Nothing here may
 * throw, whatever is wrong with what is observed: the request passes.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { errorCode } from "../sources/error-code.ts";
import { Observation, type ObservedTensor } from "../tap/observation.ts";
import { ObservedHeaders } from "../tap/observed-headers.ts";
import type { ObservedSettings } from "../tap/observed-settings.ts";
import type { TapEvent } from "../tap/tap-event.ts";
import { HmacKey } from "../token/hmac-sha256.ts";
import type { RequestAssignment, TokenMint } from "../token/token-mint.ts";
import type { EventSource } from "./observed-model.ts";
import { PassingBody, type UnobservedReason } from "./passing-body.ts";

/** Where observations go. */
export interface ObservationSink {
  /** The settings in effect, asked for each request. */
  readonly observed: () => ObservedSettings;
  readonly take: (source: EventSource, event: TapEvent) => void;
  readonly missed: (reason: UnobservedReason) => void;
  /** Something went wrong that never should, and the request passed all the same. */
  readonly failed: (error: unknown) => void;
}

/** What a body says. */
export interface ReadTensors {
  /** Those that were asked for. */
  readonly tensors: readonly ObservedTensor[];
  /** First dimension of the first tensor, as Petrel's own server counts rows; 1 where there is none. */
  readonly rows: number;
}

/** Reads the tensors of a body that has the names; throws RangeError for one that is too large. */
export type TensorReader = (body: Buffer, names: ReadonlySet<string>) => ReadTensors;

/** How a request is read: whole, or for its rows alone what {@link PassingBody} keeps of a large one. */
export interface RequestReader {
  readonly tensors: TensorReader;
  /** Undefined where the beginning does not tell them; may throw. */
  readonly rows: (head: Buffer) => number | undefined;
}

/** Of all requests under way. */
const MAXIMUM_BYTES = 32 * 2 ** 20;
/** Of it, for beginnings alone: bodies that are kept whole must not take tokens from others. */
const HEADS_BYTES = 8 * 2 ** 20;
const USER_KEY_BYTES = 32;

/** One request to the runtime. */
export class ForeignRequest {
  readonly request: PassingBody;
  readonly response: PassingBody;
  readonly #observer: ForeignObserver;
  readonly #observed: ObservedNames;
  readonly #observation: Observation;
  readonly #startMilliseconds: number;
  /** How the inputs are read, as long as they can be and are not. */
  #readRequest: RequestReader | undefined;
  #inputs: ReadTensors | undefined;
  #rows: number | undefined;
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
    // What nobody asks for is not kept.
    if (observer.givesTokens) this.request.keepHead();
    else if (observed.input.size === 0) this.request.skip();
    if (observed.output.size === 0) this.response.skip();
  }

  /** The request has come whole and was passed on: its inputs are read as soon as nothing else waits. */
  requestEnded(reader: RequestReader): void {
    if (this.#isEnded || this.request.isSkipped) return;
    this.#readRequest = reader;
    setImmediate(() => this.#read());
  }

  /** The token of an answer that succeeded, whose head is about to go; undefined for an answer without one. */
  token(assignment: () => RequestAssignment): string | undefined {
    this.#read();
    return this.#observer.token(assignment, this.#rows);
  }

  /** The answer has gone, with a status as HTTP has it; `readOutputs` is for the body of one that succeeded. */
  end(httpStatus: number, nowMilliseconds: number, readOutputs?: TensorReader): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { event } = this.#observation;
    event.status = httpStatus;
    event.latencyMilliseconds = Math.max(0, nowMilliseconds - this.#startMilliseconds);
    if (readOutputs !== undefined) this.#observe(readOutputs);
    this.#readRequest = undefined;
    this.request.release();
    this.response.release();
    this.#observer.take(this.#observed.source, event);
  }

  #read(): void {
    const reader = this.#readRequest;
    if (reader === undefined) return;
    this.#readRequest = undefined;
    try {
      if (this.request.problem === undefined) {
        this.#inputs = reader.tensors(this.request.whole(), this.#observed.input);
        this.#rows = this.#inputs.rows;
      } else if (this.request.isCut) {
        const head = this.request.whole();
        this.#rows = this.request.hasAll ? reader.tensors(head, new Set()).rows : reader.rows(head);
      }
    } catch (error) {
      this.request.giveUp(problemOf(error));
    }
    this.request.release();
  }

  #observe(readOutputs: TensorReader): void {
    const { input, output } = this.#observed;
    this.#read();
    try {
      const answered =
        output.size === 0 || this.response.problem !== undefined
          ? []
          : readOutputs(this.response.whole(), output).tensors;
      const problem = (input.size === 0 ? undefined : this.#inputProblem()) ?? this.response.problem;
      if (problem !== undefined) {
        this.#observer.missed(problem);
        return;
      }
      this.#observation.takeInputs(this.#inputs?.tensors ?? []);
      this.#observation.takeOutputs(answered);
    } catch (error) {
      this.#observer.missed(problemOf(error));
    }
  }

  /** Why the inputs are not known; a request that was answered before it had come is not read. */
  #inputProblem(): UnobservedReason | undefined {
    return this.#inputs === undefined ? (this.request.problem ?? "Unreadable") : undefined;
  }
}

function problemOf(error: unknown): UnobservedReason {
  const isTooLarge = error instanceof RangeError || errorCode(error) === "ERR_BUFFER_TOO_LARGE";
  return isTooLarge ? "TooLarge" : "Unreadable";
}

/** What is looked at by the settings with which a request began, whatever they are when it ends. */
interface ObservedNames {
  readonly source: EventSource;
  /** Names of tensors. */
  readonly input: ReadonlySet<string>;
  readonly output: ReadonlySet<string>;
}

/** What an observer is made of. */
export interface ForeignObserverOptions {
  readonly sink: ObservationSink;
  /** Name of the model, for the training log. */
  readonly model: string;
  readonly revision: string;
  readonly clock: Clock;
  /** Mints the tokens of answers; absent where none are asked for. */
  readonly mint?: TokenMint | undefined;
}

/** Observes all requests to one runtime. */
export class ForeignObserver {
  readonly #sink: ObservationSink;
  readonly #clock: Clock;
  readonly #model: string;
  readonly #revision: string;
  readonly #mint: TokenMint | undefined;
  readonly #userKey = new HmacKey(randomBytes(USER_KEY_BYTES));
  #bytes = 0;
  #inEffect:
    | {
        readonly settings: ObservedSettings;
        readonly headers: ObservedHeaders;
        readonly names: ObservedNames;
      }
    | undefined;

  constructor({ sink, model, revision, clock, mint }: ForeignObserverOptions) {
    this.#sink = sink;
    this.#model = model;
    this.#revision = revision;
    this.#clock = clock;
    this.#mint = mint;
  }

  /** Whether answers get tokens. */
  get givesTokens(): boolean {
    return this.#mint !== undefined;
  }

  /** Begins to observe a request, by its headers in small letters; undefined where that fails. */
  begin(
    headers: Readonly<Record<string, string | readonly string[] | number | undefined>>,
  ): ForeignRequest | undefined {
    try {
      const settings = this.#sink.observed();
      if (settings !== this.#inEffect?.settings) this.#inEffect = this.#use(settings);
      const observation = new Observation(settings, Math.random);
      observation.event.timeMilliseconds = this.#clock.now();
      this.#inEffect.headers.read(headers, observation);
      return new ForeignRequest(this, this.#inEffect.names, observation, this.#clock.monotonic());
    } catch (error) {
      this.#sink.failed(error);
      return undefined;
    }
  }

  /** Mints the token of an answer with so many rows, undefined where they are not known. */
  token(assignment: () => RequestAssignment, rows: number | undefined): string | undefined {
    try {
      return this.#mint?.mint(assignment(), rows);
    } catch (error) {
      this.#sink.failed(error);
      return undefined;
    }
  }

  /** Takes room for bytes that are kept. */
  reserve(bytes: number, purpose: "Whole" | "Head"): boolean {
    const most = purpose === "Whole" ? MAXIMUM_BYTES - HEADS_BYTES : MAXIMUM_BYTES;
    if (this.#bytes + bytes > most) return false;
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
    try {
      this.#sink.take(source, event);
    } catch (error) {
      this.#sink.failed(error);
    }
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
