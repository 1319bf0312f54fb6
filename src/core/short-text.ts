/**
 * Texts that the API bounds: cut so that they stay texts.
 */

/** Cuts a text to at most so many bytes of UTF-8, between characters, with `...` in place of what is lost. */
export function truncateUtf8(text: string, maximumBytes: number): string {
  if (Buffer.byteLength(text) <= maximumBytes) return text;
  const kept = Buffer.from(text).subarray(0, maximumBytes - 3);
  // A character cut in half decodes to U+FFFD at the end.
  return `${kept.toString("utf8").replace(/\uFFFD+$/, "")}...`;
}
