/**
 * The keys of a namespace's tokens, as a file of JSON that programs mount:
 *
 *     {"users": "BASE64", "keys": [{"deployment": "UID", "revision": "NAME", "id": 1, "secret": "BASE64"}],
 *      "roots": [{"id": 2, "secret": "BASE64"}]}
 *
 * Each model revision signs with the key of its own with the highest id that is not `verifyOnly`; all of them verify.
 * So a key is added for verification everywhere first (`verifyOnly`), then signs, and goes when the longest label has
 * matured. Who has a root has the keys of all revisions ({@link revisionSecret}): a new revision needs no new file where
 * labels are verified, and whoever signs gets the key of its own revision alone.
 *
 * No message here may hold a secret: a wrong file is described by place, never by content.
 */
import { createHmac } from "node:crypto";
import { HmacKey } from "./hmac-sha256.ts";
import type { PredictionToken } from "./prediction-token.ts";
import { nameTag } from "./tags.ts";

const LEAST_SECRET_BYTES = 32;
const MOST_SECRET_BYTES = 64;
const MAXIMUM_KEYS = 10_000;
const MAXIMUM_ROOTS = 16;
/** Revisions whose keys are remembered once they were made from a root. A token can name any, so there is a bound. */
const MAXIMUM_DERIVED_KEYS = 10_000;
const MAXIMUM_KEY_ID = 255;

/** The file is not a ring of keys. The message says where and what was expected, and no content. */
export class KeyRingError extends Error {
  override readonly name = "KeyRingError";
}

/** A key that signs. */
export interface SigningKey {
  /** Written into the token. */
  readonly id: number;
  readonly key: HmacKey;
}

/** The tags of a revision and its deployment, and which of its keys. */
type KeyName = Pick<PredictionToken, "deployment" | "revision" | "keyId">;

/** The secret of the key that a model revision has from a root, which has the same id. Tags are those of a token. */
export function revisionSecret(root: Uint8Array, { deployment, revision, keyId }: KeyName): Buffer {
  return createHmac("sha256", root).update(`petrel-token/${deployment}/${revision}/${keyId}`).digest();
}

/** The keys of one file. */
export class KeyRing {
  /** Makes user tags. */
  readonly users: HmacKey;
  readonly #verifying = new Map<string, HmacKey>();
  readonly #signing = new Map<string, SigningKey>();
  readonly #roots = new Map<number, Uint8Array>();
  readonly #derived = new Map<string, HmacKey>();

  private constructor(users: HmacKey) {
    this.users = users;
  }

  /**
   * Reads a ring.
   *
   * @throws {KeyRingError}
   */
  static parse(text: string): KeyRing {
    const file = membersOf(parseJson(text), "the file");
    const ring = new KeyRing(new HmacKey(secretOf(file["users"], "users")));
    const { keys = file["roots"] === undefined ? undefined : [], roots = [] } = file;
    if (!Array.isArray(keys) || keys.length > MAXIMUM_KEYS) {
      throw new KeyRingError(`expected "keys" to be a list of at most ${MAXIMUM_KEYS}`);
    }
    if (!Array.isArray(roots) || roots.length > MAXIMUM_ROOTS) {
      throw new KeyRingError(`expected "roots" to be a list of at most ${MAXIMUM_ROOTS}`);
    }
    keys.forEach((entry, index) => {
      ring.#add(membersOf(entry, `keys[${index}]`), `keys[${index}]`);
    });
    roots.forEach((entry, index) => {
      ring.#addRoot(membersOf(entry, `roots[${index}]`), `roots[${index}]`);
    });
    return ring;
  }

  /** How many keys verify, those that are made from roots aside. */
  get size(): number {
    return this.#verifying.size;
  }

  /** The key that made a token, if it is known. */
  verifyingKey(name: KeyName): HmacKey | undefined {
    const key = `${name.deployment}/${name.revision}/${name.keyId}`;
    const root = this.#roots.get(name.keyId);
    const known = this.#verifying.get(key) ?? this.#derived.get(key);
    if (known !== undefined || root === undefined) return known;
    const derived = new HmacKey(revisionSecret(root, name));
    if (this.#derived.size >= MAXIMUM_DERIVED_KEYS) this.#derived.clear();
    this.#derived.set(key, derived);
    return derived;
  }

  /** The key with which a revision signs now. Both are names, not tags. */
  signingKey(deployment: string, revision: string): SigningKey | undefined {
    return this.#signing.get(`${nameTag(deployment)}/${nameTag(revision)}`);
  }

  #add(entry: Readonly<Record<string, unknown>>, place: string): void {
    const { deployment, revision, id, verifyOnly = false } = entry;
    if (!isName(deployment) || !isName(revision)) {
      throw new KeyRingError(`expected ${place} to have the names "deployment" and "revision"`);
    }
    requireKeyId(id, place);
    if (typeof verifyOnly !== "boolean") {
      throw new KeyRingError(`expected ${place}.verifyOnly to be true or false`);
    }
    const key = new HmacKey(secretOf(entry["secret"], `${place}.secret`));
    const owner = `${nameTag(deployment)}/${nameTag(revision)}`;
    if (this.#verifying.has(`${owner}/${id}`)) {
      throw new KeyRingError(`expected each key once, got ${place} a second time`);
    }
    this.#verifying.set(`${owner}/${id}`, key);
    if (!verifyOnly && id >= (this.#signing.get(owner)?.id ?? 0)) this.#signing.set(owner, { id, key });
  }

  #addRoot({ id, secret }: Readonly<Record<string, unknown>>, place: string): void {
    requireKeyId(id, place);
    if (this.#roots.has(id)) throw new KeyRingError(`expected each root once, got ${place} a second time`);
    this.#roots.set(id, secretOf(secret, `${place}.secret`));
  }
}

function requireKeyId(id: unknown, place: string): asserts id is number {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id <= MAXIMUM_KEY_ID) return;
  throw new KeyRingError(`expected ${place}.id to be a whole number from 0 to ${MAXIMUM_KEY_ID}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and with it secrets.
    throw new KeyRingError("expected a ring of keys in JSON");
  }
}

function membersOf(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new KeyRingError(`expected ${place} to be an object`);
  }
  return { ...value };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= 253;
}

function secretOf(value: unknown, place: string): Uint8Array {
  const bytes = typeof value === "string" ? Buffer.from(value, "base64") : undefined;
  if (bytes === undefined || bytes.length < LEAST_SECRET_BYTES || bytes.length > MOST_SECRET_BYTES) {
    throw new KeyRingError(
      `expected ${place} to be ${LEAST_SECRET_BYTES} to ${MOST_SECRET_BYTES} bytes in base64`,
    );
  }
  return bytes;
}
