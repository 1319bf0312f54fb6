import { describe, expect, test } from "@jest/globals";
import {
  parseContentLength,
  parseContentRange,
  parseRetryAfter,
  redirectOf,
  statusIsRetryable,
  strongETag,
} from "./http-semantics.ts";

test.each([
  ["bytes 5-9/10", { firstByte: 5, lastByte: 9, totalBytes: 10 }],
  ["Bytes 0-0/1", { firstByte: 0, lastByte: 0, totalBytes: 1 }],
  ["bytes 5-9/*", { firstByte: 5, lastByte: 9, totalBytes: undefined }],
  ["bytes 9-5/10", undefined],
  ["bytes 5-10/10", undefined],
  ["bytes */10", undefined],
  ["items 5-9/10", undefined],
  ["bytes 5-9/10, bytes 1-2/10", undefined],
  ["bytes 5-9999999999999999/99999999999999999", undefined],
  ["", undefined],
  [undefined, undefined],
])("Content-Range %j", (header, range) => {
  expect(parseContentRange(header)).toEqual(range);
});

test.each([
  ["0", 0],
  ["123", 123],
  ["-1", undefined],
  ["1e3", undefined],
  ["", undefined],
  [undefined, undefined],
])("Content-Length %j", (header, bytes) => {
  expect(parseContentLength(header)).toBe(bytes);
});

test.each([
  ['"abc"', '"abc"'],
  ['""', '""'],
  ['W/"abc"', undefined],
  ["abc", undefined],
  ['"a"b"', undefined],
  [undefined, undefined],
])("strong ETag %j", (header, etag) => {
  expect(strongETag(header)).toBe(etag);
});

describe("redirectOf", () => {
  const http = "http://a.example/dir/model";
  const https = "https://a.example/dir/model";

  test.each([
    [301, "/other", http, "http://a.example/other"],
    [302, "other?x=1", https, "https://a.example/dir/other?x=1"],
    [303, "https://b.example/", http, "https://b.example/"],
    [307, "//b.example/m", https, "https://b.example/m"],
    [308, "http://user:password@b.example/m", http, "http://b.example/m"],
  ])("%i to %s from %s is followed", (status, location, from, target) => {
    const redirect = redirectOf(status, location, new URL(from));
    expect(redirect).toMatchObject({ type: "Follow", url: { href: target } });
  });

  test.each([
    [301, undefined, https, "without a valid Location"],
    [301, "http://[", https, "without a valid Location"],
    [302, "http://a.example/other", https, "from https to http"],
    [302, "file:///etc/passwd", http, "to the scheme file"],
    [302, "ftp://a.example/", http, "to the scheme ftp"],
  ])("%i to %s from %s is refused", (status, location, from, reason) => {
    expect(redirectOf(status, location, new URL(from))).toEqual({ type: "Refuse", reason });
  });

  test.each([200, 206, 300, 304, 305, 404])("%i is no redirect, whatever its Location", (status) => {
    expect(redirectOf(status, "/other", new URL(http))).toEqual({ type: "None" });
  });
});

test.each([
  [400, false],
  [401, false],
  [403, false],
  [404, false],
  [408, true],
  [410, false],
  [416, false],
  [425, true],
  [429, true],
  [500, true],
  [501, false],
  [502, true],
  [503, true],
  [504, true],
  [505, false],
])("status %i retryable: %s", (status, retryable) => {
  expect(statusIsRetryable(status)).toBe(retryable);
});

test.each([
  ["0", undefined, 0],
  ["120", undefined, 120_000],
  ["Wed, 21 Oct 2015 07:28:10 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 10_000],
  ["Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 0],
  ["Wed, 21 Oct 2015 07:28:10 GMT", undefined, undefined],
  ["soon", "Wed, 21 Oct 2015 07:28:00 GMT", undefined],
  [undefined, "Wed, 21 Oct 2015 07:28:00 GMT", undefined],
])("Retry-After %j with Date %j", (retryAfter, date, milliseconds) => {
  expect(parseRetryAfter(retryAfter, date)).toBe(milliseconds);
});
