/**
 * What the headers of a request say of it: its arm and epoch, its id, its user, and when its features were made.
 *
 * The user's id goes no further than here: what is told is a tag by a key that the process made for itself.
 */
import { PETREL_HEADER } from "../render/envoy/route.ts";
import type { HmacKey } from "../token/hmac-sha256.ts";
import { userTag } from "../token/tags.ts";
import type { Observation } from "./observation.ts";
import type { ObservedSettings } from "./observed-settings.ts";
import { armNamed, REQUEST_ID_BYTES } from "./tap-event.ts";

/** Envoy gives every request one. */
const REQUEST_ID_HEADER = "x-request-id";
const REQUEST_ID_DIGITS = 2 * REQUEST_ID_BYTES;
const LAST_EPOCH = 2 ** 32 - 1;
const UUID = /^[0-9a-fA-F-]{18,36}$/;
const SECONDS = /^\d{1,12}(\.\d{1,9})?$/;

/** Reads headers into observations. */
export class ObservedHeaders {
  readonly #userKey: HmacKey;
  readonly #random: () => number;
  readonly #readers: ReadonlyMap<string, (observation: Observation, value: string) => void>;
  /** Only a header with a name of such a length is looked at. */
  readonly #lengths: ReadonlySet<number>;

  /** `userKey` is of this process alone; `random` gives numbers from 0 to below 1. */
  constructor({ userHeader, featureTime }: ObservedSettings, userKey: HmacKey, random: () => number) {
    this.#userKey = userKey;
    this.#random = random;
    const readers = new Map<string, (observation: Observation, value: string) => void>();
    readers.set(PETREL_HEADER.arm, ({ event }, value) => {
      event.arm = armNamed(value);
    });
    readers.set(PETREL_HEADER.epoch, ({ event }, value) => {
      event.epoch = wholeNumber(value);
    });
    readers.set(REQUEST_ID_HEADER, ({ event }, value) => readId(value, event.requestId));
    if (userHeader !== undefined) {
      readers.set(userHeader, ({ event }, value) => {
        event.hasUser = value !== "";
        if (event.hasUser) event.userTag = userTag(value, this.#userKey);
      });
    }
    if (featureTime !== undefined && "header" in featureTime) {
      readers.set(featureTime.header, (observation, value) => {
        if (SECONDS.test(value)) observation.takeFeatureTime(Number(value));
      });
    }
    this.#readers = readers;
    this.#lengths = new Set([...readers.keys()].map(({ length }) => length));
  }

  /** Reads names and values, one after the other, as Node has them: the object of all headers costs more. */
  readRaw(rawHeaders: readonly string[], observation: Observation): void {
    this.#begin(observation);
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = rawHeaders[index] ?? "";
      if (!this.#lengths.has(name.length)) continue;
      this.#readers.get(name.toLowerCase())?.(observation, rawHeaders[index + 1] ?? "");
    }
  }

  /** Reads headers by their names in small letters. */
  read(
    headers: Readonly<Record<string, string | readonly string[] | number | undefined>>,
    observation: Observation,
  ): void {
    this.#begin(observation);
    for (const [name, read] of this.#readers) {
      const value = headers[name];
      if (typeof value === "string") read(observation, value);
    }
  }

  /** Without a header, the id is a random one. */
  #begin({ event }: Observation): void {
    for (let index = 0; index < REQUEST_ID_BYTES; index++) {
      event.requestId[index] = Math.floor(this.#random() * 256);
    }
  }
}

/** The first 8 bytes of a UUID. */
function readId(value: string, into: Uint8Array): void {
  if (!UUID.test(value)) return;
  const digits = value.replaceAll("-", "").slice(0, REQUEST_ID_DIGITS);
  if (digits.length < REQUEST_ID_DIGITS) return;
  for (let index = 0; index < REQUEST_ID_BYTES; index++) {
    into[index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  }
}

function wholeNumber(value: string): number {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : 0;
  return number <= LAST_EPOCH ? number : 0;
}
