/**
 * Of what a collector says, only a whole answer about what was asked is read.
 */
import { expect, test } from "@jest/globals";
import { parseCollectorAnswer } from "./collector-answer.ts";
import { USER_GROUPS } from "./evidence.ts";

const numbers = (each: number) => Array<number>(USER_GROUPS).fill(each);
const METRIC = {
  type: "ClickThroughRate",
  label: "click",
  maturesSeconds: 1_800,
  zeroOrOne: true,
  rebuilding: false,
  firstSlot: 0,
};
const ARM = {
  epoch: 7,
  arm: 1,
  firstSlot: 1,
  lastSlot: 9,
  n: numbers(3),
  armChecks: { told: 384, checked: 380, wrong: 1 },
  newUsers: 77,
  metrics: { ctr: { arrived: numbers(2), matured: numbers(1) } },
};
const ANSWER = {
  deployment: "ranker",
  partition: { index: 0, count: 1 },
  countedThrough: 9,
  routers: [],
  range: { first: 0, last: 9 },
  voided: [
    { first: 2, last: 3 },
    { first: 5, last: 5 },
  ],
  metrics: { ctr: METRIC },
  arms: [ARM, { ...ARM, arm: 0 }],
};
const parse = (answer: unknown, metrics = ["ctr"]) =>
  parseCollectorAnswer(JSON.stringify(answer), "ranker", metrics, "the collector");

test("a whole answer is read, and what is not known or not wanted is passed over", () => {
  const other = { ...ARM.metrics, revenue: { arrived: ["?"], matured: [] } };
  const answer = { ...ANSWER, invented: 1, arms: [{ ...ARM, metrics: other }] };
  const { countedThrough, range, voidedSlots, metrics, arms } = parse(answer);
  expect({ countedThrough, range, voidedSlots }).toEqual({
    countedThrough: 9,
    range: { first: 0, last: 9 },
    voidedSlots: 3,
  });
  expect(metrics.get("ctr")).toEqual(METRIC);
  expect(arms).toHaveLength(1);
  expect(arms[0]).toMatchObject({ epoch: 7, arm: 1, firstSlot: 1, requests: 3 * USER_GROUPS });
  expect(arms[0]?.newUsers).toEqual([{ epoch: 7, users: 77 }]);
  expect(arms[0]?.armChecks).toEqual({ told: 384, checked: 380, wrong: 1 });
  const { arrived, matured } = arms[0]?.metrics.get("ctr") ?? {};
  expect([arrived?.sums[127], matured?.sums[127], matured?.answers[127]]).toEqual([2, 1, 3]);
  // In memory once, however many sums are over them.
  expect(arrived?.answers).toBe(matured?.answers);
});

test("a collector of an earlier version knows nothing of the arms of users", () => {
  const { armChecks: _, newUsers: _users, ...earlier } = ARM;
  const [arm] = parse({ ...ANSWER, arms: [earlier] }).arms;
  expect(arm).not.toHaveProperty("armChecks");
  expect(arm).not.toHaveProperty("newUsers");
});

test("of epochs that were asked for as one, new users stay apart, and what was not asked for need not be there", () => {
  const { armChecks: _, newUsers: _users, ...rest } = ARM;
  const [several, users] = [
    { ...ARM, lastEpoch: 9 },
    {
      newUsersByEpoch: [
        [7, 70],
        [9, 7],
      ],
    },
  ];
  expect(parse({ ...ANSWER, arms: [{ ...several, ...users }] }).arms[0]).toMatchObject({
    epoch: 7,
    lastEpoch: 9,
    newUsers: [
      { epoch: 7, users: 70 },
      { epoch: 9, users: 7 },
    ],
  });
  const parts = (arm: object, ...asked: ("arrived" | "matured")[]) => {
    const text = JSON.stringify({ ...ANSWER, arms: [arm] });
    return parseCollectorAnswer(text, "ranker", ["ctr"], "the collector", asked).arms[0];
  };
  expect(parts({ ...rest, metrics: {} })?.metrics.get("ctr")).toEqual({});
  expect(Object.keys(parts(ARM, "matured")?.metrics.get("ctr") ?? {})).toEqual(["matured"]);
  expect(parts(ARM)).not.toHaveProperty("armChecks");
  expect(() => parts({ ...rest, metrics: {} }, "arrived")).toThrow("arrived of metric ctr: expected sums");
});

test("a metric that is not counted is not there; no router is no time", () => {
  expect(parse(ANSWER, ["cvr"]).metrics.size).toBe(0);
  expect(parse({ ...ANSWER, countedThrough: null }).countedThrough).toBeUndefined();
});

test.each<[what: string, answer: unknown, message: string]>([
  ["a list", [], "the collector: expected a whole answer in JSON"],
  ["another deployment", { ...ANSWER, deployment: "other" }, 'deployment: expected "ranker", got other'],
  [
    "a part of the users",
    { ...ANSWER, partition: { index: 0, count: 2 } },
    "partition.count: expected 1, got 2",
  ],
  [
    "no time",
    { ...ANSWER, countedThrough: undefined },
    "countedThrough: expected a whole number, got undefined",
  ],
  [
    "half a slot",
    { ...ANSWER, range: { first: 0.5, last: 1 } },
    "range.first: expected a whole number, got 0.5",
  ],
  ["no list of what is left out", { ...ANSWER, voided: undefined }, "voided: expected a list, got undefined"],
  ["a list of it that is none", { ...ANSWER, voided: {} }, "voided: expected a list, got object"],
  [
    "slots left out that were not asked for",
    { ...ANSWER, voided: [{ first: 2, last: 10 }] },
    "voided[0]: expected slots from 0 to 9, in order, got 2 to 10",
  ],
  [
    "slots left out twice",
    { ...ANSWER, voided: [...ANSWER.voided, { first: 5, last: 6 }] },
    "voided[2]: expected slots from 6 to 9, in order, got 5 to 6",
  ],
  [
    "slots left out from last to first",
    { ...ANSWER, voided: [{ first: 3, last: 2 }] },
    "voided[0]: expected slots from 0 to 9, in order, got 3 to 2",
  ],
  [
    "an arm without the users of the other",
    { ...ANSWER, arms: [ARM, { ...ARM, arm: 0, newUsers: undefined }] },
    "arms[1].newUsers: expected what other arms have, got undefined",
  ],
  [
    "an arm without the checks of the other",
    {
      ...ANSWER,
      arms: [
        { ...ARM, armChecks: undefined },
        { ...ARM, arm: 0 },
      ],
    },
    "arms[0].armChecks: expected what other arms have, got undefined",
  ],
  [
    "fewer users than none",
    { ...ANSWER, arms: [{ ...ARM, newUsers: -1 }] },
    "arms[0].newUsers: expected a whole number that is not negative, got -1",
  ],
  ["no arms", { ...ANSWER, arms: undefined }, "arms: expected a list of at most 4096, got undefined"],
  ["too many arms", { ...ANSWER, arms: Array(4_097).fill(ARM) }, "arms: expected a list of at most 4096"],
  ["an arm twice", { ...ANSWER, arms: [ARM, ARM] }, "expected each arm of an epoch once, got one twice"],
  [
    "no epoch",
    { ...ANSWER, arms: [{ ...ARM, epoch: "7" }] },
    "arms[0].epoch: expected a whole number, got 7",
  ],
  [
    "a part of the arms' checks",
    { ...ANSWER, arms: [{ ...ARM, armChecks: { told: 1, checked: 1 } }] },
    "arms[0].armChecks.wrong: expected a whole number, got undefined",
  ],
  [
    "users of several epochs in one number",
    { ...ANSWER, arms: [{ ...ARM, lastEpoch: 8 }] },
    "arms[0].newUsersByEpoch: expected a list of at most 65536, got undefined",
  ],
  [
    "users of an epoch twice",
    {
      ...ANSWER,
      arms: [
        {
          ...ARM,
          lastEpoch: 8,
          newUsersByEpoch: [
            [7, 1],
            [7, 1],
          ],
        },
      ],
    },
    "newUsersByEpoch[1]: expected epochs of the arm in order, got 7",
  ],
  [
    "users of another epoch",
    { ...ANSWER, arms: [{ ...ARM, lastEpoch: 8, newUsersByEpoch: [[9, 1]] }] },
    "newUsersByEpoch[0]: expected epochs of the arm in order, got 9",
  ],
  [
    "too few groups",
    { ...ANSWER, arms: [{ ...ARM, n: [1] }] },
    "arms[0]: expected answers to be a list of 128 numbers, got a list of 1",
  ],
  [
    "a sum that is missing",
    { ...ANSWER, arms: [{ ...ARM, metrics: { ctr: { arrived: numbers(1) } } }] },
    "arms[0], matured of metric ctr: expected sums to be a list of 128 numbers",
  ],
  [
    "a sum that is text",
    {
      ...ANSWER,
      arms: [{ ...ARM, metrics: { ctr: { arrived: Array(128).fill("1"), matured: numbers(1) } } }],
    },
    "expected sums[0] to be a number, got string",
  ],
  [
    "a metric of unknown kind",
    { ...ANSWER, metrics: { ctr: { ...METRIC, zeroOrOne: 1 } } },
    "metrics.ctr: expected zeroOrOne and rebuilding to be true or false, got 1",
  ],
  [
    "a metric without a maturity",
    { ...ANSWER, metrics: { ctr: { ...METRIC, maturesSeconds: 0 } } },
    "metrics.ctr.maturesSeconds: expected a number above 0, got 0",
  ],
])("refuses %s", (_what, answer, message) => {
  expect(() => parse(answer)).toThrow(message);
});

test("refuses what is cut off", () => {
  const text = JSON.stringify(ANSWER);
  expect(() => parseCollectorAnswer(text.slice(0, -1), "ranker", ["ctr"], "the collector")).toThrow(
    "expected a whole answer in JSON",
  );
});
