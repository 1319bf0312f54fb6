/**
 * How much the server takes on at once: requests that are not yet answered, and the bytes of their bodies.
 *
 * A refused client is told to come back, not that the server is broken. Over REST it is refused before its
 * body is read. gRPC reads each message whole before it is counted here, so what bounds its memory is the
 * largest message times the streams of a connection; beyond that, only decoding and running are bounded here.
 */
import { ServeError } from "./serve-error.ts";

/** Bounds of {@link Admission}. */
export interface AdmissionLimits {
  readonly maximumRequests: number;
  /** All bodies together. */
  readonly maximumBytes: number;
}

/** A request that was let in. */
export interface Ticket {
  /**
   * Takes on more bytes of the body.
   *
   * @throws {ServeError} Overloaded.
   */
  grow(sizeBytes: number): void;
  /** Gives back everything. May be called again. */
  leave(): void;
}

/** Counts the requests that are let in. */
export class Admission {
  readonly #limits: AdmissionLimits;
  #requests = 0;
  #bytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Requests that were let in and are not yet answered. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Lets a request in, with the bytes of its body as far as they are known.
   *
   * @throws {ServeError} Overloaded.
   */
  enter(sizeBytes: number): Ticket {
    const { maximumRequests, maximumBytes } = this.#limits;
    if (this.#requests >= maximumRequests) {
      throw new ServeError("Overloaded", `${this.#requests} requests are under way`);
    }
    let taken = 0;
    let isIn = true;
    const grow = (moreBytes: number) => {
      if (this.#bytes + moreBytes > maximumBytes) {
        throw new ServeError("Overloaded", `requests of ${this.#bytes} bytes are under way`);
      }
      taken += moreBytes;
      this.#bytes += moreBytes;
    };
    grow(sizeBytes);
    this.#requests++;
    return {
      grow,
      leave: () => {
        if (isIn) {
          isIn = false;
          this.#requests--;
          this.#bytes -= taken;
        }
      },
    };
  }
}
