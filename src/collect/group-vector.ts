/**
 * One number for each of the 128 groups of users: what a cell of the evidence holds, and how it is stored.
 *
 * Stored as 16 bytes that say which groups are not zero, then the numbers of those, so that a quiet deployment costs
 * little and a busy one 1 KiB. Numbers that are added are whole multiples of 2^-20, so that sums are exact, and the
 * same in whatever order they came, up to 8 billion.
 */
import { GROUPS } from "../token/tags.ts";

/** A number for each group. */
export type GroupVector = Float64Array;

const MASK_BYTES = GROUPS / 8;
const NUMBER_BYTES = 8;
const STEPS = 2 ** 20;
const room = Buffer.alloc(MASK_BYTES + GROUPS * NUMBER_BYTES);

/** All zero. */
export function newVector(): GroupVector {
  return new Float64Array(GROUPS);
}

/** A number as it may be added to others without rounding. */
export function exact(value: number): number {
  return Math.round(value * STEPS) / STEPS;
}

/** Adds one vector to another. */
export function addVector(into: GroupVector, more: GroupVector): void {
  for (let group = 0; group < GROUPS; group++) into[group] = (into[group] ?? 0) + (more[group] ?? 0);
}

/** The stored form. The bytes are good until the next call. */
export function encodeVector(vector: GroupVector): Uint8Array {
  room.fill(0, 0, MASK_BYTES);
  let end = MASK_BYTES;
  for (let group = 0; group < GROUPS; group++) {
    const value = vector[group] ?? 0;
    if (value === 0) continue;
    room[group >> 3] = (room[group >> 3] ?? 0) | (1 << (group & 7));
    end = room.writeDoubleLE(value, end);
  }
  return room.subarray(0, end);
}

/** Adds a stored vector to another one; with `where` only in groups in which that is not zero. */
export function addEncoded(into: GroupVector, bytes: Uint8Array, where?: GroupVector): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = MASK_BYTES;
  for (let group = 0; group < GROUPS; group++) {
    if (((bytes[group >> 3] ?? 0) & (1 << (group & 7))) === 0) continue;
    if (where?.[group] !== 0) into[group] = (into[group] ?? 0) + view.getFloat64(at, true);
    at += NUMBER_BYTES;
  }
}
