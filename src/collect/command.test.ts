import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { collectCommand } from "./command.ts";
import { startCollect, writeFiles } from "./testdata/collect-process.ts";
import { tokenOf } from "./testdata/collecting.ts";

const NEEDED = ["--file=f", "--settings=s", "--keys=k", "--access-tokens=a"];

/** The options as the program reads them. Throws what it says of what it does not take. */
function optionsFrom(...given: string[]): Record<string, unknown> {
  const command = collectCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(() => {});
  command.parse([...NEEDED, ...given], { from: "user" });
  return command.opts();
}

test("durations are in milliseconds", () => {
  expect(optionsFrom()).toMatchObject({
    retention: 96 * 3_600_000,
    evidenceRetention: 45 * 86_400_000,
    requestTimeout: 10_000,
  });
  expect(optionsFrom("--retention=200h")).toMatchObject({ retention: 200 * 3_600_000 });
});

test.each([
  ["--request-timeout=0s", "expected a duration from 1ms to 1h"],
  ["--retention=0s", "expected a duration from 1m to 8760h"],
  ["--evidence-retention=8761h", "expected a duration from 1m to 8760h"],
  ["--partition=2/2", "expected a partition such as 0/1"],
  ["--partition=0/129", "expected a partition such as 0/1"],
  ["--peers=ftp://collect-{partition}", "expected a URL such as http://"],
  ["--max-requests=0", "expected a whole number from 1"],
])("refuses %s", (option, message) => {
  expect(() => optionsFrom(option)).toThrow(message);
});

test("starts, stores, ends, and knows after the next start what it had stored", async () => {
  await inFolder(async (folder) => {
    writeFiles(folder);
    const body = JSON.stringify({
      token: tokenOf(1, { seconds: Math.floor(Date.now() / 1_000) - 60 }),
      events: [{ label: "click", row: 0 }],
    });
    for (const result of ["accepted", "duplicate"]) {
      const collect = await startCollect(folder);
      const response = await fetch(`${collect.feedback}/feedback`, { method: "POST", body });
      expect(await response.json()).toEqual({ results: [{ events: [result] }] });
      expect(await collect.end("SIGTERM")).toBe(0);
    }
  });
}, 60_000);

test.each([
  ["settings.json", "{}", "expected deployments to be a list"],
  ["keys.json", "[]", "expected the file to be an object"],
  ["access-tokens", "short\n", "expected access tokens of at least 16 characters"],
])(
  "does not start with a wrong %s, and says why",
  async (name, text, message) => {
    await inFolder(async (folder) => {
      writeFiles(folder);
      writeFileSync(join(folder, name), text);
      await expect(startCollect(folder)).rejects.toThrow(new RegExp(`ended with 1: .*${message}`));
    });
  },
  60_000,
);
