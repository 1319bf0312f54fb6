import { expect, test } from "@jest/globals";
import { unreadableStatus } from "./unreadable-status.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const read = { problem: "spec/pools: must be array", generation: 7, nowMilliseconds: NOW };

function finding(type: string, status: string, lastTransitionTime = "2026-01-02T03:04:05Z") {
  const message = "this operator cannot read it, and leaves what serves as it is: spec/pools: must be array";
  return { type, status, reason: "Unreadable", message, observedGeneration: 7, lastTransitionTime };
}

test("a first look says that it is stalled, why, and for which generation", () => {
  expect(unreadableStatus({ ...read, status: undefined })).toEqual({
    observedGeneration: 7,
    conditions: [finding("Ready", "False"), finding("Stalled", "True")],
  });
});

test("what stands in the status stays, fields of a later version included", () => {
  const traffic = { epoch: 3, port: 10_001, arms: [{ name: "Stable", weight: 10_000, pools: [] }] };
  const available = {
    type: "Available",
    status: "True",
    reason: "Serving",
    message: "",
    observedGeneration: 6,
  };
  const status = {
    observedGeneration: 6,
    traffic,
    ofTomorrow: { a: [1] },
    conditions: [
      { type: "Ready", status: "True", reason: "Serving", lastTransitionTime: "2026-01-01T00:00:00Z" },
      available,
      { type: "Reconciling", status: "True", reason: "Creating" },
    ],
  };
  expect(unreadableStatus({ ...read, status })).toEqual({
    observedGeneration: 7,
    traffic,
    ofTomorrow: { a: [1] },
    conditions: [finding("Ready", "False"), available, finding("Stalled", "True")],
  });
});

test("looking again changes nothing", () => {
  const first = unreadableStatus({ ...read, status: { replicas: 3 } });
  expect(unreadableStatus({ ...read, nowMilliseconds: NOW + 3_600_000, status: first })).toEqual(first);
});

test.each([null, "text", [1], { conditions: "none" }, { conditions: [null, 3, { type: {} }] }])(
  "a status of %j is no reason to fail",
  (status) => {
    expect(unreadableStatus({ ...read, status })).toMatchObject({ observedGeneration: 7 });
  },
);
