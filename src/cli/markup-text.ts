/** Text as it stands in HTML and SVG, in content and in quoted attributes. Pure. */
import { printable } from "./terminal-text.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Nothing in it is read as markup, nor by a terminal that shows it. */
export function escaped(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
