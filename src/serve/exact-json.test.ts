import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { isText, longInteger, parseExactJson } from "./exact-json.ts";

/**
 * So many times the processor time of JSON.parse. It takes two to three times as much, as there are two passes; a
 * busy machine may add to that. A reviver or a step that is not linear would take more than ten times as much.
 */
const AT_MOST = 9;

/** A text that names the datatype, as every request with 64-bit integers does, and its value. */
function document(value: string): string {
  return `{"datatype":"INT64","value":${value}}`;
}

function parse(text: string): unknown {
  return parseExactJson(Buffer.from(text));
}

/** With the integers that were kept exact as BigInt. */
function parseDocument(value: string): unknown {
  const parsed = parse(document(value));
  return restore(typeof parsed === "object" && parsed !== null && "value" in parsed ? parsed.value : parsed);
}

function restore(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(restore);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, restore(member)]));
  }
  return longInteger(value) ?? value;
}

describe("exact JSON", () => {
  test.each<[string, unknown]>([
    ["9007199254740993", 9007199254740993n],
    ["-9007199254740993", -9007199254740993n],
    ["9007199254740992", 9007199254740992n],
    ["9007199254740991", 9007199254740991],
    ["-1234567890123456", -1234567890123456],
    ["18446744073709551615", 18446744073709551615n],
    ["99999999999999999999", 99999999999999999999n],
    ["[ 12345678901234567890 ,1]", [12345678901234567890n, 1]],
    // No integer of 64 bits, so read as any number is.
    ["123456789012345678901", Number("123456789012345678901")],
    ["9007199254740993.0", 9007199254740992],
    ["9007199254740993e0", 9007199254740992],
    ["0.12345678901234567", Number("0.12345678901234567")],
    ["1e-12345678901234567", 0],
    // Digits in strings are no numbers, whatever quotes and backslashes are around them.
    ['["12345678901234567",12345678901234567]', ["12345678901234567", 12345678901234567n]],
    ['["\\"12345678901234567",12345678901234567]', ['"12345678901234567', 12345678901234567n]],
    ['["\\\\",12345678901234567,"\\\\\\""]', ["\\", 12345678901234567n, '\\"']],
    ['{"12345678901234567":12345678901234567}', { "12345678901234567": 12345678901234567n }],
    ['["é\u{1f600}\\ud83d\\ude00",12345678901234567]', ["é\u{1f600}\u{1f600}", 12345678901234567n]],
  ])("reads %s", (text, value) => {
    expect(parseDocument(text)).toEqual(value);
  });

  test.each([
    "{12345678901234567:1}",
    "{12345678901234567 \n:1}",
    "0012345678901234567",
    "+12345678901234567",
    "--12345678901234567",
    "12345678901234567x",
    '12345678901234567"',
    "[12345678901234567 12345678901234567]",
    '"12345678901234567\n"',
    '["12345678901234567\\"]',
  ])("refuses %s, which is no JSON", (text) => {
    expect(() => JSON.parse(document(text))).toThrow(SyntaxError);
    expect(() => parse(document(text))).toThrow(SyntaxError);
  });

  test.each(['"\\udc00123"', '"\\uDC00123"', '{"\\uDc00123":1}'])(
    "lets nobody forge an integer by %s",
    (text) => {
      expect(() => parseDocument(`[12345678901234567,${text}]`)).toThrow(
        /begins with half of a surrogate pair/,
      );
      const parsed = parse(`{"value":${text}}`);
      expect(parsed).toEqual(JSON.parse(`{"value":${text}}`));
    },
  );

  test("refuses bytes that are not UTF-8, such as a surrogate of its own", () => {
    for (const bytes of [[0xff], [0xed, 0xb0, 0x80]]) {
      const [before = "", after = ""] = document('["?",12345678901234567]').split("?");
      expect(() =>
        parseExactJson(Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])),
      ).toThrow(/not valid/);
    }
  });

  test("tells a text from an integer kept exact", () => {
    const parsed = parse('["INT64",12345678901234567,"12345678901234567",1]');
    expect(Array.isArray(parsed) ? parsed.map(isText) : parsed).toEqual([true, false, true, false]);
  });

  test("reads any JSON as JSON.parse does, and every integer with all digits", () => {
    const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(fc.json(), fc.array(integer), (json, integers) => {
        fc.pre(!/"(?:\\u[dD][cC]00|\udc00)/.test(json) && json.isWellFormed());
        const plain = (value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);
        expect(JSON.parse(JSON.stringify(parseDocument(`[${json}]`), (_key, value) => plain(value)))).toEqual(
          JSON.parse(JSON.stringify(JSON.parse(`[${json}]`))),
        );
        expect(parseDocument(`[${integers.join(",")}]`)).toEqual(
          integers.map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
        );
      }),
    );
  });

  test.each<[string, string, string, string]>([
    ["small integers", "[", "1,", "1]"],
    ["fractions", "[", "0.25,", "1]"],
    ["empty texts", "[", '"",', '""]'],
    ["empty lists", "[", "[],", "[]]"],
    ["one long text", '"', "x", '"'],
    ["escapes", '"', "\\\\", '"'],
    ["white space", "", " ", "1"],
    ["one long number", "1", "2", ""],
    ["long integers", "[", "1234567890123456789,", "1]"],
    ["long integers that are keys", "[", "1234567890123456789 :", "1]"],
    ["long fractions", "[", "0.1234567890123456789,", "1]"],
  ])("takes in proportion to JSON.parse for 16 MiB of %s", (_what, open, unit, close) => {
    const sizeBytes = 16 * 2 ** 20;
    const fill = (before: string, repeated: string, after: string) =>
      Buffer.from(
        `{"a":"INT64","b":12345678901234567,"c":${before}${repeated.repeat(Math.floor(sizeBytes / repeated.length))}${after}}`,
      );
    const hostile = fill(open, unit, close);
    const ordinary = fill("[", "1,", "1]");
    const took = { ours: Number.POSITIVE_INFINITY, plain: Number.POSITIVE_INFINITY };
    // In turns, until enough was seen: what else the machine does makes one of them slower, and none faster.
    for (let turn = 0; turn < 3 || (turn < 12 && took.ours >= AT_MOST * took.plain); turn++) {
      // JSON.parse needs next to nothing for some bodies, such as white space; there the ordinary body is the measure.
      const plain = [hostile, ordinary].map((body) => milliseconds(() => JSON.parse(body.toString())));
      took.plain = Math.min(took.plain, Math.max(...plain));
      took.ours = Math.min(
        took.ours,
        milliseconds(() => parseExactJson(hostile)),
      );
    }
    expect(took.ours).toBeLessThan(AT_MOST * took.plain);
  });
});

/** Time of this thread's processor, so that other work of the machine does not count; bad JSON counts as well. */
function milliseconds(action: () => unknown): number {
  const start = process.threadCpuUsage();
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
  }
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1_000;
}
