/**
 * The real command on the real example models: what it prints, writes and ends with. In a process of its own, but for what
 * it refuses.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { CommanderError } from "commander";
import { evaluateCommand } from "./command.ts";
import type { EvaluationResult } from "./evaluation-result.ts";

const root = join(import.meta.dirname, "../..");
const models = join(root, "examples/models/cdnow");
const folder = mkdtempSync(join(tmpdir(), "petrel-evaluate-test-"));
/** Where the processes put what they copy. */
const copies = join(folder, "copies");
mkdirSync(copies);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIMIT_MILLISECONDS = 120_000;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...options: readonly string[]): Promise<Ended> {
  const child = spawn(
    process.execPath,
    ["--no-warnings", join(root, "src/main.ts"), "evaluate", ...options],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, TMPDIR: copies } },
  );
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr })),
  );
}

/** The command in this process: the code that a refusal ends with, and what it says. */
async function refused(...options: readonly string[]): Promise<{ code: number; stderr: string }> {
  let stderr = "";
  const command = evaluateCommand()
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        stderr += text;
      },
    });
  try {
    await command.parseAsync(options, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return { code: error.exitCode, stderr };
    throw error;
  }
  throw new Error("expected a refusal");
}

/** A file of the test with a name. */
function written(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The settings of the example with other members. */
function settings(name: string, more: object): string {
  const example = JSON.parse(readFileSync(join(models, "evaluate.json"), "utf8"));
  return written(name, JSON.stringify({ ...example, ...more }));
}

const DATA = ["--data", join(models, "rows.csv")];

test(
  "a model that is good enough passes, with the figures of its card",
  async () => {
    const result = join(folder, "result.json");
    const { code, stdout, stderr } = await run(
      ...["--model", join(models, "1"), ...DATA, "--result", result],
      ...["--settings", settings("auc.json", { checks: [{ metric: "auc", atLeast: 0.55 }] })],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^40 rows of 40 requests; .*\n\nMETRIC +CANDIDATE\nauc +0\.7917 \(/);
    expect(stdout).toMatch(/\nPassed +auc +at least 0\.55 +0\.7917 \(.*\)\n\npassed\n$/);
    const found: EvaluationResult = JSON.parse(readFileSync(result, "utf8"));
    const card = JSON.parse(readFileSync(join(models, "metrics.json"), "utf8")).models["1"];
    expect(found.metrics[0]?.candidate.value).toBeCloseTo(card.rows.auc, 6);
    expect(found).toMatchObject({
      passed: true,
      data: { rows: 40, requests: 40, units: 40, unit: "Request" },
      checks: [{ metric: "auc", verdict: "Passed", threshold: 0.55 }],
    });
    expect(found.candidate.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  },
  LIMIT_MILLISECONDS,
);

test(
  "a model that was trained on shuffled labels is caught, alone and beside a good one",
  async () => {
    const { code, stdout } = await run(
      ...["--model", join(models, "shuffled"), "--baseline", join(models, "1"), ...DATA, "-o", "json"],
      ...[
        "--settings",
        settings("both.json", {
          checks: [
            { metric: "auc", atLeast: 0.55 },
            { metric: "auc", nonInferiorityMargin: "10%" },
          ],
        }),
      ],
    );
    const { checks, metrics, answersAlike }: EvaluationResult = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(answersAlike).toBe(false);
    expect(checks.map(({ verdict }) => verdict)).toEqual(["Failed", "Failed"]);
    const card = JSON.parse(readFileSync(join(models, "metrics.json"), "utf8")).models;
    expect(metrics[0]?.candidate.value).toBeCloseTo(card.shuffled.rows.auc, 6);
    expect(metrics[0]?.baseline?.value).toBeCloseTo(card["1"].rows.auc, 6);
  },
  LIMIT_MILLISECONDS,
);

test(
  "tells the result in short to whoever started a container, and why there is none",
  async () => {
    const log = written("termination-log", "");
    const asked = ["--model", join(models, "shuffled"), "--baseline", join(models, "1"), ...DATA];
    const checks = [
      { metric: "auc", atLeast: 0.55 },
      { metric: "log-loss", nonInferiorityMargin: "15%" },
    ];
    const told = ["--settings", settings("told.json", { checks }), "--termination-log", log];
    expect(await run(...asked, ...told)).toMatchObject({ code: 1 });
    const number = expect.stringMatching(/^-?[0-9.]+$/);
    const measured = { estimate: number, lower: number, upper: number };
    expect(JSON.parse(readFileSync(log, "utf8"))).toEqual({
      ...{ passed: false, rows: 40, requests: 40, units: 40 },
      checks: [
        { metric: "auc", rule: "AtLeast", verdict: "Failed", ...measured, threshold: "0.55" },
        { metric: "log-loss", rule: "NotWorse", verdict: "NotShown", ...measured, threshold: "0.15" },
      ],
    });
    await refused("--model", folder, "--baseline", join(models, "1"), ...DATA, ...told);
    expect(JSON.parse(readFileSync(log, "utf8"))).toEqual({
      problem: expect.stringContaining("expected model.onnx"),
    });
  },
  LIMIT_MILLISECONDS,
);

test(
  "40 rows do not show that a good model is as good as another one, and say so",
  async () => {
    const { code, stdout } = await run(
      ...["--model", join(models, "2"), "--baseline", join(models, "1"), ...DATA],
      ...["--settings", settings("small.json", { checks: [{ metric: "auc", nonInferiorityMargin: "1%" }] })],
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /\nNotShown +auc +less than 1 % below the baseline +-6\.1 % \(.*\)\n\nnot passed\n$/,
    );
  },
  LIMIT_MILLISECONDS,
);

test(
  "reads NDJSON over HTTP, with lists as values, users and requests of several rows",
  async () => {
    const { rows } = JSON.parse(readFileSync(join(models, "rows.json"), "utf8"));
    const lines = rows.map(({ features, buysAgain }: { features: number[]; buysAgain: number }, at: number) =>
      JSON.stringify({ request: `r${at >> 1}`, user: `u${at >> 2}`, features, order: buysAgain === 1 }),
    );
    const server = createServer((request, response) => {
      response.writeHead(request.url === "/rows.ndjson" ? 200 : 404).end(lines.join("\n"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const given = {
      inputs: [{ name: "features" }],
      user: "user",
      request: "request",
      labels: [{ name: "order" }],
      metrics: [
        { name: "auc", type: "AreaUnderCurve" },
        { name: "mrr", type: "MRR", k: 2 },
      ],
    };
    try {
      const asked = [
        "--model",
        join(models, "1"),
        "--settings",
        written("lists.json", JSON.stringify(given)),
        "-o",
        "json",
      ];
      const { code, stdout } = await run(...asked, "--data", `http://127.0.0.1:${port}/rows.ndjson`);
      expect(code).toBe(0);
      const found: EvaluationResult = JSON.parse(stdout);
      expect(found.data).toMatchObject({ rows: 40, requests: 20, units: 10, unit: "User" });
      expect(found.metrics[0]?.candidate.value).toBeCloseTo(0.79166667, 6);
      const missing = await refused(...asked, "--data", `http://127.0.0.1:${port}/none.ndjson`);
      expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("answered HTTP 404") });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  },
  LIMIT_MILLISECONDS,
);

test.each([
  ["which says so", () => written("stuck-log", ""), "the model hangs, and cannot be freed"],
  ["wherever it cannot say so", () => folder, undefined],
])(
  "a model that hangs is killed with the command, %s",
  async (_, logOf, problem) => {
    const log = logOf();
    const model = join(folder, "slow");
    mkdirSync(model, { recursive: true });
    cpSync(join(root, "src/serve/testdata/slow.onnx"), join(model, "model.onnx"));
    const given = {
      inputs: [{ name: "steps" }],
      labels: [{ name: "label" }],
      metrics: [{ name: "auc", type: "AreaUnderCurve" }],
    };
    const { code, signal, stdout, stderr } = await run(
      ...[
        "--model",
        model,
        "--settings",
        written("slow.json", JSON.stringify(given)),
        "--termination-log",
        log,
        "--request-timeout",
        "300ms",
      ],
      ...["--data", written("slow.csv", "steps,label\n1,0\n1000000000000,1\n")],
    );
    expect({ code, signal, stdout }).toEqual({ code: null, signal: "SIGKILL", stdout: "" });
    expect(stderr).toContain("error: the model hangs, and cannot be freed\n");
    if (problem !== undefined) expect(JSON.parse(readFileSync(log, "utf8"))).toEqual({ problem });
    // The set may be of a kind that nobody else may read.
    expect(readdirSync(copies)).toEqual([]);
  },
  LIMIT_MILLISECONDS,
);

test.each([
  ["a torn row", 2, { data: "a,b\n1\n" }, "line 2: expected 2 cells, got 1"],
  ["a set without rows", 2, { data: "a,b\n" }, "expected rows, got none"],
  [
    "a set that is too large",
    2,
    { more: ["--max-data-size", "1Ki"] },
    "too large: expected at most 1024 bytes",
  ],
  ["settings that are wrong", 2, { settings: { alpha: 2 } }, "alpha: expected a number between 0 and 0.5"],
  [
    "a comparison with nothing",
    2,
    { settings: { checks: [{ metric: "auc", nonInferiorityMargin: "1%" }] } },
    "expected --baseline",
  ],
  ["a directory without a model", 1, { model: folder }, "expected model.onnx"],
  [
    "an output that is not there",
    1,
    { settings: { score: { output: "scores" } } },
    "to be one of score, got scores",
  ],
  ["too little time", 4, { more: ["--timeout", "1ms"] }, "the time for the evaluation is over"],
])(
  "refuses %s with %i",
  async (name, expected, given, message) => {
    const {
      data,
      settings: more = {},
      model = join(models, "1"),
      more: options = [],
    } = given as {
      data?: string;
      settings?: object;
      model?: string;
      more?: string[];
    };
    const { code, stderr } = await refused(
      ...[
        "--model",
        model,
        "--settings",
        settings(`${name.replaceAll(" ", "-")}.json`, { checks: [], ...more }),
      ],
      ...["--data", data === undefined ? join(models, "rows.csv") : written("data.csv", data), ...options],
    );
    expect({ code, stderr }).toEqual({ code: expected, stderr: expect.stringContaining(message) });
  },
  LIMIT_MILLISECONDS,
);
