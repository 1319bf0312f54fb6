import { describe, expect, test } from "@jest/globals";
import { asList, valueAt } from "../api/json.ts";
import { ANNOTATION } from "../api/names.ts";
import { type RouterState, renderSlice, sliceName } from "./endpoint-slices.ts";
import type { Acknowledgement } from "./sequence.ts";

const identity = {
  namespace: "shop",
  podName: "petrel-router-1",
  podUid: "uid-1",
  podIp: "10.0.0.9",
  nodeName: "n1",
};
const serving = { epoch: 3, port: 10_000 };

function conditions(acknowledgement: Acknowledgement, state: RouterState): unknown {
  return valueAt(
    asList(renderSlice("ranker", acknowledgement, state, identity)["endpoints"])[0],
    "conditions",
  );
}

describe("conditions", () => {
  const ready = { ready: true, serving: true, terminating: false };
  const nothing = { ready: false, serving: false, terminating: false };
  const leaving = { ready: false, serving: true, terminating: true };
  test.each<[string, Acknowledgement, RouterState, object]>([
    ["no plan taken yet", {}, "Serving", nothing],
    ["the first plan refused", { rejection: "bad" }, "Serving", nothing],
    ["a plan in effect", { serving }, "Serving", ready],
    ["a plan in effect, a later one refused", { serving, rejection: "bad" }, "Serving", ready],
    ["a plan in effect, the port listens", { serving, isListening: true }, "Serving", ready],
    ["a plan in effect, the port does not listen", { serving, isListening: false }, "Serving", nothing],
    ["a plan in effect, Envoy down", { serving }, "Down", nothing],
    ["a plan in effect, leaving", { serving }, "Draining", leaving],
    ["no plan, leaving", {}, "Draining", { ...nothing, terminating: true }],
  ])("%s", (_what, acknowledgement, state, expected) => {
    expect(conditions(acknowledgement, state)).toEqual(expected);
  });
});

test("an IPv6 address makes an IPv6 slice", () => {
  const slice = renderSlice("ranker", { serving }, "Serving", { ...identity, podIp: "fd00::9" });
  expect(slice).toMatchObject({ addressType: "IPv6", endpoints: [{ addresses: ["fd00::9"] }] });
});

test("a long reason is cut", () => {
  const { metadata } = renderSlice("ranker", { rejection: "x".repeat(5_000) }, "Serving", identity);
  expect(metadata.annotations?.[ANNOTATION.rejection]).toHaveLength(1_024);
});

test("names are valid, and differ for every ModelDeployment and router", () => {
  const long = "a".repeat(62);
  const names = [`${long}b`, `${long}c`, "ranker", `${"x".repeat(51)}-y`].flatMap((name) =>
    ["uid-1", "uid-2"].map((podUid) => sliceName(name, { ...identity, podUid })),
  );
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])$/);
});
