/**
 * The bytes of one request as they come, never more than its bound. Most bodies are one chunk, which is then handed
 * on as it is, without a copy.
 */

/** A body on its way. */
export class BoundedBody {
  readonly #maximumBytes: number;
  readonly #tooLarge: (maximumBytes: number) => Error;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #sizeBytes = 0;

  /** `tooLarge` makes the error for a body of more than `maximumBytes`. */
  constructor(maximumBytes: number, tooLarge: (maximumBytes: number) => Error) {
    this.#maximumBytes = maximumBytes;
    this.#tooLarge = tooLarge;
  }

  /** How much has come. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Takes the next chunk; throws the error for a body that is too large, and keeps nothing of that chunk. */
  add(chunk: Buffer): void {
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > this.#maximumBytes) {
      throw this.#tooLarge(this.#maximumBytes);
    }
    if (this.#first === undefined) {
      this.#first = chunk;
    } else {
      this.#more ??= [this.#first];
      this.#more.push(chunk);
    }
  }

  /** All that has come, in one piece. */
  whole(): Buffer {
    return this.#more === undefined
      ? (this.#first ?? Buffer.alloc(0))
      : Buffer.concat(this.#more, this.#sizeBytes);
  }
}
