/**
 * Panels of the dashboards, in the types that Grafana publishes: what does not fit them is no dashboard and does not
 * compile.
 */
import {
  type FieldConfigSource,
  LegendDisplayMode,
  type Panel,
  SortOrder,
  ThresholdsMode,
  TooltipDisplayMode,
} from "@grafana/schema";

/** What a panel asks Prometheus, and how the series are called. */
export interface Question {
  readonly query: string;
  readonly legend: string;
}

/** What a panel is about. */
export interface PanelText {
  readonly title: string;
  /** For people: how to read it. */
  readonly description: string;
  /** As Grafana calls units: `short`, `percentunit`, `s`, `ms`, `bytes`, `reqps`. */
  readonly unit: string;
  /** Columns of 24. */
  readonly width?: number;
}

/** A panel without its place. */
export type LoosePanel = Panel & { readonly width: number; readonly height: number };

/** The data source that the reader of a dashboard has chosen. */
export const SOURCE = { type: "prometheus", uid: "$datasource" } as const;

function targets(questions: readonly Question[], isTable: boolean) {
  return questions.map(({ query, legend }, index) => ({
    refId: String.fromCharCode("A".charCodeAt(0) + index),
    datasource: SOURCE,
    expr: query,
    legendFormat: legend,
    instant: isTable,
    range: !isTable,
    ...(isTable ? { format: "table" } : {}),
  }));
}

function fieldConfig(unit: string): FieldConfigSource {
  return {
    defaults: {
      unit,
      thresholds: { mode: ThresholdsMode.Absolute, steps: [{ value: null, color: "green" }] },
    },
    overrides: [],
  };
}

/** Lines over time. */
export function graph(
  { title, description, unit, width = 12 }: PanelText,
  ...questions: Question[]
): LoosePanel {
  return {
    type: "timeseries",
    title,
    description,
    datasource: SOURCE,
    width,
    height: 8,
    targets: targets(questions, false),
    fieldConfig: fieldConfig(unit),
    options: {
      legend: {
        displayMode: LegendDisplayMode.List,
        placement: "bottom",
        showLegend: true,
        calcs: [],
      },
      tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
    },
  };
}

/** One number. */
export function stat({ title, description, unit, width = 6 }: PanelText, query: string): LoosePanel {
  return {
    type: "stat",
    title,
    description,
    datasource: SOURCE,
    width,
    height: 4,
    targets: targets([{ query, legend: title }], false),
    fieldConfig: fieldConfig(unit),
    options: { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, textMode: "auto" },
  };
}

/** The newest value of each series, a row each, with these labels as columns. */
export function table(
  { title, description, unit, width = 12 }: PanelText,
  columns: readonly string[],
  query: string,
): LoosePanel {
  return {
    type: "table",
    title,
    description,
    datasource: SOURCE,
    width,
    height: 8,
    targets: targets([{ query, legend: "" }], true),
    fieldConfig: fieldConfig(unit),
    transformations: [{ id: "filterFieldsByName", options: { include: { names: [...columns, "Value"] } } }],
    options: { showHeader: true },
  };
}
