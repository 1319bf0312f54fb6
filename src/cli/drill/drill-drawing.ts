/**
 * The timeline of a drill as SVG: the phases by the operator's clock, and below them what probes saw by their own. Pure.
 *
 * The two clocks are never put on one axis: nobody knows how far they are apart.
 */

import { escaped } from "../markup-text.ts";
import { type DrillReport, secondsText } from "./drill-report.ts";

const WIDTH = 960;
const LEFT = 130;
const RIGHT = 30;
const ROW = 26;
const SPAN = WIDTH - LEFT - RIGHT;

const COLOURS: Readonly<Record<string, string>> = {
  Preflight: "#94a3b8",
  Control: "#60a5fa",
  Injecting: "#f59e0b",
  Observing: "#dc2626",
  Reverting: "#f59e0b",
  Failback: "#34d399",
  Removing: "#94a3b8",
};
const OTHER = "#94a3b8";
const INK = "#1e293b";
const FAINT = "#cbd5e1";

interface Axis {
  readonly top: number;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

const text = (x: number, y: number, words: string, anchor: "start" | "middle" | "end" = "start") =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${INK}">${escaped(words)}</text>`;

function round(value: number): number {
  return Number(value.toFixed(1));
}

/** A step of 1, 2 or 5 times a power of ten, for at most eight marks. */
function stepOf(milliseconds: number): number {
  const least = milliseconds / 8;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10);
}

function xOf({ from, to }: Axis, milliseconds: number): number {
  return LEFT + (SPAN * (milliseconds - from)) / Math.max(1, to - from);
}

function axisMarks(axis: Axis): readonly string[] {
  const { top, from, to, rows } = axis;
  const bottom = top + rows * ROW;
  const step = stepOf(to - from);
  const marks: string[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const x = round(xOf(axis, at));
    marks.push(
      `<line x1="${x}" y1="${top}" x2="${x}" y2="${bottom}" stroke="${FAINT}"/>`,
      text(x, bottom + 16, secondsText(at), "middle"),
    );
  }
  return marks;
}

function phaseBars(
  report: DrillReport,
  top: number,
): { readonly parts: readonly string[]; readonly end: number } {
  const phases = report.phases.filter(({ to }) => to !== undefined);
  const axis = { top, from: 0, to: Math.max(1, ...phases.map(({ to = 0 }) => to)), rows: phases.length };
  const bars = phases.flatMap(({ name, from, to = from }, index) => {
    const [x, y] = [xOf(axis, from), top + index * ROW];
    const width = Math.max(2, xOf(axis, to) - x);
    return [
      text(LEFT - 10, y + 17, name, "end"),
      `<rect x="${round(x)}" y="${y + 4}" width="${round(width)}" height="${ROW - 8}" rx="3" fill="${COLOURS[name] ?? OTHER}"><title>${escaped(`${name}: ${secondsText(to - from)}`)}</title></rect>`,
    ];
  });
  return { parts: [...axisMarks(axis), ...bars], end: top + phases.length * ROW + 30 };
}

function momentMarks(
  report: DrillReport,
  top: number,
): { readonly parts: readonly string[]; readonly end: number } {
  const seen = report.moments.filter(({ milliseconds }) => milliseconds !== undefined);
  const reverted = report.moments.find(({ name }) => name === "reverted")?.milliseconds;
  const last = Math.max(1_000, ...seen.map(({ milliseconds = 0 }) => milliseconds));
  const axis = { top, from: -last * 0.05, to: last * 1.15, rows: report.moments.length };
  const bottom = top + axis.rows * ROW;
  const [start, end] = [xOf(axis, 0), xOf(axis, reverted ?? axis.to)];
  const band = `<rect x="${round(start)}" y="${top}" width="${round(end - start)}" height="${bottom - top}" fill="#dc2626" opacity="0.12"><title>the fault</title></rect>`;
  const marks = report.moments.flatMap(({ name, milliseconds }, index) => {
    const y = top + index * ROW + ROW / 2;
    if (milliseconds === undefined)
      return [text(LEFT - 10, y + 4, name, "end"), text(start + 8, y + 4, "not seen")];
    const x = xOf(axis, milliseconds);
    const isLate = x > WIDTH - 120;
    return [
      text(LEFT - 10, y + 4, name, "end"),
      `<line x1="${round(start)}" y1="${y}" x2="${round(x)}" y2="${y}" stroke="${INK}" stroke-width="1.5"/>`,
      `<circle cx="${round(x)}" cy="${y}" r="5" fill="${INK}"/>`,
      text(
        isLate ? x - 10 : x + 10,
        y + (isLate ? -6 : 4),
        secondsText(milliseconds),
        isLate ? "end" : "start",
      ),
    ];
  });
  return { parts: [band, ...axisMarks(axis), ...marks], end: bottom + 30 };
}

/** The drawing; undefined where there is nothing to draw. */
export function drillDrawing(report: DrillReport): string | undefined {
  const hasMoments = report.resolutionMilliseconds !== undefined;
  const hasPhases = report.phases.some(({ to }) => to !== undefined);
  if (!hasPhases) return undefined;
  const phases = phaseBars(report, 34);
  const parts = [text(10, 20, "Phases, since the first began, by the operator's clock"), ...phases.parts];
  let height = phases.end;
  if (hasMoments) {
    const moments = momentMarks(report, phases.end + 40);
    parts.push(text(10, phases.end + 26, "What probes saw, since the fault began, by the prober's clock"));
    parts.push(...moments.parts);
    height = moments.end;
  }
  const view = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  const label = escaped(`Timeline of drill ${report.name}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" ${view} role="img" aria-label="${label}" font-family="sans-serif" font-size="13">${parts.join("")}</svg>`;
}
