/**
 * Which requests are in a sample: it follows from the request's id alone, so that the sidecar, which sees the request,
 * and the collector, which sees its labels days later, choose the same ones and never have to ask each other.
 */

const IDS = 2 ** 32;

/**
 * Whether a request is in a sample of such a share, from 0 to 1. The id is mixed first (the finalizer of MurmurHash3,
 * Appleby 2011): who else chooses requests by bits of an id then chooses others.
 */
export function isSampled(requestId: Uint8Array, share: number): boolean {
  return mixed(wordAt(requestId, 0) ^ mixed(wordAt(requestId, 4))) < share * IDS;
}

function wordAt(bytes: Uint8Array, start: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]];
  return (a << 24) | (b << 16) | (c << 8) | d;
}

function mixed(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
