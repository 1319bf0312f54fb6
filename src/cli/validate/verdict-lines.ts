/**
 * A verdict on manifests as lines for a terminal, or as one object for programs. Pure.
 */
import { type Finding, pathText } from "./finding.ts";
import type { Seen, Verdict } from "./validate-text.ts";

/** Puts the verdicts on several texts together. */
export function joinedVerdict(verdicts: readonly Verdict[]): Verdict {
  return {
    findings: verdicts.flatMap(({ findings }) => findings),
    checked: verdicts.flatMap(({ checked }) => checked),
    passedOver: verdicts.flatMap(({ passedOver }) => passedOver),
  };
}

/** How many findings are of this severity. */
export function countOf({ findings }: Verdict, severity: Finding["severity"]): number {
  return findings.filter((finding) => finding.severity === severity).length;
}

/** For people; `FILE:LINE: ` in front, as compilers write it, so that editors find the place. */
export function verdictLines(verdict: Verdict): readonly string[] {
  return [
    ...verdict.findings.flatMap(findingLines),
    ...verdict.passedOver.map((seen) => `${place(seen)}: passed over: ${seen.object}`),
    summary(verdict),
  ];
}

function place({ file, document }: Pick<Seen, "file" | "document">, line?: number): string {
  const at = line === undefined ? file : `${file}:${line}`;
  return document === 1 ? at : `${at}: document ${document}`;
}

function findingLines(finding: Finding): readonly string[] {
  const { severity, check, object, path, message, remedy, line } = finding;
  const about = [object, pathText(path)].filter((text) => text !== undefined && text !== "");
  const head = [place(finding, line), severity.toLowerCase(), ...about, `${message} (${check})`].join(": ");
  return remedy === undefined ? [head] : [head, `    ${remedy}`];
}

function summary(verdict: Verdict): string {
  const count = (number: number, one: string) => `${number} ${one}${number === 1 ? "" : "s"}`;
  const looked = count(verdict.checked.length, "ModelDeployment");
  return `${looked} checked: ${count(countOf(verdict, "Error"), "error")}, ${count(countOf(verdict, "Warning"), "warning")}`;
}

/** For programs; fields are only ever added. */
export function verdictObject(verdict: Verdict) {
  return {
    errors: countOf(verdict, "Error"),
    warnings: countOf(verdict, "Warning"),
    findings: verdict.findings.map(({ path, ...finding }) => ({ ...finding, field: pathText(path) })),
    checked: verdict.checked,
    passedOver: verdict.passedOver,
  };
}
