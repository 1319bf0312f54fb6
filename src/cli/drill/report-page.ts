/**
 * The report of a drill as one HTML page that needs nothing else: no script, no font, no picture from anywhere. Pure.
 */

import { escaped } from "../markup-text.ts";
import { drillDrawing } from "./drill-drawing.ts";
import {
  type DrillReport,
  exactnessText,
  headFacts,
  PERIOD_COLUMNS,
  periodCells,
  secondsText,
} from "./drill-report.ts";

const COLOURS: Readonly<Record<string, string>> = {
  Passed: "#15803d",
  Failed: "#b91c1c",
  Inconclusive: "#b45309",
  Aborted: "#475569",
  Unfinished: "#1d4ed8",
};

const STYLE = `
body { font: 15px/1.5 sans-serif; color: #1e293b; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e2e8f0; }
.outcome { color: #fff; border-radius: .3rem; padding: .1rem .6rem; }
svg { max-width: 100%; height: auto; }
`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: "th" | "td", row: readonly string[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  const top = head.length === 0 ? "" : `<thead>${cells("th", head)}</thead>`;
  return `<table>${top}<tbody>${rows.map((row) => cells("td", row)).join("")}</tbody></table>`;
}

/** The page. */
export function drillPage(report: DrillReport): string {
  const drawing = drillDrawing(report);
  const moments = report.moments.map(({ name, meaning, milliseconds }) => [
    name,
    milliseconds === undefined ? "not seen" : secondsText(milliseconds),
    meaning,
  ]);
  const title = `Drill ${report.name}: ${report.outcome}`;
  const colour = COLOURS[report.outcome] ?? "#475569";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Drill ${escaped(report.name)} <span class="outcome" style="background: ${colour}">${escaped(report.outcome)}</span></h1>
<p><strong>${escaped(report.reason)}</strong>: ${escaped(report.message)}</p>
${table([], headFacts(report))}
<h2>Timeline</h2>
${drawing ?? "<p>Nothing was seen.</p>"}
<p>${escaped(exactnessText(report))}</p>
${table(["moment", "after the fault", "meaning"], moments)}
<h2>Probes</h2>
${table(PERIOD_COLUMNS, report.periods.map(periodCells))}
</body>
</html>
`;
}
