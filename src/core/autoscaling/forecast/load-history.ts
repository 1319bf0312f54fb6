/**
 * The load of three weeks, small enough to lie in one object of the API for each deployment: the highest minute of each slot of
 * five, in two bytes. Pure.
 *
 * Two bytes hold a logarithm, so that each rate is kept to a quarter of a thousandth, whether it is of one request an hour or
 * of a million a second. What is not known stays unknown: it is never a rate of zero.
 */

/** Slots of a day. */
export const SLOTS_PER_DAY = 288;
/** How long a slot is. */
export const SLOT_MILLISECONDS = 86_400_000 / SLOTS_PER_DAY;
/** Days that are kept: two weeks that a forecaster of weeks can be tested on, and one more to begin with. */
export const HISTORY_DAYS = 21;
/** Bytes that the values take, 16,128 characters as text. */
export const HISTORY_BYTES = 2 * HISTORY_DAYS * SLOTS_PER_DAY;

const UNKNOWN = 0;
const ZERO = 1;
const LEAST_CODE = 2;
const LEAST_RATE = 1e-4;
/** Logarithm of the ratio of two codes that follow each other; half of it is the error. */
const STEP = 0.0005;

/** Rates of slots that follow each other. */
export interface LoadHistory {
  /** The slot of the newest value, in slots since the Unix epoch. */
  readonly lastSlot: number;
  /** Requests a second, from the oldest to the newest; `NaN` where nothing is known. */
  readonly rates: Float64Array;
}

/** No values yet. */
export function emptyHistory(): LoadHistory {
  return { lastSlot: -1, rates: new Float64Array() };
}

/** The slot of a time. */
export function slotAt(milliseconds: number): number {
  return Math.floor(milliseconds / SLOT_MILLISECONDS);
}

/**
 * The history with the value of a slot; of the one that is the newest already the larger value stands. Slots between are
 * unknown. A slot of before the newest changes nothing.
 */
export function withRate(history: LoadHistory, slot: number, rate: number): LoadHistory {
  const { lastSlot, rates } = history;
  if (slot < lastSlot) return history;
  if (slot === lastSlot) {
    const before = rates.at(-1) ?? Number.NaN;
    return { lastSlot, rates: rates.with(-1, Number.isNaN(before) ? rate : Math.max(before, rate)) };
  }
  const gap = lastSlot < 0 ? 0 : Math.min(slot - lastSlot - 1, HISTORY_DAYS * SLOTS_PER_DAY);
  const kept = Math.min(rates.length, Math.max(0, HISTORY_DAYS * SLOTS_PER_DAY - gap - 1));
  const next = new Float64Array(Math.min(kept + gap + 1, HISTORY_DAYS * SLOTS_PER_DAY)).fill(Number.NaN);
  next.set(rates.subarray(rates.length - kept));
  next[next.length - 1] = rate;
  return { lastSlot: slot, rates: next };
}

/** Values of slots that are over, and the last of them. */
export function overBy(history: LoadHistory, nowMilliseconds: number): LoadHistory {
  const { lastSlot, rates } = history;
  return slotAt(nowMilliseconds) > lastSlot
    ? history
    : { lastSlot: lastSlot - 1, rates: rates.subarray(0, -1) };
}

/** As it is stored. */
export interface StoredHistory {
  readonly lastSlot: number;
  /** Base64 of codes of 16 bits, the low byte first. */
  readonly rates: string;
}

/** Writes it. */
export function storedHistory({ lastSlot, rates }: LoadHistory): StoredHistory {
  const bytes = Buffer.alloc(2 * rates.length);
  rates.forEach((rate, at) => {
    bytes.writeUInt16LE(codeOf(rate), 2 * at);
  });
  return { lastSlot, rates: bytes.toString("base64") };
}

/** Reads it; what cannot have been written by {@link storedHistory} is as if there were nothing. */
export function historyOf(stored: unknown): LoadHistory {
  if (typeof stored !== "object" || stored === null) return emptyHistory();
  const { lastSlot, rates } = stored as Readonly<Record<string, unknown>>;
  if (typeof lastSlot !== "number" || !Number.isSafeInteger(lastSlot) || typeof rates !== "string") {
    return emptyHistory();
  }
  const bytes = Buffer.from(rates, "base64");
  if (lastSlot < 0 || bytes.length % 2 !== 0 || bytes.length > HISTORY_BYTES) return emptyHistory();
  return {
    lastSlot,
    rates: Float64Array.from({ length: bytes.length / 2 }, (_, at) => rateOf(bytes.readUInt16LE(2 * at))),
  };
}

function codeOf(rate: number): number {
  if (Number.isNaN(rate)) return UNKNOWN;
  if (rate < LEAST_RATE) return ZERO;
  return Math.min(0xff_ff, LEAST_CODE + Math.round(Math.log(rate / LEAST_RATE) / STEP));
}

function rateOf(code: number): number {
  if (code === UNKNOWN) return Number.NaN;
  return code === ZERO ? 0 : LEAST_RATE * Math.exp((code - LEAST_CODE) * STEP);
}
