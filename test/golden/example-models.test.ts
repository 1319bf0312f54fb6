/**
 * The example models are what their card says: the same bytes, one input contract, and on the held-out rows
 * the scores and the AUC of `metrics.json`, computed by the ONNX Runtime that serves them.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";

interface ModelFigures {
  readonly file: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly heldOut: { readonly auc: number; readonly logLoss: number; readonly brier: number };
  readonly rows: { readonly auc: number; readonly scores: readonly number[] };
}

const DIRECTORY = join(import.meta.dirname, "../../examples/models/cdnow");
const metrics: { models: Record<string, ModelFigures>; constant: { logLoss: number } } =
  readJson("metrics.json");
const example: {
  features: readonly string[];
  rows: readonly { readonly features: readonly number[]; readonly buysAgain: number }[];
} = readJson("rows.json");
const labels = example.rows.map((row) => row.buysAgain);

test("metrics.json covers all models that are there", () => {
  const names = readdirSync(DIRECTORY, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(names.map(({ name }) => name).sort()).toEqual(Object.keys(metrics.models).sort());
  expect(Object.keys(metrics.models)).toEqual(["1", "2", "small", "shuffled"]);
});

test("the rows are 40 customers of both kinds, with all features", () => {
  expect(example.features).toHaveLength(12);
  expect(example.rows).toHaveLength(40);
  expect(new Set(labels)).toEqual(new Set([0, 1]));
  for (const row of example.rows) {
    expect(Object.keys(row)).toEqual(["features", "buysAgain"]);
    expect(row.features).toHaveLength(12);
  }
});

describe.each(Object.entries(metrics.models))("model %s", (_name, figures) => {
  const path = join(DIRECTORY, figures.file);
  const bytes = readFileSync(path);
  let result: ModelRun;
  beforeAll(() => {
    result = run(path);
  });

  test("has the size and the digest of metrics.json, and the card names it", () => {
    expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(figures.digest);
    expect(bytes.byteLength).toBe(figures.sizeBytes);
    expect(bytes.byteLength).toBeLessThan(300_000);
    expect(readFileSync(join(DIRECTORY, "README.md"), "utf8")).toContain(`\`${figures.digest}\``);
  });

  test("takes FP32 features of any number of rows and gives one FP32 score for each", () => {
    const tensor = { isTensor: true, type: "float32" };
    expect(result.inputMetadata).toEqual([{ ...tensor, name: "features", shape: ["rows", 12] }]);
    expect(result.outputMetadata).toEqual([{ ...tensor, name: "score", shape: ["rows", 1] }]);
  });

  test("gives the scores and the AUC of metrics.json", () => {
    expect(result.scores).toHaveLength(example.rows.length);
    for (const [index, score] of result.scores.entries()) {
      expect(Math.abs(score - (figures.rows.scores[index] ?? NaN))).toBeLessThan(2e-6);
    }
    expect(Math.abs(auc(result.scores, labels) - figures.rows.auc)).toBeLessThan(1e-6);
  });
});

test("rows.csv has the same rows", () => {
  const [names = "", ...lines] = readFileSync(join(DIRECTORY, "rows.csv"), "utf8").trimEnd().split("\n");
  expect(names.split(",")).toEqual([...example.features, "buysAgain"]);
  expect(lines.map((line) => line.split(",").map(Number))).toEqual(
    example.rows.map((row) => [...row.features, row.buysAgain]),
  );
});

test("trained on shuffled labels, a model is hardly better than a coin", () => {
  expect(Math.abs((metrics.models["shuffled"]?.heldOut.auc ?? NaN) - 0.5)).toBeLessThan(0.05);
});

test("version 2 is better than version 1, and the three that were trained well are better than no model", () => {
  const [one, two, small] = ["1", "2", "small"].map((name) => metrics.models[name]?.heldOut);
  expect(two?.auc).toBeGreaterThan(one?.auc ?? NaN);
  expect(two?.logLoss).toBeLessThan(one?.logLoss ?? NaN);
  expect(one?.logLoss).toBeLessThan(small?.logLoss ?? NaN);
  expect(small?.logLoss).toBeLessThan(metrics.constant.logLoss);
});

/** What the ONNX Runtime says of a model and its scores of the example rows. */
interface ModelRun {
  readonly inputMetadata: unknown;
  readonly outputMetadata: unknown;
  readonly scores: readonly number[];
}

/** In a process of its own: the runtime's native part does not know the typed arrays of Jest's realm. */
function run(model: string): ModelRun {
  const source = `
    const { model, rows, runtime } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const { InferenceSession, Tensor } = require(runtime);
    (async () => {
      const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
      const { inputMetadata, outputMetadata } = session;
      const features = new Tensor("float32", Float32Array.from(rows.flat()), [rows.length, 12]);
      const { score } = await session.run({ features });
      console.log(JSON.stringify({ inputMetadata, outputMetadata, scores: [...score.data] }));
    })();`;
  const rows = example.rows.map((row) => row.features);
  const runtime = createRequire(import.meta.url).resolve("onnxruntime-node");
  const input = JSON.stringify({ model, rows, runtime });
  return JSON.parse(execFileSync(process.execPath, ["-e", source], { input, encoding: "utf8" }));
}

/** Area under the ROC curve by counting pairs; ties count one half. */
function auc(scores: readonly number[], truths: readonly number[]): number {
  let wins = 0;
  let pairs = 0;
  for (const [i, positive] of scores.entries()) {
    if (truths[i] !== 1) continue;
    for (const [j, negative] of scores.entries()) {
      if (truths[j] !== 0) continue;
      pairs++;
      wins += positive > negative ? 1 : positive === negative ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(DIRECTORY, name), "utf8"));
}
