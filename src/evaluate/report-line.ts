/**
 * What an evaluation tells whoever started it in a container: its result, or why there is none, in one line that fits into
 * a termination message whatever it holds. Pure.
 */
import {
  MAXIMUM_METRIC_NAME_LENGTH,
  MAXIMUM_REASON_LENGTH,
  MAXIMUM_REPORT_BYTES,
  MAXIMUM_VALIDATION_CHECKS,
  type ValidationCheck,
  type ValidationReport,
} from "../api/validation-report.ts";
import { boundedText } from "../fetch/termination-message.ts";
import { DataError } from "./evaluate.ts";
import type { Check } from "./evaluate-settings.ts";
import type { EvaluationResult } from "./evaluation-result.ts";
import type { CheckFinding } from "./judge.ts";

const MAXIMUM_PROBLEM_LENGTH = 560;
const DIGITS = 6;

/**
 * The line for a result of these checks, in their order.
 *
 * @throws {DataError} when it is longer than a message may be: of what was checked nothing may be lost.
 */
export function reportLine({ passed, data, checks }: EvaluationResult, asked: readonly Check[]): string {
  const { rows, requests, units } = data;
  const findings = asked.flatMap(({ rule }, at) => {
    const finding = checks[at];
    return finding === undefined ? [] : [checkOf(finding, rule.type)];
  });
  const report: ValidationReport = { passed, rows, requests, units, checks: findings };
  const line = JSON.stringify(report);
  if (checks.length <= MAXIMUM_VALIDATION_CHECKS && Buffer.byteLength(line) < MAXIMUM_REPORT_BYTES)
    return line;
  throw new DataError(
    `expected at most ${MAXIMUM_VALIDATION_CHECKS} checks, of ${MAXIMUM_REPORT_BYTES} bytes in all, with --termination-log, got ${checks.length} of ${Buffer.byteLength(line)}`,
  );
}

/** The line for an evaluation without a result. */
export function problemLine(message: string): string {
  return JSON.stringify({ problem: boundedText(message, MAXIMUM_PROBLEM_LENGTH) });
}

function checkOf(
  { metric, verdict, threshold, reason, ...found }: CheckFinding,
  rule: ValidationCheck["rule"],
): ValidationCheck {
  return {
    metric: boundedText(metric, MAXIMUM_METRIC_NAME_LENGTH),
    rule,
    verdict,
    ...(found.value === undefined ? {} : { estimate: text(found.value) }),
    ...(found.lower === undefined ? {} : { lower: text(found.lower) }),
    ...(found.upper === undefined ? {} : { upper: text(found.upper) }),
    threshold: text(threshold),
    ...(reason === undefined ? {} : { reason: boundedText(reason, MAXIMUM_REASON_LENGTH) }),
  };
}

function text(value: number): string {
  return String(Number(value.toPrecision(DIGITS)));
}
