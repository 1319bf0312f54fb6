import { describe, expect, test } from "@jest/globals";
import {
  type FirstTries,
  FirstTriesError,
  firstTriesText,
  mergeWindows,
  parseFirstTries,
  sumOfRouters,
  type TryWindow,
} from "./first-tries.ts";

const EDGES = [5, 10];
const arm = (tries: number, errors = 0) => ({ tries, errors, latencies: [tries - errors, 0, 0] });
const minute = (slot: number, tries: number, epoch = 7): TryWindow => ({
  slot,
  minutes: 1,
  epoch,
  candidate: arm(tries, 1),
  stable: arm(10 * tries),
  uncompared: 2 * tries,
});
const told = (...windows: TryWindow[]): FirstTries => ({ edgesMilliseconds: EDGES, windows });
const through = (countedThrough: number): FirstTries => ({ ...told(), countedThrough });

test("what is told comes over whole", () => {
  const tries = told(minute(1_000, 3), { ...minute(1_010, 4), minutes: 10 });
  expect(parseFirstTries(firstTriesText("ranker", tries), "ranker", "a router")).toEqual(tries);
  for (const other of [told(), through(1_003)]) {
    expect(parseFirstTries(firstTriesText("ranker", other), "ranker", "a router")).toStrictEqual(other);
  }
});

describe("routers", () => {
  test("add minute by minute", () => {
    const { windows } = sumOfRouters([told(minute(1_001, 3), minute(1_002, 4)), told(minute(1_002, 5))]);
    expect(windows).toEqual([
      minute(1_001, 3),
      { ...minute(1_002, 9), candidate: { tries: 9, errors: 2, latencies: [7, 0, 0] } },
    ]);
  });

  test("of which one tells of a block add to a block", () => {
    const block = { ...minute(1_000, 30), minutes: 10 };
    const { windows } = sumOfRouters([
      told(block),
      told(minute(1_003, 1), minute(1_009, 2), minute(1_010, 4)),
    ]);
    expect(windows.map(({ slot, minutes, stable }) => [slot, minutes, stable.tries])).toEqual([
      [1_000, 10, 330],
      [1_010, 1, 40],
    ]);
  });

  test("that are none, or have counted nothing, tell nothing", () => {
    expect(sumOfRouters([]).windows).toEqual([]);
    expect(sumOfRouters([told(), told()])).toEqual(told());
  });

  test("have together counted through the minute that all of them have", () => {
    expect(sumOfRouters([through(1_005), through(1_003), through(1_004)])).toEqual(through(1_003));
    expect(sumOfRouters([through(1_005), told(), through(1_004)])).toStrictEqual(told());
  });

  test("that count in different buckets cannot be added", () => {
    expect(() => sumOfRouters([told(), { edgesMilliseconds: [5, 11], windows: [] }])).toThrow(
      FirstTriesError,
    );
  });
});

test("a window that is put together is of the earliest plan in it", () => {
  const [one] = mergeWindows([minute(1_001, 1, 9), minute(1_002, 1, 8)], () => true);
  expect(one).toMatchObject({ slot: 1_000, minutes: 10, epoch: 8 });
});

const good = { deployment: "ranker", edgesMilliseconds: EDGES };
const armWith = (changes: object) => ({ tries: 2, errors: 1, latencies: [[0, 1]], ...changes });
const window = (changes: object) => ({
  ...good,
  windows: [{ ...minute(1_001, 3), candidate: armWith({}), stable: armWith({}), ...changes }],
});
test.each<[what: string, answer: unknown, message: RegExp]>([
  ["nothing", "", /whole answer in JSON/],
  ["a part", '{"deployment": "ran', /whole answer in JSON/],
  [
    "an answer about something else",
    { ...good, deployment: "other", windows: [] },
    /deployment: expected "ranker"/,
  ],
  ["no windows", good, /windows: expected a list/],
  ["too many windows", { ...good, windows: Array(1_025).fill(minute(1, 1)) }, /at most 1024/],
  ["half a last minute", { ...good, windows: [], countedThrough: 0.5 }, /countedThrough/],
  ["a last minute that is none", { ...good, windows: [], countedThrough: null }, /countedThrough/],
  ["edges that fall", { ...good, edgesMilliseconds: [5, 5], windows: [] }, /edgesMilliseconds\[1\]/],
  ["an edge that is none", { ...good, edgesMilliseconds: ["5"], windows: [] }, /edgesMilliseconds\[0\]/],
  ["a slot that is none", window({ slot: 0.5 }), /windows\[0\]\.slot/],
  ["a length that is none", window({ minutes: 2 }), /windows\[0\]\.minutes/],
  ["a block that begins anywhere", window({ minutes: 10 }), /windows\[0\]\.minutes/],
  ["no plan", window({ epoch: null }), /windows\[0\]\.epoch/],
  ["no arm", window({ stable: undefined }), /stable\.tries/],
  ["no number of what is not compared", window({ uncompared: undefined }), /windows\[0\]\.uncompared/],
  ["half a try", window({ stable: armWith({ tries: 0.5 }) }), /stable\.tries/],
  [
    "more errors than tries",
    window({ stable: armWith({ errors: 3 }) }),
    /stable\.errors: expected at most 2/,
  ],
  ["no latencies", window({ stable: armWith({ latencies: null }) }), /stable\.latencies/],
  [
    "a bucket that there is not",
    window({ stable: armWith({ latencies: [[3, 1]] }) }),
    /buckets at most once/,
  ],
  [
    "a bucket twice",
    window({
      stable: armWith({
        latencies: [
          [0, 1],
          [0, 1],
        ],
      }),
    }),
    /buckets at most once/,
  ],
  ["a negative count", window({ stable: armWith({ latencies: [[0, -1]] }) }), /from 0 on, got -1/],
  ["more latencies than tries", window({ stable: armWith({ latencies: [[0, 3]] }) }), /at most 2 in all/],
])("%s is refused", (_what, answer, message) => {
  const text = typeof answer === "string" ? answer : JSON.stringify(answer);
  const parse = () => parseFirstTries(text, "ranker", "a router");
  expect(parse).toThrow(FirstTriesError);
  expect(parse).toThrow(message);
});
