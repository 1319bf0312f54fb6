/**
 * What routers tell of the load is read as it was written, or refused as a whole.
 */
import { expect, test } from "@jest/globals";
import { KEPT_LOAD_SLOTS, loadText, parseLoad, type ToldLoad, ToldLoadError } from "./load-slots.ts";

const told: ToldLoad = new Map([
  [
    "ranker",
    [
      { slot: 118_000_000, ended: 300, answered: 290, busyMilliseconds: 58_001 },
      { slot: 118_000_001, ended: 0, answered: 0, busyMilliseconds: 0 },
    ],
  ],
  ["idle", []],
]);

test("is read as it was written", () => {
  expect(parseLoad(loadText(told), "router a")).toEqual(told);
});

test.each([
  ["no JSON", "no", /a whole answer in JSON/],
  ["slots of another length", loadText(told).replace(":15,", ":30,"), /slotSeconds: expected 15, got 30/],
  ["no list", '{"slotSeconds":15}', /deployments: expected a list/],
  ["a count that is missing", loadText(told).replace(",58001]", "]"), /slots\[0\]: expected a whole number/],
  ["a count below 0", loadText(told).replace("58001", "-1"), /slots\[0\]: expected a whole number/],
  ["more answered than ended", loadText(told).replace("290", "301"), /at most 300 answered/],
  [
    "more slots than a router keeps",
    loadText(
      new Map([
        ["a", Array(KEPT_LOAD_SLOTS + 1).fill({ slot: 1, ended: 0, answered: 0, busyMilliseconds: 0 })],
      ]),
    ),
    /expected a list of at most 20/,
  ],
])("%s is refused", (_what, text, message) => {
  expect(() => parseLoad(text, "router a")).toThrow(ToldLoadError);
  expect(() => parseLoad(text, "router a")).toThrow(message);
});
