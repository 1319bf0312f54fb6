/**
 * Frames out of a stream that comes in pieces of any size. A frame that lies whole in a piece is not copied.
 */
import { KIND_OFFSET, LENGTH_BYTES, MAXIMUM_FRAME_BYTES } from "./tap-event.ts";

/** Takes a whole frame: the bytes from `start` to `end` of a view that is used again later. False ends the stream. */
export type FrameTaker = (view: DataView, start: number, end: number) => boolean;

/** Cuts one stream. */
export class FrameStream {
  readonly #take: FrameTaker;
  #rest: Buffer | undefined;

  constructor(take: FrameTaker) {
    this.#take = take;
  }

  /** Takes the next piece. False when it is no stream of frames, or the taker does not want more. */
  push(piece: Buffer): boolean {
    const bytes = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    while (start + LENGTH_BYTES <= view.byteLength) {
      const end = start + LENGTH_BYTES + view.getUint32(start, true);
      if (end <= start + KIND_OFFSET || end - start > MAXIMUM_FRAME_BYTES) return false;
      if (end > view.byteLength) break;
      if (!this.#take(view, start, end)) return false;
      start = end;
    }
    // A copy, so that a few bytes do not hold a whole piece.
    this.#rest = start === bytes.length ? undefined : Buffer.from(bytes.subarray(start));
    return true;
  }
}
