/**
 * Where a reflector stands after an attempt that failed: every state, by every kind of failure.
 */
import { describe, expect, test } from "@jest/globals";
import { KubeError } from "./port.ts";
import { type ReflectorState, stateAfterFailure } from "./reflector.ts";

const REFUSED = new KubeError(500, "InternalError", "");

describe("the state after a failure", () => {
  const empty: ReflectorState = { type: "Empty" };
  const initialWatch: ReflectorState = { type: "InitialWatch", listed: new Set() };
  const page: ReflectorState = { type: "InitialPage", listed: new Set(["ns/a"]), continueToken: "t" };
  const watching: ReflectorState = { type: "Watching", resourceVersion: "7" };
  const expired = new KubeError(410, "Expired", "too old");
  const noAnswer = new KubeError(0, "NoAnswer", "reset");

  const cases: [string, ReflectorState, Error, number, ReflectorState][] = [
    ["Empty, Expired", empty, expired, 1, empty],
    ["Empty, no answer", empty, noAnswer, 1, empty],
    ["Empty, refused", empty, REFUSED, 9, empty],
    ["InitialWatch, Expired", initialWatch, expired, 1, empty],
    ["InitialWatch, no answer", initialWatch, noAnswer, 1, empty],
    ["InitialWatch, refused", initialWatch, REFUSED, 9, empty],
    ["InitialPage, Expired", page, expired, 1, empty],
    ["InitialPage, no answer", page, noAnswer, 9, page],
    ["InitialPage, refused", page, REFUSED, 9, page],
    ["Watching, Expired", watching, expired, 1, empty],
    ["Watching, no answer", watching, noAnswer, 9, watching],
    ["Watching, refused twice", watching, REFUSED, 2, watching],
    ["Watching, refused three times", watching, REFUSED, 3, empty],
    ["Watching, a defect", watching, new Error("a defect"), 9, watching],
  ];
  test.each(cases)("%s", (_name, state, error, failures, expected) => {
    expect(stateAfterFailure(state, error, failures)).toEqual(expected);
  });
});
