/**
 * The options of `petrel validate` that state the traffic of quality gates.
 */
import { join } from "node:path";
import { afterEach, expect, jest, test } from "@jest/globals";
import { EXIT } from "./exit-code.ts";
import { validateCommand } from "./validate.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/label-gated-canary.yaml");
/** So few that the margin of the example takes longer than its deadline. */
const LITTLE = ["--requests-per-second", "0.05", "--rate", "5%"];

afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

async function validate(...options: readonly string[]) {
  let printed = "";
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const command = validateCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  await command.parseAsync(["node", "petrel", EXAMPLE, ...options]);
  return { printed, exitCode: process.exitCode };
}

test("without traffic nothing is told of gates", async () => {
  const { printed, exitCode } = await validate();
  expect(printed).not.toContain("quality-");
  expect(exitCode).toBe(EXIT.done);
});

test("with traffic it tells what the gate needs, and a note fails nothing", async () => {
  const { printed, exitCode } = await validate("--strict", "--requests-per-second", "500", "--rate", "5%");
  expect(printed).toMatch(/note: .*spec\.rollout\.gates\[0\]: gate .* needs about .*\(quality-plan\)/);
  expect(exitCode).toBe(EXIT.done);
});

test("what is out of reach is a warning like others", async () => {
  expect((await validate(...LITTLE)).printed).toContain("(quality-out-of-reach)");
  expect((await validate("--strict", ...LITTLE)).exitCode).toBe(EXIT.refused);
  const ignored = await validate("--strict", "--ignore", "quality-out-of-reach", ...LITTLE);
  expect([ignored.printed.includes("quality-"), ignored.exitCode]).toEqual([false, EXIT.done]);
});

test.each([
  ["traffic without a rate", ["--requests-per-second", "5"]],
  ["a rate without traffic", ["--rate", "5%"]],
  ["no traffic", ["--requests-per-second", "0", "--rate", "5%"]],
  ["a rate of nothing", ["--requests-per-second", "5", "--rate", "0%"]],
  ["a rate that is no percentage", ["--requests-per-second", "5", "--rate", "0.05"]],
  ["a dispersion of nothing", ["--requests-per-second", "5", "--rate", "5%", "--dispersion", "0"]],
])("refuses %s", async (_what, options) => {
  await expect(validate(...options)).rejects.toThrow();
});
