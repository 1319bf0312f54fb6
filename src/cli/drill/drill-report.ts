/**
 * What a drill found, as facts and in Markdown. Pure.
 *
 * It says what stands in the status and nothing else: a time that was not seen is said to be so, and never left out.
 */
import type { FailoverDrillStatus } from "../../api/drill-status.ts";
import { printable } from "../terminal-text.ts";
import { type DrillView, faultText } from "./drill-view.ts";

type Evidence = NonNullable<FailoverDrillStatus["evidence"]>;
type Period = Evidence["control"];
type Timeline = NonNullable<Evidence["timeline"]>;

/** A moment of the timeline. */
export interface Moment {
  readonly name: string;
  readonly meaning: string;
  /** After the fault began; absent where it was not seen. */
  readonly milliseconds?: number;
}

/** Requests of a time. */
export interface PeriodRow extends Period {
  readonly name: string;
}

/** A phase, in milliseconds since the first one began, by the operator's clock. */
export interface PhaseRow {
  readonly name: string;
  readonly from: number;
  /** The last one has no end. */
  readonly to?: number;
}

/** All that a report tells. */
export interface DrillReport {
  readonly name: string;
  readonly modelDeployment: string;
  readonly revision: string | undefined;
  readonly fault: string;
  readonly objectives: readonly (readonly [name: string, text: string])[];
  /** `Unfinished` before there is a verdict that counts. */
  readonly outcome: string;
  readonly reason: string;
  readonly message: string;
  readonly began: string | undefined;
  readonly ended: string | undefined;
  readonly moments: readonly Moment[];
  readonly resolutionMilliseconds: number | undefined;
  readonly periods: readonly PeriodRow[];
  readonly phases: readonly PhaseRow[];
}

const MOMENTS: readonly (readonly [keyof Timeline, name: string, meaning: string])[] = [
  ["verified", "verified", "every request to the target alone met the fault"],
  ["detected", "detected", "another pool answered a probe"],
  ["moved", "moved", "other pools answered all that was answered well"],
  ["recovered", "recovered", "probes were within the objectives, while the fault was there"],
  ["reverted", "reverted", "the target answered again"],
  ["failedBack", "failed back", "the target answered all probes again"],
];

const PERIODS: readonly (readonly [keyof Omit<Evidence, "timeline">, name: string])[] = [
  ["control", "before the fault"],
  ["fault", "under the fault"],
  ["after", "after the fault"],
];

/** Reads a report out of a drill. */
export function drillReport({ name, spec, status }: DrillView): DrillReport {
  const { verdict, evidence, history = [], phase, reason, message } = status;
  const { timeline } = evidence ?? {};
  const isOver = phase === "Ended" && verdict !== undefined;
  const { recovery, availability, slow } = spec.objectives;
  return {
    name,
    modelDeployment: spec.modelDeployment,
    revision: status.revision,
    fault: faultText(spec),
    objectives: [
      ["recovery", `within ${recovery}`],
      ["availability", `at least ${availability}`],
      ["slow answers", `at most ${slow} later than ${spec.probe.slowAfter}`],
    ],
    outcome: isOver ? verdict.outcome : "Unfinished",
    reason: verdict?.reason ?? reason ?? "Pending",
    message: verdict?.message ?? message ?? "no operator has looked at it yet",
    began: history[0]?.at,
    ended: isOver ? history.at(-1)?.at : undefined,
    moments: MOMENTS.map(([key, moment, meaning]) => {
      const milliseconds = timeline?.[key];
      return { name: moment, meaning, ...(milliseconds === undefined ? {} : { milliseconds }) };
    }),
    resolutionMilliseconds: timeline?.resolutionMilliseconds,
    periods: PERIODS.flatMap(([key, period]) => {
      const sums = evidence?.[key];
      return sums === undefined ? [] : [{ name: period, ...sums }];
    }),
    phases: phasesOf(history),
  };
}

function phasesOf(history: NonNullable<FailoverDrillStatus["history"]>): readonly PhaseRow[] {
  const start = Date.parse(history[0]?.at ?? "");
  return history.map(({ phase: name, at }, index) => {
    const next = history[index + 1];
    const from = Date.parse(at) - start;
    return { name, from, ...(next === undefined ? {} : { to: Date.parse(next.at) - start }) };
  });
}

/** Seconds with as many digits as tell something. */
export function secondsText(milliseconds: number): string {
  return `${Number((milliseconds / 1_000).toFixed(2))} s`;
}

/** A share with its digits: `99.87 %`. */
export function shareText(part: number, whole: number): string {
  return whole === 0 ? "-" : `${Number(((100 * part) / whole).toFixed(2))} %`;
}

/** How exact the times are, as a sentence; empty where there are none. */
export function exactnessText({ resolutionMilliseconds }: DrillReport): string {
  return resolutionMilliseconds === undefined
    ? ""
    : `Times count from the last moment at which there surely was no fault, by the prober's clock, and are exact to ${secondsText(resolutionMilliseconds)}.`;
}

/** The facts at its head. */
export function headFacts(report: DrillReport): readonly (readonly [name: string, text: string])[] {
  return [
    ["ModelDeployment", report.modelDeployment],
    ["Revision", report.revision ?? "-"],
    ["Fault", report.fault],
    ["Began", report.began ?? "-"],
    ["Ended", report.ended ?? "-"],
    ...report.objectives.map(([name, text]) => [`Objective: ${name}`, text] as const),
  ];
}

/** Names of the columns of periods, and the cells of one. */
export const PERIOD_COLUMNS = ["time", "probes", "bad", "good", "slow", "by another pool", "witnesses met"];

/** The cells of a period. */
export function periodCells(period: PeriodRow): readonly string[] {
  const { name, sent, bad, slow, moved, witnesses, met } = period;
  const counts = [sent, bad].map(String);
  return [
    name,
    ...counts,
    shareText(sent - bad, sent),
    String(slow),
    String(moved),
    `${met} of ${witnesses}`,
  ];
}

/** Text that Markdown takes as it is, and that moves nothing on a terminal. */
function plain(text: string): string {
  return printable(text)
    .replaceAll(/[\\`*_{}[\]<>|#]/g, (character) => `\\${character}`)
    .replaceAll(/\s+/g, " ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)];
}

/** The report in Markdown, its last newline included. */
export function drillMarkdown(report: DrillReport): string {
  const moments = report.moments.map(({ name, meaning, milliseconds }) => [
    name,
    milliseconds === undefined ? "not seen" : secondsText(milliseconds),
    meaning,
  ]);
  const phases = report.phases.map(({ name, from, to }) => [
    name,
    secondsText(from),
    to === undefined ? "-" : secondsText(to - from),
  ]);
  const exactness = exactnessText(report);
  return `${[
    `# Drill ${plain(report.name)}: ${report.outcome}`,
    "",
    `${plain(report.reason)}: ${plain(report.message)}`,
    "",
    ...table(["what", ""], headFacts(report)),
    "",
    "## Timeline",
    "",
    ...(exactness === "" ? [] : [exactness, ""]),
    ...table(["moment", "after the fault", "meaning"], moments),
    "",
    "## Probes",
    "",
    ...table(PERIOD_COLUMNS, report.periods.map(periodCells)),
    "",
    "## Phases",
    "",
    ...table(["phase", "from", "for"], phases),
  ].join("\n")}\n`;
}
