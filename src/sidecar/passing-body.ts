/**
 * A body on its way to or from a foreign runtime, as far as it is kept to be observed. How much is kept has a bound, of one
 * body and of all together; beyond it the body passes all the same.
 */

/** Why inputs and outputs of a request are not known. */
export type UnobservedReason = "TooLarge" | "TooMany" | "Encoded" | "Unreadable";

/** The room that all bodies share. */
export interface SharedRoom {
  /** Takes room for bytes, if there is so much. A part of it is for heads alone. */
  readonly reserve: (bytes: number, purpose: "Whole" | "Head") => boolean;
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
  #isCut = false;
  #hasAll = false;
  problem: UnobservedReason | undefined;

  constructor(room: SharedRoom) {
    this.#room = room;
  }

  /** Nobody asks for this body: none of it is kept. */
  skip(): void {
    this.#isSkipped = true;
  }

  /** Where it is too large, or there is no room for all of it, its beginning is kept. */
  keepHead(): void {
    this.#keepsHead = true;
  }

  /** Whether nobody asks for this body. */
  get isSkipped(): boolean {
    return this.#isSkipped;
  }

  /** Keeps a piece, or gives up to keep the whole body. */
  add(piece: Buffer): void {
    if (this.#isSkipped) return;
    if (this.problem !== undefined) {
      this.#grow(piece);
      return;
    }
    const bytes = piece.length + PIECE_BYTES;
    if (this.#bytes + bytes > MAXIMUM_BODY_BYTES) this.#cut(piece, "TooLarge");
    else if (!this.#room.reserve(bytes, "Whole")) this.#cut(piece, "TooMany");
    else {
      this.#pieces.push(piece);
      this.#bytes += bytes;
    }
  }

  /** The whole of it cannot be kept: keeps its beginning, or nothing. */
  #cut(next: Buffer, reason: UnobservedReason): void {
    const pieces = [...this.#pieces, next];
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    // A copy: what it is cut from must go.
    const head = this.#keepsHead ? Buffer.concat(pieces, Math.min(bytes, HEAD_BYTES)) : undefined;
    this.giveUp(reason);
    if (head === undefined || !this.#room.reserve(head.length, "Head")) return;
    this.#pieces = [head];
    this.#bytes = head.length;
    this.#isCut = true;
    this.#hasAll = head.length === bytes;
  }

  /** There was no room for the whole body: what comes now still belongs to its beginning. */
  #grow(piece: Buffer): void {
    if (!this.#hasAll) return;
    const kept = Math.min(piece.length, HEAD_BYTES - this.#bytes - PIECE_BYTES);
    this.#hasAll = kept === piece.length;
    if (kept <= 0 || !this.#room.reserve(kept + PIECE_BYTES, "Head")) {
      this.#hasAll = false;
      return;
    }
    this.#pieces.push(Buffer.from(piece.subarray(0, kept)));
    this.#bytes += kept + PIECE_BYTES;
  }

  /** Whether only its beginning is kept, for a token. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Whether this beginning is all of it. */
  get hasAll(): boolean {
    return this.#hasAll;
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
    this.#isCut = false;
    this.#hasAll = false;
    this.#pieces = [];
    this.#bytes = 0;
  }
}
