/**
 * A dashboard from its panels and variables. Panels flow from the left to the right, row by row.
 */
import {
  type Dashboard,
  DashboardCursorSync,
  type Panel,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from "@grafana/schema";
import { type LoosePanel, SOURCE } from "./panel.ts";

const COLUMNS = 24;
/** Of Grafana's own dashboards; Grafana brings older ones up to date when it reads them. */
const SCHEMA_VERSION = 39;

/** What a reader chooses from. */
export interface Choice {
  readonly name: string;
  readonly label: string;
  /** The metric and the label whose values are offered. */
  readonly from: string;
  readonly of: string;
  /** Several at once, or all. */
  readonly many?: boolean;
}

/** What a dashboard is made from. */
export interface DashboardText {
  /** Name of its file, and what Grafana knows it by. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly choices: readonly Choice[];
  readonly panels: readonly LoosePanel[];
}

/** The dashboard, as Grafana reads it. */
export function dashboard({ name, title, description, choices, panels }: DashboardText): Dashboard {
  return {
    uid: `petrel-${name}`,
    title,
    description,
    tags: ["petrel"],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    graphTooltip: DashboardCursorSync.Crosshair,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    annotations: { list: [] },
    links: [],
    templating: { list: [source(), ...choices.map(variable)] },
    panels: placed(panels),
  };
}

function source(): VariableModel {
  return {
    name: "datasource",
    label: "Prometheus",
    type: "datasource",
    query: "prometheus",
    refresh: VariableRefresh.onDashboardLoad,
  };
}

function variable({ name, label, from, of, many = false }: Choice): VariableModel {
  return {
    name,
    label,
    type: "query",
    datasource: SOURCE,
    query: { query: `label_values(${from}, ${of})`, refId: name },
    refresh: VariableRefresh.onTimeRangeChanged,
    sort: VariableSort.alphabeticalAsc,
    ...(many ? { multi: true, includeAll: true, allValue: ".+" } : {}),
  };
}

function placed(panels: readonly LoosePanel[]): Panel[] {
  let [x, y, rowHeight] = [0, 0, 0];
  return panels.map(({ width, height, ...panel }, index) => {
    if (x + width > COLUMNS) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const gridPos = { x, y, w: width, h: height };
    x += width;
    rowHeight = Math.max(rowHeight, height);
    return { id: index + 1, ...panel, gridPos };
  });
}
