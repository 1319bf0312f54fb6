import { expect, test } from "@jest/globals";
import { testCheckedKind } from "../../../test/fixtures/checked-kind.ts";
import { failoverDrillKind } from "../../api/failover-drill.ts";

const { full, verdictOn } = testCheckedKind({
  definition: failoverDrillKind,
  folder: "drill",
  leastConstraints: 40,
  // No drill has all of the fields, and each has its constraints.
  more: ({ fault }) => ({ fault: { ...fault, status: 500 } }),
});

test.each([
  ["errors without a status", { fault: { type: "Errors", pool: "gpu" } }, "must be there for Errors"],
  [
    "a delay that no probe waits for",
    { fault: { type: "Latency", pool: "gpu", delay: "2s" } },
    "must be less than spec.probe.timeout",
  ],
  ["a fault that is too short", { duration: "16s" }, "must be at least a ninth more"],
  ["too few probes", { duration: "20s" }, "too few probes to show"],
  ["all of the probes", { objectives: { ...full.spec.objectives, availability: "100%" } }, "less than 100%"],
])("refused by a rule: %s", (_what, changes, message) => {
  const { findings } = verdictOn({ ...full, spec: { ...full.spec, ...changes } });
  expect(findings.map((finding) => JSON.stringify(finding)).join()).toContain(message);
});
