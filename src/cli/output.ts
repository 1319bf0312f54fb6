/**
 * How a verb prints what it found: lines for people, JSON or YAML for programs.
 */
import { Option } from "commander";
import { stringify } from "yaml";
import { printable } from "./terminal-text.ts";

const FORMATS = ["text", "json", "yaml"] as const;

/** One of the formats. */
export type OutputFormat = (typeof FORMATS)[number];

/** The option `-o, --output`. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to print").choices([...FORMATS]).default("text");
}

/** What is printed, its last newline included. `lines` are asked for only where they are needed. */
export function printed(format: OutputFormat, view: unknown, lines: () => readonly string[]): string {
  if (format === "json") return `${JSON.stringify(view, null, 2)}\n`;
  if (format === "yaml") return stringify(view, { lineWidth: 0, aliasDuplicateObjects: false });
  return lines()
    .map((line) => `${line.slice(0, line.length - line.trimStart().length)}${printable(line)}\n`)
    .join("");
}
