/**
 * The statements by which the page about training logs has DuckDB read one: of lines as they are written, in files that lie
 * as they do in a bucket.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { pythonPackages, run } from "../../e2e/cluster/index.ts";
import { parseJson } from "../../src/api/json.ts";
import { succeeding } from "./chart-setup.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/training-log.md"), "utf8");
const statements = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
/** The lines that the page shows, a request and a label of it. */
const lines = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = ""]) => text.replaceAll("\n", ""));
const [request = "", label = ""] = lines;

/** Prints the rows of the last statement, of several in one argument, as JSON. */
const SCRIPT = `
import duckdb, json, sys
answer = duckdb.connect().execute(sys.argv[1])
names = [column[0] for column in answer.description]
print(json.dumps([dict(zip(names, row)) for row in answer.fetchall()]))
`;

test("a request without a label, and one with two, as the page has them", async () => {
  expect([statements.length, lines.length]).toEqual([2, 2]);
  const [select = "", views = ""] = statements;
  const folder = mkdtempSync(join(tmpdir(), "petrel-tables-"));
  try {
    const write = (path: string, ...texts: string[]) => {
      const file = join(folder, "ranker", path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, gzipSync(texts.map((text) => `${text}\n`).join("")));
    };
    const other = JSON.stringify({
      ...{ request: "ffeeddccbbaa9988", time: 1_795_000_001, model: "ranker", revision: "ranker-7f9c" },
      ...{ arm: "Candidate", epoch: 3, status: 200, featureAge: null, rows: 1, drawn: 0 },
      values: { score: ["Infinity"], price: [null] },
    });
    write("requests/date=2026-11-17/ranker-a-1795000000000-0-3f9a6c01d2e47b58.ndjson.gz", request);
    write("requests/date=2026-11-18/ranker-b-1795100000000-0-77aa6c01d2e47b58.ndjson.gz", other);
    const order = label
      .replace('"click"', '"order"')
      .replace('"row":1,"position":1', '"row":null,"position":null');
    write(
      "labels/date=2026-11-17/petrel-collector-0-1795000000000-0-b1c2aa0937f4de65.ndjson.gz",
      label,
      order,
    );
    const call = ["-c", SCRIPT, `${views}${select}`];
    const environment = { PYTHONPATH: await pythonPackages("duckdb") };
    const answer = await succeeding(run("python3", call, { environment, workingFolder: folder }));
    const rows = parseJson(answer);
    expect(rows).toMatchObject([
      {
        request: "00112233aabbccdd",
        arm: "Stable",
        featureAge: 12.5,
        label: "click",
        value: 1,
        row: 1,
        delay: 300,
      },
      { request: "00112233aabbccdd", label: "order", row: null, position: null },
      { request: "ffeeddccbbaa9988", arm: "Candidate", featureAge: null, label: null, value: null },
    ]);
    expect(rows).toMatchObject([{ values: { price: [1, null, 3] } }, {}, { values: { price: [null] } }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 600_000);
