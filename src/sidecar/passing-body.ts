/**
 * A body on its way to or from a foreign runtime, as far as it is kept to be observed. How much is kept has a bound, of one
 * body and of all together; beyond it the body passes all the same.
 */

/** Why inputs and outputs of a request are not known. */
export type UnobservedReason = "TooLarge" | "TooMany" | "Encoded" | "Unreadable";

/** The room that all bodies share. */
export interface SharedRoom {
  /** Takes room for bytes, if there is so much. */
  readonly reserve: (bytes: number) => boolean;
  /** Gives it back. */
  readonly release: (bytes: number) => void;
}

/** Of one body. */
const MAXIMUM_BODY_BYTES = 2 ** 20;
/** Kept of a larger one that needs a token: shapes stand before the numbers. */
const HEAD_BYTES = 2 ** 16;
/** What a piece takes beside its bytes: a client may send a body in pieces of one byte. */
const PIECE_BYTES = 256;

/** The body of a request or of its answer: its pieces are kept as they are, without a copy. */
export class PassingBody {
  readonly #room: SharedRoom;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isSkipped = false;
  #keepsHead = false;
  problem: UnobservedReason | undefined;

  constructor(room: SharedRoom) {
    this.#room = room;
  }

  /** Nobody asks for this body: none of it is kept. */
  skip(): void {
    this.#isSkipped = true;
  }

  /** Where it is too large, its beginning is kept. */
  keepHead(): void {
    this.#keepsHead = true;
  }

  /** Whether nobody asks for this body. */
  get isSkipped(): boolean {
    return this.#isSkipped;
  }

  /** Keeps a piece, or gives the body up. */
  add(piece: Buffer): void {
    if (this.#isSkipped || this.problem !== undefined) return;
    const bytes = piece.length + PIECE_BYTES;
    if (this.#bytes + bytes > MAXIMUM_BODY_BYTES) this.#cut(piece);
    else if (!this.#room.reserve(bytes)) this.giveUp("TooMany");
    else {
      this.#pieces.push(piece);
      this.#bytes += bytes;
    }
  }

  /** It is too large: keeps its beginning, or nothing. */
  #cut(next: Buffer): void {
    const pieces = [...this.#pieces, next];
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    // A copy: what it is cut from must go.
    const head = this.#keepsHead ? Buffer.concat(pieces, Math.min(bytes, HEAD_BYTES)) : undefined;
    this.giveUp("TooLarge");
    if (head === undefined || !this.#room.reserve(head.length)) return;
    this.#pieces = [head];
    this.#bytes = head.length;
  }

  /** Keeps nothing of it any more. */
  giveUp(reason: UnobservedReason): void {
    if (this.#isSkipped) return;
    this.problem ??= reason;
    this.release();
  }

  /** All of it that is kept. */
  whole(): Buffer {
    const [only] = this.#pieces;
    return only !== undefined && this.#pieces.length === 1 ? only : Buffer.concat(this.#pieces);
  }

  /** Gives its room back. */
  release(): void {
    this.#room.release(this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
  }
}
