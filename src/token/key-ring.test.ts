import { describe, expect, test } from "@jest/globals";
import { KeyRing, KeyRingError, revisionSecret } from "./key-ring.ts";
import { ARM_CHECK, isSignedWith, mintToken, tokenBytes } from "./prediction-token.ts";
import { nameTag } from "./tags.ts";

const SECRET = Buffer.alloc(32, "do not print me ").toString("base64");

function ringOf(...keys: object[]): KeyRing {
  return KeyRing.parse(JSON.stringify({ users: SECRET, keys }));
}

function entry(id: number, more: object = {}): object {
  return { deployment: "uid-1", revision: "ranker-a", id, secret: SECRET, ...more };
}

const fields = {
  arm: 0,
  requestId: Buffer.alloc(8),
  seconds: 1,
  armCheck: ARM_CHECK.untold,
  pool: 0,
  model: 0,
  epoch: 1,
  userTag: Buffer.alloc(6),
  slot: 0,
  rows: 1,
  scores: new Uint16Array(0),
};
const token = { deployment: nameTag("uid-1"), revision: nameTag("ranker-a"), keyId: 1 };

describe("rotation", () => {
  test("several keys verify, and the newest one signs", () => {
    const ring = ringOf(entry(1), entry(2));
    expect(ring.size).toBe(2);
    expect(ring.signingKey("uid-1", "ranker-a")?.id).toBe(2);
    expect(ring.verifyingKey(token)).toBeDefined();
    expect(ring.verifyingKey({ ...token, keyId: 2 })).toBe(ring.signingKey("uid-1", "ranker-a")?.key);
  });

  test("a key that is only published verifies and does not sign yet", () => {
    const ring = ringOf(entry(1), entry(2, { verifyOnly: true }));
    expect(ring.signingKey("uid-1", "ranker-a")?.id).toBe(1);
    expect(ring.verifyingKey({ ...token, keyId: 2 })).toBeDefined();
  });

  test("a key that is gone verifies nothing", () => {
    expect(ringOf(entry(2)).verifyingKey(token)).toBeUndefined();
  });

  test("the keys of a revision are its own", () => {
    const ring = ringOf(entry(1), entry(1, { revision: "ranker-b" }), entry(1, { deployment: "uid-2" }));
    expect(ring.size).toBe(3);
    expect(ring.signingKey("uid-1", "ranker-c")).toBeUndefined();
    expect(ring.verifyingKey({ ...token, revision: nameTag("ranker-c") })).toBeUndefined();
  });
});

describe("roots", () => {
  const roots = [
    { id: 1, secret: SECRET },
    { id: 2, secret: Buffer.alloc(32, 7).toString("base64") },
  ];
  const withRoots = KeyRing.parse(JSON.stringify({ users: SECRET, roots }));

  test("have the key of every revision, the same one that the revision has alone", () => {
    const secret = revisionSecret(Buffer.from(SECRET, "base64"), token).toString("base64");
    const alone = ringOf(entry(1, { secret })).signingKey("uid-1", "ranker-a");
    const text = mintToken({ ...token, ...fields }, alone?.key ?? withRoots.users);
    const bytes = tokenBytes(text) ?? Buffer.alloc(0);
    const keyOf = (name: typeof token) => withRoots.verifyingKey(name) ?? withRoots.users;
    expect(isSignedWith(bytes, keyOf(token))).toBe(true);
    for (const other of [{ keyId: 2 }, { revision: 7 }, { deployment: 7 }])
      expect(isSignedWith(bytes, keyOf({ ...token, ...other }))).toBe(false);
    expect(withRoots.verifyingKey(token)).toBe(withRoots.verifyingKey(token));
  });

  test("sign nothing, and verify nothing of an id that is not theirs", () => {
    expect(withRoots.signingKey("uid-1", "ranker-a")).toBeUndefined();
    expect(withRoots.verifyingKey({ ...token, keyId: 3 })).toBeUndefined();
  });
});

describe("refuses", () => {
  const cases: readonly [string, string, string][] = [
    ["no JSON", `{"users": "${SECRET}`, "expected a ring of keys in JSON"],
    ["a list", "[]", "expected the file to be an object"],
    ["no keys", JSON.stringify({ users: SECRET }), `expected "keys" to be a list of at most 10000`],
    [
      "a root twice",
      JSON.stringify({ users: SECRET, roots: [1, 1].map((id) => ({ id, secret: SECRET })) }),
      "expected each root once, got roots[1] a second time",
    ],
    [
      "a root without an id",
      JSON.stringify({ users: SECRET, roots: [{ secret: SECRET }] }),
      "expected roots[0].id to be a whole number from 0 to 255",
    ],
    [
      "too many roots",
      JSON.stringify({ users: SECRET, roots: Array(17).fill({}) }),
      `expected "roots" to be a list of at most 16`,
    ],
    ["no key of users", JSON.stringify({ keys: [] }), "expected users to be 32 to 64 bytes in base64"],
    [
      "a short secret",
      ringText(entry(1, { secret: SECRET.slice(0, 20) })),
      "expected keys[0].secret to be 32",
    ],
    [
      "a long secret",
      ringText(entry(1, { secret: Buffer.alloc(65, "do not print me ").toString("base64") })),
      "expected keys[0].secret to be 32",
    ],
    ["an id too large", ringText(entry(256)), "expected keys[0].id to be a whole number from 0 to 255"],
    ["an id that is text", ringText(entry(1, { id: "1" })), "expected keys[0].id to be a whole number"],
    ["no revision", ringText(entry(1, { revision: "" })), `the names "deployment" and "revision"`],
    [
      "a word for a boolean",
      ringText(entry(1, { verifyOnly: "no" })),
      "keys[0].verifyOnly to be true or false",
    ],
    ["a key twice", ringText(entry(1), entry(1)), "expected each key once, got keys[1] a second time"],
  ];

  test.each(cases)("%s", (_, text, message) => {
    expect(() => KeyRing.parse(text)).toThrow(KeyRingError);
    expect(() => KeyRing.parse(text)).toThrow(message);
  });

  test.each(cases)("%s, without a word of a secret", (_, text) => {
    let said = "";
    try {
      KeyRing.parse(text);
    } catch (error) {
      said = error instanceof Error ? `${error.message} ${error.stack} ${JSON.stringify(error)}` : "";
    }
    expect(said).not.toBe("");
    expect(said).not.toContain(SECRET.slice(0, 12));
  });
});

test("a ring shows no secret when it is printed", () => {
  const ring = ringOf(entry(1));
  expect(JSON.stringify(ring)).not.toContain(SECRET.slice(0, 12));
  expect(JSON.stringify(ring.signingKey("uid-1", "ranker-a"))).toBe(`{"id":1,"key":{}}`);
});

function ringText(...keys: object[]): string {
  return JSON.stringify({ users: SECRET, keys });
}
