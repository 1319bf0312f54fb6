import { describe, expect, test } from "@jest/globals";
import {
  keysFile,
  nextKeyChange,
  nextTokenKeys,
  PUBLICATION_MILLISECONDS,
  readTokenKeys,
  signingRoot,
  type TokenKeys,
} from "./token-keys.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RETENTION_HOURS = 96;
const START = Date.UTC(2026, 0, 1);
let secrets = 0;
const fresh = () => {
  secrets += 1;
  return { users: `users-${secrets}`, root: `root-${secrets}`, accessToken: `access-${secrets}` };
};
const next = (before: TokenKeys | undefined, now: number) =>
  nextTokenKeys(before, fresh(), RETENTION_HOURS, now);
const first = next(undefined, START);

test("the first root signs at once: nobody has mounted anything yet", () => {
  expect(first.roots).toHaveLength(1);
  expect(signingRoot(first, START)).toBe(first.roots[0]);
});

test("keys stand for a month, then there is another root, and the key of users and the access token stay", () => {
  expect(next(first, START + 30 * DAY - 1)).toEqual(first);
  const rotated = next(first, START + 30 * DAY);
  expect(rotated.roots.map(({ id }) => id)).toEqual([1, 2]);
  expect(rotated).toMatchObject({ users: first.users, accessToken: first.accessToken });
});

describe("a new root", () => {
  const at = START + 30 * DAY;
  const rotated = next(first, at);

  test("is published before it signs", () => {
    expect(signingRoot(rotated, at + PUBLICATION_MILLISECONDS - 1)?.id).toBe(1);
    expect(signingRoot(rotated, at + PUBLICATION_MILLISECONDS)?.id).toBe(2);
  });

  test("leaves the old one until the last label of its tokens has come", () => {
    const gone = at + 2 * PUBLICATION_MILLISECONDS + RETENTION_HOURS * HOUR;
    expect(next(rotated, gone - 1).roots.map(({ id }) => id)).toEqual([1, 2]);
    expect(next(rotated, gone).roots.map(({ id }) => id)).toEqual([2]);
  });
});

test("for years there is always a root that signs, every token finds its own, and ids never meet", () => {
  let keys = first;
  let now = START;
  const lastSigned = new Map<string, number>();
  for (let look = 0; look < 3_000; look++) {
    now = nextKeyChange(keys, RETENTION_HOURS, now);
    keys = next(keys, now);
    const signing = signingRoot(keys, now);
    if (signing === undefined) throw new Error("no root signs");
    lastSigned.set(signing.secret, now);
    expect(new Set(keys.roots.map(({ id }) => id)).size).toBe(keys.roots.length);
    for (const [secret, at] of lastSigned) {
      const isNeeded = now - at < RETENTION_HOURS * HOUR;
      if (isNeeded) expect(keys.roots.map((root) => root.secret)).toContain(secret);
    }
    expect(keys.roots.length).toBeLessThanOrEqual(2);
    expect(keys.roots.every(({ id }) => id >= 1 && id <= 255)).toBe(true);
  }
  expect(now).toBeGreaterThan(START + 3 * 365 * DAY);
});

test("a note is read as it was written, and anything else is none", () => {
  const rotated = next(first, START + 30 * DAY);
  expect(readTokenKeys(keysFile(rotated), `${rotated.accessToken}\nolder\n`)).toEqual(rotated);
  const broken: readonly [string, string][] = [
    ["", "token"],
    ["{}", "token"],
    [JSON.stringify({ users: "u", roots: [] }), "token"],
    [JSON.stringify({ users: "u", roots: [{ id: 1, secret: "s" }] }), "token"],
    [keysFile(rotated), ""],
  ];
  for (const [keys, tokens] of broken) expect(readTokenKeys(keys, tokens)).toBeUndefined();
});
