import { describe, expect, test } from "@jest/globals";
import { type LoadSample, usualServiceSeconds } from "./load-sample.ts";

const samplesOf = (seconds: readonly number[]): readonly LoadSample[] =>
  seconds.map((each, at) => ({
    atMilliseconds: 15_000 * at,
    ...{ seconds: 15, arrived: 100, answered: each === 0 ? 0 : 100, busySeconds: 100 * each },
  }));
const times = (count: number, seconds: number) => Array.from({ length: count }, () => seconds);

describe("what is usual", () => {
  test.each([
    ["is the median", [...times(60, 0.2), ...times(50, 0.9)], undefined, 0.2],
    ["is another one once most of an hour was otherwise", [...times(60, 0.2), ...times(70, 0.9)], 0.2, 0.9],
    ["is what was known, while there are few samples", times(39, 0.9), 0.2, 0.2],
    ["is what there is, where nothing was known", times(3, 0.9), undefined, 0.9],
    ["does not come from times without an answer", [...times(50, 0), ...times(40, 0.3)], 0.2, 0.3],
    ["is what was known, where nothing is answered", times(100, 0), 0.2, 0.2],
    ["is not known where nobody knows", times(100, 0), undefined, undefined],
  ])("%s", (_, seconds, known, usual) => {
    expect(usualServiceSeconds(samplesOf(seconds), known)).toEqual(usual);
  });
});
