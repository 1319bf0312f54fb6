/**
 * A simulation as a picture (SVG): load, replicas, and requests that waited too long, over the same time. Pure.
 *
 * It names no font and loads nothing, so that it looks alike in a browser, a review and a slide.
 */
import { escaped } from "../markup-text.ts";
import type { SimulatedBucket } from "./simulation.ts";

/** What is drawn. */
export interface Drawn {
  readonly title: string;
  readonly startMilliseconds: number;
  readonly seconds: number;
  readonly buckets: readonly SimulatedBucket[];
}

const WIDTH = 1_200;
const LEFT = 70;
const RIGHT = 20;
const TOP = 70;
const PANEL = 160;
const GAP = 44;
const DAY_SECONDS = 86_400;
const DAY_LINES = 16;
const INK = "#1f2933";
const GRID = "#d5dbe1";

interface Layer {
  readonly values: readonly number[];
  readonly colour: string;
  readonly name: string;
}

interface Panel {
  readonly name: string;
  /** Drawn one over the other. */
  readonly layers: readonly Layer[];
  readonly label: (value: number) => string;
}

/** The picture, as the text of an SVG file. */
export function drawing({ title, startMilliseconds, seconds, buckets }: Drawn): string {
  const panels: readonly Panel[] = [
    {
      name: "requests a second",
      layers: [{ name: "highest second", colour: "#3b6ea5", values: buckets.map(({ rate }) => rate) }],
      label: shortNumber,
    },
    {
      name: "replicas",
      layers: [
        { name: "paid for", colour: "#f0b775", values: buckets.map(({ paid }) => paid) },
        { name: "serving", colour: "#4f9d69", values: buckets.map(({ ready }) => ready) },
      ],
      label: shortNumber,
    },
    {
      name: "requests that waited too long",
      layers: [
        { name: "share", colour: "#b83a4b", values: buckets.map(({ violations }) => 100 * violations) },
      ],
      label: (value) => `${shortNumber(value)} %`,
    },
  ];
  const height = TOP + panels.length * (PANEL + GAP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="26" font-size="16">${escaped(title)}</text>`,
    ...panels.flatMap((panel, at) => panelLines(panel, TOP + at * (PANEL + GAP), startMilliseconds, seconds)),
    "</svg>",
    "",
  ].join("\n");
}

function panelLines(
  panel: Panel,
  top: number,
  startMilliseconds: number,
  seconds: number,
): readonly string[] {
  const right = WIDTH - RIGHT;
  const bottom = top + PANEL;
  const scale = roundUp(Math.max(...panel.layers.flatMap(({ values }) => values), 0));
  const legend = panel.layers.map(
    ({ name, colour }) => `<tspan dx="14" fill="${colour}">■</tspan><tspan dx="5">${escaped(name)}</tspan>`,
  );
  const levels = [0, 0.5, 1].flatMap((level) => {
    const y = bottom - level * PANEL;
    return [
      `<line x1="${LEFT}" y1="${y}" x2="${right}" y2="${y}" stroke="${GRID}"/>`,
      `<text x="${LEFT - 8}" y="${y + 4}" text-anchor="end">${panel.label(level * scale)}</text>`,
    ];
  });
  return [
    `<text x="${LEFT}" y="${top - 8}">${escaped(panel.name)}${legend.join("")}</text>`,
    ...levels,
    ...dayLines(top, bottom, startMilliseconds, seconds),
    ...panel.layers.map(
      ({ values, colour }) => `<path d="${areaOf(values, scale, bottom)}" fill="${colour}"/>`,
    ),
  ];
}

/** Steps from the bottom up and back: each value is that of a time, and not a point on a slope. */
function areaOf(values: readonly number[], scale: number, bottom: number): string {
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, values.length);
  const steps = values.map((value, at) => {
    const y = round(bottom - (value / scale) * PANEL);
    return `V${y}H${round(LEFT + (at + 1) * step)}`;
  });
  return `M${LEFT} ${bottom}${steps.join("")}V${bottom}Z`;
}

function dayLines(
  top: number,
  bottom: number,
  startMilliseconds: number,
  seconds: number,
): readonly string[] {
  const every = Math.ceil(seconds / DAY_SECONDS / DAY_LINES) * DAY_SECONDS;
  const lines: string[] = [];
  const start = startMilliseconds / 1_000;
  for (let time = Math.ceil(start / DAY_SECONDS) * DAY_SECONDS; time <= start + seconds; time += every) {
    const x = round(LEFT + ((time - start) / seconds) * (WIDTH - LEFT - RIGHT));
    const day = new Date(1_000 * time).toISOString().slice(5, 10);
    lines.push(
      `<line x1="${x}" y1="${top}" x2="${x}" y2="${bottom}" stroke="${GRID}"/>`,
      `<text x="${x}" y="${bottom + 16}" text-anchor="middle" font-size="11">${day}</text>`,
    );
  }
  return lines;
}

/** The next of 1, 1.5, 2, 3, 4, 6, 8, 10, 15 and so on, whose halves are short to write; 1 for nothing. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.5, 2, 3, 4, 6, 8, 10].find((one) => one * power >= value) ?? 10;
  return factor * power;
}

function round(value: number): number {
  return Number(value.toFixed(1));
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}
