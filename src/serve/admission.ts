/**
 * How much the server takes on at once: requests whose client does not have the whole answer yet, the bytes of
 * their bodies, and those of answers on their way.
 *
 * A refused client is told to come back, not that the server is broken. It is refused before its body is read,
 * and a body without a known length is counted as it comes, over REST as over gRPC: so the bodies of all
 * connections together are bounded.
 */
import { ServeError } from "./serve-error.ts";

/** Bounds of {@link Admission}. */
export interface AdmissionLimits {
  readonly maximumRequests: number;
  /** All bodies together. */
  readonly maximumBytes: number;
  /** All answers together. A single one may be larger. */
  readonly maximumAnswerBytes: number;
}

/** Counts the requests that are let in. */
export class Admission {
  readonly #limits: AdmissionLimits;
  #requests = 0;
  #bytes = 0;
  #answerBytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Requests that were let in and whose client does not have the answer yet. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Lets a request in, with the bytes of its body as far as they are known. `onRefused` is called when it is refused,
   * here or as its body comes; not when its answer is, for it has run then.
   *
   * @throws {ServeError} Overloaded.
   */
  enter(sizeBytes: number, onRefused: () => void = () => {}): Ticket {
    if (this.#requests >= this.#limits.maximumRequests) {
      onRefused();
      throw new ServeError("Overloaded", `${this.#requests} requests are under way`);
    }
    this.take(sizeBytes, onRefused);
    this.#requests++;
    return new Ticket(this, sizeBytes, onRefused);
  }

  /**
   * Takes on bytes of a body, for a {@link Ticket}.
   *
   * @throws {ServeError} Overloaded.
   */
  take(sizeBytes: number, onRefused: () => void): void {
    if (this.#bytes + sizeBytes > this.#limits.maximumBytes) {
      onRefused();
      throw new ServeError("Overloaded", `requests of ${this.#bytes} bytes are under way`);
    }
    this.#bytes += sizeBytes;
  }

  /**
   * Takes on an answer in place of the body, for a {@link Ticket}.
   *
   * @throws {ServeError} Overloaded.
   */
  answer(bodyBytes: number, answerBytes: number): void {
    if (this.#answerBytes > 0 && this.#answerBytes + answerBytes > this.#limits.maximumAnswerBytes) {
      throw new ServeError("Overloaded", `answers of ${this.#answerBytes} bytes are on their way`);
    }
    this.#bytes -= bodyBytes;
    this.#answerBytes += answerBytes;
  }

  /** Gives back what a {@link Ticket} holds. */
  leave(bodyBytes: number, answerBytes: number): void {
    this.#requests--;
    this.#bytes -= bodyBytes;
    this.#answerBytes -= answerBytes;
  }
}

/** A request that was let in. */
export class Ticket {
  readonly #admission: Admission;
  readonly #onRefused: () => void;
  #bytes: number;
  #answerBytes = 0;
  #isIn = true;

  constructor(admission: Admission, bytes: number, onRefused: () => void) {
    this.#admission = admission;
    this.#bytes = bytes;
    this.#onRefused = onRefused;
  }

  /**
   * Takes on more bytes of the body.
   *
   * @throws {ServeError} Overloaded.
   */
  grow(sizeBytes: number): void {
    if (this.#isIn) {
      this.#admission.take(sizeBytes, this.#onRefused);
      this.#bytes += sizeBytes;
    }
  }

  /**
   * Gives back the body, which is read, and takes on the answer until {@link leave}.
   *
   * @throws {ServeError} Overloaded.
   */
  answer(sizeBytes: number): void {
    if (this.#isIn) {
      this.#admission.answer(this.#bytes, sizeBytes);
      this.#bytes = 0;
      this.#answerBytes += sizeBytes;
    }
  }

  /** Gives back everything. May be called again. */
  leave(): void {
    if (this.#isIn) {
      this.#isIn = false;
      this.#admission.leave(this.#bytes, this.#answerBytes);
    }
  }
}
