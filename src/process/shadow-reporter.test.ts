import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { parseObserved } from "../tap/observed-settings.ts";
import { KeyRing } from "../token/key-ring.ts";
import { ShadowReporter } from "./shadow-reporter.ts";
import { type ShadowReceiver, shadowReceiver } from "./testdata/shadow-receiver.ts";

const SECRET = Buffer.alloc(32, 1).toString("base64");
const KEY = { deployment: "uid-1", revision: "m-a", id: 1, secret: SECRET };
const RING = KeyRing.parse(JSON.stringify({ users: SECRET, keys: [KEY] }));
const OBSERVED = parseObserved({ scores: { output: "score", column: 1 } });
const HEADERS = [
  "X-Petrel-Shadow",
  "Copy",
  "X-Request-Id",
  "00112233-4455-4677-8899-aabbccddeeff",
  "x-petrel-epoch",
  "9",
];
const OUTPUT = { name: "score", datatype: "FP32", shape: [2, 2], elements: [0, 0.25, 0, 0.5] };

let receiver: ShadowReceiver;
let clock: VirtualClock;
beforeEach(async () => {
  receiver = await shadowReceiver(RING);
  clock = new VirtualClock();
});
afterEach(() => receiver.close());

function reporter(ring = RING): ShadowReporter {
  const made = new ShadowReporter({
    issuer: { deployment: "uid-1", revision: "m-a" },
    url: receiver.url,
    clock,
    log: silentLogger,
  });
  made.useKeys(ring);
  return made;
}

async function settled(one: ShadowReporter, count: number): Promise<void> {
  while (one.outcomes.sent + one.outcomes.dropped < count) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("tells the score of each row, wherever it stands", async () => {
  const one = reporter();
  const marked = one.begin(HEADERS, OBSERVED);
  marked?.takeOutputs([{ ...OUTPUT, name: "other" }, OUTPUT]);
  marked?.end(200, 3.5);
  await settled(one, 1);
  expect(receiver.reports).toEqual([
    expect.objectContaining({ role: "Copy", latencyMilliseconds: 3.5, rows: 2, scores: [0.25, 0.5] }),
  ]);
});

test("a request without a user is a unit of its own, the same for its copy", async () => {
  const one = reporter();
  for (const role of ["Copy", "Original"])
    one.begin(["x-petrel-shadow", role, ...HEADERS.slice(2)], OBSERVED)?.end(200, 1);
  const other = HEADERS.map((text) => text.replace("00112233", "00112234"));
  one.begin(other, OBSERVED)?.end(200, 1);
  await settled(one, 3);
  const [copy, original, next] = receiver.reports.map(({ group }) => group);
  expect(original).toBe(copy);
  expect(next).not.toBe(copy);
});

test("what waits has a bound: the rest is dropped and counted", async () => {
  const one = reporter();
  for (let count = 0; count < 3_000; count++) one.begin(HEADERS, OBSERVED)?.end(200, 1);
  expect(one.outcomes).toEqual({ sent: 0, dropped: 3_000 - 2_048 });
  await settled(one, 3_000);
  expect(receiver.reports).toHaveLength(2_048);
  expect(one.outcomes).toEqual({ sent: 2_048, dropped: 952 });
});

test("all that waits is told of before the next second, one post after the other", async () => {
  const one = reporter();
  for (let count = 0; count < 2_000; count++) one.begin(HEADERS, OBSERVED)?.end(200, 1);
  await clock.advance(1_000);
  const until = Date.now() + 5_000;
  while (one.outcomes.sent < 2_000 && Date.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(one.outcomes).toEqual({ sent: 2_000, dropped: 0 });
  expect(receiver.mostAtOnce).toBe(1);
});

test.each([
  ["without any keys", undefined],
  ["without the scores among what is observed", parseObserved({ features: [{ name: "a", input: "x" }] })],
])("looks at nothing %s", (_what, observed) => {
  const bare = new ShadowReporter({
    issuer: { deployment: "uid-1", revision: "m-a" },
    clock,
    log: silentLogger,
  });
  if (observed !== undefined) bare.useKeys(RING);
  expect(bare.begin(HEADERS, observed ?? OBSERVED)).toBeUndefined();
});

test("without a key of its own revision what it has is dropped", async () => {
  const one = reporter(
    KeyRing.parse(JSON.stringify({ users: SECRET, keys: [{ ...KEY, revision: "other" }] })),
  );
  one.begin(HEADERS, OBSERVED)?.end(200, 1);
  await settled(one, 1);
  expect(one.outcomes).toEqual({ sent: 0, dropped: 1 });
});

test("goes on once the collector takes them again", async () => {
  const one = reporter();
  receiver.status = 503;
  one.begin(HEADERS, OBSERVED)?.end(200, 1);
  await settled(one, 1);
  receiver.status = 200;
  one.begin(HEADERS, OBSERVED)?.end(200, 1);
  await settled(one, 2);
  expect(one.outcomes).toEqual({ sent: 1, dropped: 1 });
});
