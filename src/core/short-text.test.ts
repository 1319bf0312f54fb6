import { expect, test } from "@jest/globals";
import { truncateUtf8 } from "./short-text.ts";

test.each([
  ["short", 10, "short"],
  ["exactly-10", 10, "exactly-10"],
  ["longer than that", 10, "longer ..."],
  ["äöüäöü", 10, "äöü..."],
  ["✓✓✓✓", 11, "✓✓..."],
])("%j in %i bytes is %j", (text, bytes, expected) => {
  expect(truncateUtf8(text, bytes)).toBe(expected);
});
