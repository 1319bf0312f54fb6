import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, jest, test } from "@jest/globals";
import { CORRUPT_MODEL, CORRUPT_MODEL_WORDS } from "./testdata/corrupt-model.ts";
import { modelDirectory, tinyModelFile } from "./testdata/server.ts";

jest.setTimeout(60_000);

const cleanups: (() => unknown)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) {
    cleanup();
  }
});

const PROGRAM = `import(${JSON.stringify(join(import.meta.dirname, "command.ts"))}).then(({ serveCommand }) =>
  serveCommand().parseAsync(process.argv.slice(1), { from: "user" }))`;
const PORTS = [
  "--listen-address",
  "127.0.0.1",
  "--rest-port",
  "0",
  "--grpc-port",
  "0",
  "--metrics-port",
  "0",
  "--liveness-port",
  "0",
];

interface Program {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly exitCode: Promise<number | null>;
}

function start(...options: string[]): Program {
  const child = spawn(process.execPath, ["-e", PROGRAM, "--", ...options], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (bytes) => {
    output += String(bytes);
  });
  child.stderr.on("data", (bytes) => {
    output += String(bytes);
  });
  cleanups.push(() => child.kill("SIGKILL"));
  const exitCode = new Promise<number | null>((resolve) => {
    child.once("close", resolve);
  });
  return { process: child, output: () => output, exitCode };
}

async function until(program: Program, pattern: RegExp): Promise<RegExpExecArray> {
  for (let tries = 0; tries < 1_600; tries++) {
    const match = pattern.exec(program.output());
    if (match !== null) {
      return match;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`expected ${pattern} in the output, got ${program.output()}`);
}

function terminationLog(): string {
  const directory = mkdtempSync(join(tmpdir(), "petrel-serve-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  return join(directory, "termination-log");
}

function directoryOf(model: Parameters<typeof tinyModelFile>[0]): string {
  const directory = modelDirectory(tinyModelFile(model));
  cleanups.push(directory.remove);
  return directory.path;
}

/** A ready program with a file for its termination message. The server may end before it has answered. */
async function startModel(model: Parameters<typeof tinyModelFile>[0], ...options: string[]) {
  const path = terminationLog();
  writeFileSync(path, "");
  const served = ["--model-name", "m", "--model-directory", directoryOf(model), "--termination-log", path];
  const program = start(...served, ...options, ...PORTS);
  await until(program, /"message":"the model is ready"/);
  const port = (await until(program, /"rest":(\d+)/))[1];
  return {
    program,
    terminationMessage: (): unknown => JSON.parse(readFileSync(path, "utf8")),
    infer: (input: unknown) =>
      fetch(`http://127.0.0.1:${port}/v2/models/m/infer`, {
        method: "POST",
        body: JSON.stringify({ inputs: [input] }),
      }).then(
        ({ status }) => status,
        () => undefined,
      ),
  };
}

test("serves until SIGTERM, drains and exits with 0", async () => {
  const options = ["--model-name", "m", "--model-directory", directoryOf("mlp"), "--drain-delay", "200ms"];
  const program = start(...options, ...PORTS);
  await until(program, /"message":"the model is ready"/);
  const port = (await until(program, /"rest":(\d+)/))[1];
  expect((await fetch(`http://127.0.0.1:${port}/v2/health/ready`)).status).toBe(200);
  program.process.kill("SIGTERM");
  await until(program, /"message":"draining"/);
  expect((await fetch(`http://127.0.0.1:${port}/v2/health/ready`)).status).toBe(503);
  expect(await program.exitCode).toBe(0);
  for (const line of program.output().trim().split("\n")) {
    expect(JSON.parse(line)).toMatchObject({ "log.level": "info", "service.name": "petrel-serve" });
  }
});

test("ends with 1 and one line of termination message when the model cannot load", async () => {
  const path = terminationLog();
  writeFileSync(path, "");
  const model = ["--model-name", "m", "--model-directory", directoryOf("truncated")];
  const program = start(...model, "--termination-log", path, ...PORTS);
  expect(await program.exitCode).toBe(1);
  const message = readFileSync(path, "utf8");
  expect(message).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(message)).toEqual({
    check: "Load",
    message: expect.stringMatching(/Protobuf parsing failed/),
  });
  expect(program.output()).toMatch(/"log.level":"error".*Protobuf parsing failed/);
});

test("ends with 1 and ONNX Runtime's own words for a file that is no model", async () => {
  const path = terminationLog();
  writeFileSync(path, "");
  const directory = dirname(path);
  writeFileSync(join(directory, "model.onnx"), CORRUPT_MODEL);
  const program = start(
    "--model-name",
    "m",
    "--model-directory",
    directory,
    "--termination-log",
    path,
    ...PORTS,
  );
  expect(await program.exitCode).toBe(1);
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
    check: "Load",
    message: `Load model from ${directory}${CORRUPT_MODEL_WORDS}`,
  });
});

test("ends with 1 and says what to do when it cannot compute with the execution provider", async () => {
  const path = terminationLog();
  writeFileSync(path, "");
  const model = ["--model-name", "m", "--model-directory", directoryOf("mlp")];
  const program = start(...model, "--execution-provider", "CUDA", "--termination-log", path, ...PORTS);
  expect(await program.exitCode).toBe(1);
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
    check: "ExecutionProvider",
    message: expect.stringMatching(
      /^this image has no execution provider CUDA.*state runtime.executionProvider: CPU/,
    ),
  });
});

test("ends with 1 when the model fails for good", async () => {
  const { program, terminationMessage, infer } = await startModel("brittle");
  await infer({ name: "value", datatype: "FP32", shape: [1], data: [1] });
  expect(await program.exitCode).toBe(1);
  expect(terminationMessage()).toEqual({
    check: "Run",
    message: expect.stringMatching(/^the model fails, on its warm-up input too: /),
  });
});

test("kills itself when the model hangs, with a termination message", async () => {
  const { program, terminationMessage, infer } = await startModel("slow", "--request-timeout", "300ms");
  await infer({ name: "steps", datatype: "INT64", shape: [], data: [1_000_000_000] });
  // Node cannot leave a thread that is inside of the model, so there is no exit code.
  expect(await program.exitCode).toBeNull();
  expect(program.process.signalCode).toBe("SIGKILL");
  expect(terminationMessage()).toEqual({
    check: "Run",
    message: "the model hangs: one run gave no answer within 5300 ms",
  });
});

test.each([
  ["settings that are not there", ["--tap-socket", "/nowhere/tap", "--tap-settings", "/nowhere/settings"]],
  ["no settings", ["--tap-socket", "/nowhere/tap"]],
])("serves all the same with a sidecar that cannot be told: %s", async (_what, options) => {
  const { program, infer } = await startModel("mlp", ...options);
  expect(program.output()).toMatch(/"log.level":"error","message":"no sidecar is told of requests"/);
  expect(await infer({ name: "features", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] })).toBe(200);
});

test("makes no termination message where there is no file for it", async () => {
  const path = terminationLog();
  const program = start(
    "--model-name",
    "m",
    "--model-directory",
    "/nonexistent",
    "--termination-log",
    path,
    ...PORTS,
  );
  expect(await program.exitCode).toBe(1);
  expect(program.output()).toMatch(/ENOENT.*\/nonexistent/);
  expect(existsSync(path)).toBe(false);
});

test.each<[string[], RegExp]>([
  [[], /required option '--model-name <name>' not specified/],
  [["--model-name", "a b"], /letters, digits/],
  [["--model-name", "m", "--execution-provider", "TPU"], /'TPU' is invalid.*Allowed choices are CPU, CUDA/],
  [["--model-name", "m", "--drain-delay", "5"], /expected a duration such as 500ms/],
  [["--model-name", "m", "--request-timeout", "0s"], /expected a duration from 1ms to 24h, got "0s"/],
  [["--model-name", "m", "--rest-port", "65536"], /a whole number from 0 to 65535, got "65536"/],
  [["--model-name", "m", "--max-request-bytes", "1e6"], /a whole number from 1024/],
])("refuses %j", async (options, message) => {
  const program = start(...options);
  expect(await program.exitCode).toBe(1);
  expect(program.output()).toMatch(message);
});
