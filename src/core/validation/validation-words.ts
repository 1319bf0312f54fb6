/**
 * What a validation says of itself, for people: what was measured, with its bounds, beside what was asked for. Pure.
 */
import type { ValidationCheck, ValidationReport } from "../../api/validation-report.ts";
import { changeText, countText } from "../rollout/gates/figure-text.ts";

const DIGITS = 4;

/** The result in one sentence; what did not pass comes first. */
export function reportWords({ checks, rows, units, requests }: ValidationReport): string {
  const bad = checks.filter(({ verdict }) => verdict !== "Passed");
  const good = checks.filter(({ verdict }) => verdict === "Passed");
  const independent = units === requests ? "requests" : "users";
  const set = `on ${countText(rows)} rows of ${countText(units)} ${independent}`;
  if (checks.length === 0) return `${set} it answered, and nothing was to be compared`;
  return `${set}: ${[...bad, ...good].map(checkWords).join("; ")}`;
}

function checkWords(check: ValidationCheck): string {
  const { metric, rule, verdict, reason } = check;
  const isChange = rule === "NotWorse";
  const text = (number: string) =>
    isChange ? changeText(Number(number)) : String(Number(Number(number).toPrecision(DIGITS)));
  const { estimate, lower, upper, threshold } = check;
  const bounds = lower === undefined || upper === undefined ? "" : ` (${text(lower)} to ${text(upper)})`;
  const found = estimate === undefined ? "no value" : `${text(estimate)}${bounds}`;
  const asked = isChange
    ? `${Number(threshold) < 0 ? "above" : "below"} ${text(threshold)}`
    : `at ${rule === "AtLeast" ? "least" : "most"} ${threshold}`;
  const about = isChange ? `change of ${metric}` : metric;
  return `${about} ${found}, must be ${asked}: ${VERDICT_WORDS[verdict]}${reason === undefined ? "" : `, ${reason}`}`;
}

const VERDICT_WORDS: Readonly<Record<ValidationCheck["verdict"], string>> = {
  Passed: "passed",
  Failed: "failed",
  NotShown: "not shown by so few",
  TooLittle: "not measured",
};
