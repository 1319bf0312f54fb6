/**
 * Tags: short hashes that stand for names and users in a token.
 *
 * Users are the unit of every comparison, through 128 groups. A group must be the same in both arms, under every
 * weight and through every revision, so the key of user tags is one for the namespace and no salt goes into it. The
 * tag must not lead back to the user without that key.
 */
import { createHash } from "node:crypto";
import type { HmacKey } from "./hmac-sha256.ts";

/** Groups of users. */
export const GROUPS = 128;

const USER_TAG_BYTES = 6;
/** The longest user id that is hashed whole; what is longer is hashed to fit. */
const LONGEST_USER_BYTES = 512;
/** First byte of what is hashed, so that no user id can be taken for a request id. */
const KIND = { user: 1, request: 2 } as const;

/** The tag of a user: 6 bytes. */
export function userTag(userId: string, key: HmacKey): Uint8Array {
  const bytes = Buffer.from(userId);
  return tagOf(
    KIND.user,
    bytes.length <= LONGEST_USER_BYTES ? bytes : createHash("sha256").update(bytes).digest(),
    key,
  );
}

/** The tag of a request without a user, which is its own unit: 6 bytes. */
export function anonymousTag(requestId: Uint8Array, key: HmacKey): Uint8Array {
  return tagOf(KIND.request, requestId, key);
}

/** The group of a tag, from 0 to 127. */
export function groupOf(tag: Uint8Array): number {
  return (tag[USER_TAG_BYTES - 1] ?? 0) % GROUPS;
}

/** The 32 bits that stand for a ModelDeployment (its uid) or a model revision (its name) in a token. */
export function nameTag(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE(0);
}

function tagOf(kind: number, bytes: Uint8Array, key: HmacKey): Uint8Array {
  const message = new Uint8Array(bytes.length + 1);
  message[0] = kind;
  message.set(bytes, 1);
  const tag = new Uint8Array(USER_TAG_BYTES);
  key.sign(message, tag);
  return tag;
}
