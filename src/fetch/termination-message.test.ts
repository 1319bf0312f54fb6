import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FetchFailure } from "./failure.ts";
import { terminationLine, writeTerminationMessage } from "./termination-message.ts";

test("is the failure in one JSON line", () => {
  const parts = {
    check: "Digest",
    expected: "sha256:a",
    found: "sha256:b",
    message: "no",
    terminal: true,
  } as const;
  const line = terminationLine(new FetchFailure({ ...parts, cause: new Error("not told") }));
  expect(JSON.parse(line)).toEqual(parts);
  expect(line).not.toContain("\n");
});

test("cuts what is long and says so", () => {
  const long = "x".repeat(10_000);
  const failure = new FetchFailure({
    check: "Source",
    expected: long,
    found: "",
    message: long,
    terminal: false,
  });
  expect(JSON.parse(terminationLine(failure))).toEqual({
    check: "Source",
    expected: `${"x".repeat(157)}...`,
    found: "",
    message: `${"x".repeat(557)}...`,
    terminal: false,
  });
});

test("fits the 4,096 bytes of the kubelet and stays JSON, whatever it holds", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 2_000 }),
    fc.constantFrom(
      "\u0000".repeat(2_000),
      "\ud800".repeat(2_000),
      '"\\'.repeat(1_000),
      "\u{1f426}".repeat(1_000),
    ),
  );
  fc.assert(
    fc.property(text, text, text, (expected, found, message) => {
      const line = `${terminationLine(
        new FetchFailure({ check: "Write", expected, found, message, terminal: false }),
      )}\n`;
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4_096);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(Object.keys(JSON.parse(line))).toEqual(["check", "expected", "found", "message", "terminal"]);
    }),
  );
});

test("is written over what the file holds, and makes no file where the kubelet made none", async () => {
  const directory = await mkdtemp(join(tmpdir(), "petrel-termination-"));
  try {
    const failure = new FetchFailure({ check: "Size", expected: "", found: "", message: "", terminal: true });
    const [there, missing] = [join(directory, "there"), join(directory, "missing")];
    await writeFile(there, "x".repeat(1_000));
    expect(await writeTerminationMessage(there, terminationLine(failure))).toBe(true);
    expect(await readFile(there, "utf8")).toBe(`${terminationLine(failure)}\n`);
    expect(await writeTerminationMessage(missing, terminationLine(failure))).toBe(false);
    expect(await readdir(directory)).toEqual(["there"]);
    await expect(writeTerminationMessage(directory, terminationLine(failure))).rejects.toMatchObject({
      code: "EISDIR",
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
