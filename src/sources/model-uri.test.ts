import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { SourceError } from "./model-source.ts";
import { MAX_URI_LENGTH, parseModelUri } from "./model-uri.ts";
import { sourceFor } from "./register.ts";
import { sourceSettings } from "./testdata/settings.ts";

test.each([
  ["file:///models/a%20b.onnx", "file", "file:///models/a%20b.onnx"],
  ["HTTP://Example.com:80/m.onnx", "http", "http://example.com/m.onnx"],
  ["https://user:pw@example.com:8443/m", "https", "https://example.com:8443/m"],
  ["https://example.com/m?X-Amz-Signature=abc#part", "https", "https://example.com/m?REDACTED"],
  ["s3://bucket/key", "s3", "s3://bucket/key"],
])("%s", (text, scheme, display) => {
  expect(parseModelUri(text)).toMatchObject({ scheme, display });
});

test.each([
  ["", "starts with scheme://"],
  ["/models/m.onnx", "starts with scheme://"],
  ["file:models/m.onnx", "starts with scheme://"],
  ["http://", "expected a URI"],
  ["http://user:p%zz@example.com/", "user information"],
  ["http://user:p%ff@example.com/", "user information"],
  [`http://example.com/${"x".repeat(MAX_URI_LENGTH)}`, `at most ${MAX_URI_LENGTH} characters`],
])("%j is refused for good", (text, reason) => {
  expect(() => parseModelUri(text)).toThrow(
    expect.objectContaining({
      name: "SourceError",
      terminal: true,
      message: expect.stringContaining(reason),
    }),
  );
});

test("a scheme without a source is refused with the ones that have one", () => {
  expect(() => sourceFor(parseModelUri("gs://bucket/key"), sourceSettings())).toThrow(
    "no source for gs://bucket/key: expected one of the schemes file, http, https, oci, pvc, s3, found gs",
  );
});

test("neither what is shown nor an error ever holds user information or a query value", () => {
  const secret = "5ecre7";
  const noise = fc.stringMatching(/^[ -~]{0,12}$/);
  fc.assert(
    fc.property(noise, noise, noise, fc.constantFrom("http", "https", "s3", "x y"), (a, b, c, scheme) => {
      for (const text of [
        `${scheme}://${encodeURIComponent(a)}:${secret}@host/${encodeURIComponent(b)}`,
        // A slash ends the authority: what stands behind it is the path, and shown.
        `${scheme}://${a.replace(/[/\\]/g, "")}:${secret}@${b}/${c}`,
        `${scheme}://host/${encodeURIComponent(a)}?${b}=${secret}`,
        `${scheme}//u:${secret}@${a}`,
      ]) {
        expect(shown(text)).not.toContain(secret);
      }
    }),
  );

  function shown(text: string): string {
    try {
      return parseModelUri(text).display;
    } catch (error) {
      if (error instanceof SourceError) return JSON.stringify([error.message, error.expected, error.found]);
      throw error;
    }
  }
});
