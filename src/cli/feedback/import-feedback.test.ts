import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import type { RecordFormat } from "../../records/data-records.ts";
import { RecordError } from "../../records/record-error.ts";
import { type FeedbackItem, feedbackItems } from "./feedback-items.ts";
import { importFeedback, type LineTrouble } from "./import-feedback.ts";
import { ImportProgress } from "./import-progress.ts";

const folder = mkdtempSync(join(tmpdir(), "petrel-import-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function itemsOf(text: string, format: RecordFormat): Promise<readonly FeedbackItem[]> {
  const items: FeedbackItem[] = [];
  for await (const item of feedbackItems(chunks(text), format)) items.push(item);
  return items;
}

test("a row of CSV is an object with one event; what its cells leave out is left out", async () => {
  const text =
    "token,label,row,pos,at,value,id\nt1,click,3,1,2026-05-04T12:00:00Z,,\nt2,order,,,,19.9,A-17\nt3,click,x,,,,\n";
  const items = await itemsOf(text, "CSV");
  expect(items.map(({ line, text: object }) => [line, JSON.parse(object)])).toEqual([
    [2, { token: "t1", events: [{ label: "click", row: 3, pos: 1, at: "2026-05-04T12:00:00Z" }] }],
    [3, { token: "t2", events: [{ label: "order", value: 19.9, id: "A-17" }] }],
    [4, { token: "t3", events: [{ label: "click", row: "x" }] }],
  ]);
});

test.each([
  [
    "token,label,user\nt,click,u\n",
    "line 2: expected only the columns token, label, row, pos, at, value, id, got user",
  ],
  ["token,row\nt,1\n", "line 2: expected a column label, got none"],
])("refuses the columns of %j", async (text, message) => {
  await expect(itemsOf(text, "CSV")).rejects.toThrow(message);
});

test("a line of NDJSON goes as it stands, and what is no object is known", async () => {
  const items = await itemsOf('{"token":"t","events":[]}\nnothing\n[1]\n', "NDJSON");
  expect(items).toEqual([
    { line: 1, text: '{"token":"t","events":[]}', isObject: true },
    { line: 2, text: "nothing", isObject: false },
    { line: 3, text: "[1]", isObject: false },
  ]);
});

describe("an import", () => {
  /** Says "accepted" to all, and fails with the batch of that number. */
  function collector(failingBatch = Number.POSITIVE_INFINITY) {
    const batches: (readonly string[])[] = [];
    return {
      batches,
      async post(objects: readonly string[]) {
        if (batches.length + 1 === failingBatch) throw new Error("gone");
        batches.push(objects);
        return objects.map(() => ({ events: ["accepted"] as const, error: undefined }));
      },
    };
  }
  async function* items(texts: readonly string[]): AsyncGenerator<FeedbackItem> {
    for (const [at, text] of texts.entries()) yield { line: at + 1, text, isObject: text.startsWith("{") };
  }
  const texts = Array.from({ length: 10 }, (_, at) => `{"token":"t${at}"}`);
  const bounds = { maximumObjects: 3, maximumBytes: 1_000_000 };
  const quiet = () => {};

  test("keeps batches within their bounds", async () => {
    const [byCount, bySize] = [collector(), collector()];
    await importFeedback(items(texts), byCount, await ImportProgress.begin(undefined), bounds, quiet);
    expect(byCount.batches.map(({ length }) => length)).toEqual([3, 3, 3, 1]);
    const small = { maximumObjects: 100, maximumBytes: 36 };
    await importFeedback(items(texts), bySize, await ImportProgress.begin(undefined), small, quiet);
    expect(bySize.batches.map(({ length }) => length)).toEqual([2, 2, 2, 2, 2]);
  });

  test("goes on where it was interrupted", async () => {
    const path = join(folder, "interrupted");
    const first = await ImportProgress.begin(path);
    await expect(importFeedback(items(texts), collector(3), first, bounds, quiet)).rejects.toThrow("gone");
    const [second, rest] = [await ImportProgress.begin(path), collector()];
    expect(second.resumedFrom).toBe(6);
    await importFeedback(items(texts), rest, second, bounds, quiet);
    expect(rest.batches.flat()).toEqual(texts.slice(6));
    expect([second.objects, second.counts.accepted]).toEqual([10, 10]);
    const [third, none] = [await ImportProgress.begin(path), collector()];
    await importFeedback(items(texts), none, third, bounds, quiet);
    expect(none.batches).toEqual([]);
  });

  test("does not go on with another file", async () => {
    const path = join(folder, "another");
    await importFeedback(
      items(texts.slice(0, 4)),
      collector(),
      await ImportProgress.begin(path),
      bounds,
      quiet,
    );
    const others = ["{}", ...texts.slice(1)];
    await expect(
      importFeedback(items(others), collector(), await ImportProgress.begin(path), bounds, quiet),
    ).rejects.toThrow("its first 4 objects are others");
    await expect(
      importFeedback(items(texts.slice(0, 3)), collector(), await ImportProgress.begin(path), bounds, quiet),
    ).rejects.toThrow("with at least 4 objects, got 3");
  });

  test("keeps what was done when the file cannot be read as far as that", async () => {
    const path = join(folder, "torn-before");
    await importFeedback(
      items(texts.slice(0, 6)),
      collector(),
      await ImportProgress.begin(path),
      bounds,
      quiet,
    );
    const kept = readFileSync(path, "utf8");
    async function* torn(): AsyncGenerator<FeedbackItem> {
      yield* items(texts.slice(0, 2));
      throw new RecordError(3, "a JSON object", "nothing");
    }
    await expect(
      importFeedback(torn(), collector(), await ImportProgress.begin(path), bounds, quiet),
    ).rejects.toThrow("line 3");
    expect(readFileSync(path, "utf8")).toBe(kept);
  });

  test.each(["", "{", "[]", '{"objects":1,"digest":"d","counts":{}}', '{"objects":-1}'])(
    "does not go on by a file that says %j",
    async (text) => {
      const path = join(folder, "torn");
      writeFileSync(path, text);
      await expect(ImportProgress.begin(path)).rejects.toThrow("expected the progress of an import");
      expect(readFileSync(path, "utf8")).toBe(text);
    },
  );

  test("counts what is no object, and says where it is, without sending it", async () => {
    const [progress, to, troubles] = [
      await ImportProgress.begin(undefined),
      collector(),
      [] as LineTrouble[],
    ];
    await importFeedback(items(["{}", "torn", "{}"]), to, progress, bounds, (trouble) =>
      troubles.push(trouble),
    );
    expect(to.batches).toEqual([["{}", "{}"]]);
    expect(progress.counts).toMatchObject({ accepted: 2, malformed: 1 });
    expect(troubles).toEqual([{ line: 2, message: "expected a JSON object" }]);
  });

  test("sends what stands before a place that cannot be read", async () => {
    const [to, progress] = [collector(), await ImportProgress.begin(undefined)];
    const torn = feedbackItems(chunks("token,label\nt1,click\nt2\n"), "CSV");
    await expect(importFeedback(torn, to, progress, bounds, quiet)).rejects.toThrow(
      "line 3: expected 2 cells",
    );
    expect(to.batches.flat()).toHaveLength(1);
  });
});
