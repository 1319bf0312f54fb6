/**
 * Texts of the API on a terminal. Messages come from images, stores and registries of others: what could move the
 * cursor or repaint the screen must not reach it. Pure.
 */

/** The text in one line, without control characters. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
}
