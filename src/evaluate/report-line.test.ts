import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { Compile } from "typebox/compile";
import { MAXIMUM_REPORT_BYTES, validationReportSchema } from "../api/validation-report.ts";
import type { Check } from "./evaluate-settings.ts";
import type { EvaluationResult } from "./evaluation-result.ts";
import type { CheckFinding } from "./judge.ts";
import { problemLine, reportLine } from "./report-line.ts";

const check = Compile(validationReportSchema);
const number = fc.double({ noDefaultInfinity: true, noNaN: true });
const RULES = [
  { type: "AtLeast", value: 0 },
  { type: "AtMost", value: 0 },
  { type: "NotWorse", margin: 0 },
] as const;

/** What the schema of `spec.validation` lets be checked at most. */
const findings = fc.array(
  fc.record({
    metric: fc.stringMatching(/^[a-z0-9]{40}$/),
    rule: fc.constantFrom(...RULES),
    verdict: fc.constantFrom("Passed", "Failed", "NotShown", "TooLittle"),
    value: fc.option(number, { nil: undefined }),
    bounds: fc.option(fc.tuple(number, number), { nil: undefined }),
    threshold: number,
    reason: fc.constantFrom(undefined, "x".repeat(200)),
  }),
  { minLength: 16, maxLength: 16 },
);

function resultOf(checks: readonly CheckFinding[]): EvaluationResult {
  const most = Number.MAX_SAFE_INTEGER;
  return {
    passed: false,
    data: { digest: "", sizeBytes: 1, rows: most, requests: most, units: most, unit: "User" },
    candidate: { directory: "", digest: "" },
    alpha: 0.05,
    metrics: [],
    checks,
  };
}

test("all that a spec can ask for fits into a message, and is read as it was written", () => {
  fc.assert(
    fc.property(findings, (found) => {
      const asked = found.map(({ metric, rule }): Check => ({ metric, rule, by: "Bound" }));
      const checks = found.map(({ metric, verdict, value, bounds, threshold, reason }): CheckFinding => {
        const [lower, upper] = bounds ?? [];
        // Whoever gives a reason has no bounds.
        const measured = reason === undefined && bounds !== undefined ? { lower, upper } : {};
        const told = reason === undefined ? {} : { reason };
        const estimate = value === undefined ? {} : { value };
        const compared = "Value" as const;
        return {
          metric,
          expected: "",
          verdict,
          compared,
          ...estimate,
          ...measured,
          threshold,
          ...told,
        } as CheckFinding;
      });
      const line = reportLine(resultOf(checks), asked);
      expect(Buffer.byteLength(line)).toBeLessThan(MAXIMUM_REPORT_BYTES);
      const report = JSON.parse(line);
      expect(check.Check(report)).toBe(true);
      expect(report.checks.map(({ rule }: { rule: string }) => rule)).toEqual(
        found.map(({ rule }) => rule.type),
      );
    }),
  );
});

test("what does not fit is refused, and not cut", () => {
  const finding: CheckFinding = {
    metric: "auc",
    expected: "",
    verdict: "Passed",
    compared: "Value",
    threshold: 1,
  };
  const asked: Check = { metric: "auc", rule: { type: "AtLeast", value: 1 }, by: "Bound" };
  const many = (count: number) =>
    reportLine(
      resultOf(Array.from({ length: count }, () => finding)),
      Array.from({ length: count }, () => asked),
    );
  expect(() => many(16)).not.toThrow();
  expect(() => many(17)).toThrow("expected at most 16 checks, of 4096 bytes in all");
  const measured = { value: -1.23456e-10, lower: -1.23456e-10, upper: -1.23456e-10 };
  const wide = Array.from({ length: 16 }, () => ({
    ...finding,
    metric: "\u{1f426}".repeat(60),
    ...measured,
  }));
  expect(() =>
    reportLine(
      resultOf(wide),
      Array.from({ length: 16 }, () => asked),
    ),
  ).toThrow("of 4096 bytes");
});

test("a problem of any length fits", () => {
  expect(Buffer.byteLength(problemLine("\u{1f426}".repeat(5_000)))).toBeLessThan(MAXIMUM_REPORT_BYTES);
});
