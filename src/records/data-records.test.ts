import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { csvRows, MAXIMUM_CELLS } from "./csv-rows.ts";
import { dataRecords, formatOfName, type RecordFormat } from "./data-records.ts";
import { MAXIMUM_LINE_LENGTH, textLines } from "./text-lines.ts";

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** In chunks so small that every character with several bytes is cut somewhere. */
function chunks(text: string | Uint8Array, size = 3): AsyncGenerator<Uint8Array> {
  return chunksOf(typeof text === "string" ? Buffer.from(text) : text, size);
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function recordsOf(text: string, format: RecordFormat) {
  const records = await all(dataRecords(chunks(text), format));
  return records.map(({ line, members }) => [line, Object.fromEntries(members)]);
}

test.each([
  [
    "plain",
    "a,b\n1,2\n3,4",
    [
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ],
  ],
  ["CRLF and a byte order mark", "\uFEFFa,b\r\n1,2\r\n", [{ a: "1", b: "2" }]],
  ["quotes", 'a,b\n"x, ""y""","line 1\r\nline 2"\n', [{ a: 'x, "y"', b: "line 1\r\nline 2" }]],
  [
    "quotes at the end of a line",
    'a,b\r\n"1","2"\r\n"3","4"',
    [
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ],
  ],
  ["empty cells and empty lines", "a,b\n\n,\n", [{ a: "", b: "" }]],
  ["more than ASCII", "naïve,日本\né,語\n", [{ naïve: "é", 日本: "語" }]],
])("reads CSV: %s", async (_, text, expected) => {
  expect((await recordsOf(text, "CSV")).map(([, record]) => record)).toEqual(expected);
});

test("tells in which line a record begins", async () => {
  expect(await recordsOf('a\n"1\n2"\n3\n', "CSV")).toEqual([
    [2, { a: "1\n2" }],
    [4, { a: "3" }],
  ]);
  expect(await recordsOf('{"a":1}\n\n{"a":[2]}\n', "NDJSON")).toEqual([
    [1, { a: 1 }],
    [3, { a: [2] }],
  ]);
});

test.each([
  ["CSV", "a,b\n1\n", "line 2: expected 2 cells, got 1"],
  ["CSV", "a,a\n1,2\n", 'line 1: expected names that differ, got "a" twice'],
  ["CSV", 'a\n1"2\n', "line 2: expected a cell with a quote to begin with one, got a quote within it"],
  [
    "CSV",
    'a\n"1"2\n',
    "line 2: expected a comma or the end of the line behind a closing quote, got more text",
  ],
  ["CSV", 'a\n"1"\r"2"\n', "line 2: expected a comma or the end of the line behind a closing quote"],
  ["CSV", 'a,b\n"1"\r,2\n', "line 2: expected a comma or the end of the line behind a closing quote"],
  ["CSV", 'a\n"1\n2\n', "line 2: expected a quote to end, got the end of the file"],
  ["NDJSON", '{"a":1}\n{"a":', 'line 2: expected a JSON object, got "{\\"a\\":"'],
  ["NDJSON", "[1]\n", "line 1: expected a JSON object, got a list of 1"],
] as const)("refuses %s %j", async (format, text, message) => {
  await expect(recordsOf(text, format)).rejects.toThrow(message);
});

test("refuses bytes that are not UTF-8, and says behind which line", async () => {
  const bytes = Buffer.concat([Buffer.from("a\n1\n"), Buffer.of(0xff)]);
  await expect(all(dataRecords(chunks(bytes), "CSV"))).rejects.toThrow(
    "line 2: expected text in UTF-8 from here on, got other bytes",
  );
  await expect(all(textLines(chunks(Buffer.of(0xe2, 0x82))))).rejects.toThrow("UTF-8");
});

test("bounds lines, rows and cells", async () => {
  const long = "x".repeat(MAXIMUM_LINE_LENGTH + 1);
  await expect(all(textLines(chunks(long, 65_536)))).rejects.toThrow("got more");
  await expect(all(csvRows(chunks(long, 65_536)))).rejects.toThrow("got more");
  await expect(all(csvRows(chunks(",".repeat(MAXIMUM_CELLS), 65_536)))).rejects.toThrow("cells");
});

test("reads back whatever is written by the rules, in chunks of any size", async () => {
  const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", "é", "🐦", " ") });
  const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 1, max: 9 }), async (written, size) => {
      const text = written
        .map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(","))
        .join("\r\n");
      const read = await all(csvRows(chunks(text, size)));
      expect(read.map(({ cells }) => cells)).toEqual(written);
    }),
    { numRuns: 200 },
  );
});

test.each([
  ["labels.csv", "CSV"],
  ["a.b/labels.NDJSON", "NDJSON"],
  ["labels.jsonl", "NDJSON"],
  ["labels.json", undefined],
])("takes %s for %s", (name, format) => {
  expect(formatOfName(name)).toBe(format);
});
