/**
 * The keys of a namespace's prediction tokens through time: made once, exchanged for new ones now and then, each
 * published before it signs and kept until the last label of its tokens has come. Pure.
 *
 * The key of user tags stays for ever: another one would put every user into another group.
 */
import { asList, asNumber, asRecord, asString, parseJson } from "../../api/json.ts";

/** A root, from which the keys of all model revisions are made. */
export interface TokenRoot {
  readonly id: number;
  /** Base64. */
  readonly secret: string;
  /** Milliseconds since the Unix epoch. */
  readonly publishedAt: number;
}

/** The keys of a namespace. */
export interface TokenKeys {
  /** Base64. */
  readonly users: string;
  /** The oldest first; at least one. */
  readonly roots: readonly TokenRoot[];
  /** What opens the collector. */
  readonly accessToken: string;
}

/** What new keys are made of: random, 32 bytes each in base64. */
export interface FreshSecrets {
  readonly users: string;
  readonly root: string;
  readonly accessToken: string;
}

const HOUR_MILLISECONDS = 3_600_000;
/** A root signs for so long. */
const ROTATION_MILLISECONDS = 30 * 24 * HOUR_MILLISECONDS;
/** By then every collector has read it: kubelets renew what is mounted within some two minutes. */
export const PUBLICATION_MILLISECONDS = 15 * 60_000;
const LARGEST_ID = 255;

/** The keys that should stand now. `retentionHours` is how long labels are taken. */
export function nextTokenKeys(
  before: TokenKeys | undefined,
  fresh: FreshSecrets,
  retentionHours: number,
  now: number,
): TokenKeys {
  const first = { id: 1, secret: fresh.root, publishedAt: now };
  if (before === undefined) return { users: fresh.users, accessToken: fresh.accessToken, roots: [first] };
  const newest = before.roots.at(-1) ?? first;
  const isOld = now - newest.publishedAt >= ROTATION_MILLISECONDS;
  const next = { id: (newest.id % LARGEST_ID) + 1, secret: fresh.root, publishedAt: now };
  const roots = isOld ? [...before.roots, next] : before.roots;
  const kept = roots.filter((_root, index) => {
    const successor = roots[index + 1];
    if (successor === undefined) return true;
    const lastSignedAt = successor.publishedAt + 2 * PUBLICATION_MILLISECONDS;
    return now < lastSignedAt + retentionHours * HOUR_MILLISECONDS;
  });
  return { ...before, roots: kept };
}

/** The root that signs: the newest that was published for long enough, or the only one. */
export function signingRoot({ roots }: TokenKeys, now: number): TokenRoot | undefined {
  return roots.findLast(({ publishedAt }) => now - publishedAt >= PUBLICATION_MILLISECONDS) ?? roots[0];
}

/** When time alone changes something, in milliseconds since the Unix epoch. */
export function nextKeyChange({ roots }: TokenKeys, retentionHours: number, now: number): number {
  const moments = roots.flatMap(({ publishedAt }) => [
    publishedAt + PUBLICATION_MILLISECONDS,
    publishedAt + ROTATION_MILLISECONDS,
    publishedAt + 2 * PUBLICATION_MILLISECONDS + retentionHours * HOUR_MILLISECONDS,
  ]);
  return Math.min(...moments.filter((moment) => moment > now), now + ROTATION_MILLISECONDS);
}

/** The file of keys, as the collector reads it. */
export function keysFile({ users, roots }: TokenKeys): string {
  return `${JSON.stringify({ users, roots })}\n`;
}

/** Reads what {@link keysFile} wrote and the access tokens; undefined for anything else. */
export function readTokenKeys(keys: string, accessTokens: string): TokenKeys | undefined {
  const file = asRecord(parseJson(keys));
  const users = asString(file?.["users"]);
  const accessToken = accessTokens.split("\n")[0] ?? "";
  const listed = asList(file?.["roots"]);
  const roots = listed.flatMap((entry) => {
    const root = asRecord(entry);
    const [id, publishedAt] = [asNumber(root?.["id"]), asNumber(root?.["publishedAt"])];
    const secret = asString(root?.["secret"]);
    return id === undefined || publishedAt === undefined || secret === undefined
      ? []
      : [{ id, secret, publishedAt }];
  });
  const isWhole = roots.length > 0 && roots.length === listed.length;
  return users === undefined || accessToken === "" || !isWhole ? undefined : { users, roots, accessToken };
}
