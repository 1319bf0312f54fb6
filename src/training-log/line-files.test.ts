/** What the sidecar's own tests of its log cannot see: what happens between two writes. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { createLogger } from "../core/log.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { closedFiles, LineFiles } from "./line-files.ts";
import { parseTrainingLog } from "./log-settings.ts";
import { handClock } from "./testdata/hand-clock.ts";

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("lines that come while an old file is closed are written before the log ends", () =>
  inFolder(async (folder) => {
    const clock = handClock(0);
    const log = createLogger({ write: () => {}, now: clock.now });
    const files = new LineFiles(parseTrainingLog({ folder, fileAge: "1s" }, "log"), "pod-1", { clock, log });
    files.add(() => "first\n");
    await until(() => files.counts.written === 1);
    clock.pass(1_000);
    files.add(() => "second\n");
    await files.close();
    expect(files.counts).toEqual({ written: 2, memoryFull: 0, folderFull: 0, cannotWrite: 0 });
    const [first = "", second = "", ...more] = readdirSync(folder).toSorted();
    expect(first).toMatch(/^pod-1-0-\d+\.ndjson$/);
    expect(second).toMatch(/^pod-1-1000-\d+\.ndjson$/);
    expect(more).toEqual([]);
    expect(readFileSync(join(folder, first), "utf8")).toBe("first\n");
    expect(readFileSync(join(folder, second), "utf8")).toBe("second\n");
  }));

test("after a failure no line is made for a second, and each is counted as what the failure was", () =>
  inFolder(async (folder) => {
    const clock = handClock(0);
    const log = createLogger({ write: () => {}, now: clock.now });
    const settings = parseTrainingLog(
      { folder, maximumFileBytes: 65_536, maximumFolderBytes: 65_536 },
      "log",
    );
    const files = new LineFiles(settings, "pod-1", { clock, log });
    const large = `${"x".repeat(70_000)}\n`;
    writeFileSync(join(folder, "pod-1-0-0.ndjson"), large);
    let made = 0;
    const add = () =>
      files.add(() => {
        made++;
        return "line\n";
      });
    add();
    await until(() => files.counts.folderFull === 1);
    for (let count = 0; count < 1_000; count++) add();
    expect(made).toBe(1);
    expect(files.counts).toEqual({ written: 0, memoryFull: 0, folderFull: 1_001, cannotWrite: 0 });
    rmSync(join(folder, "pod-1-0-0.ndjson"));
    clock.pass(1_000);
    add();
    await until(() => files.counts.written === 1);
    await files.close();
  }));

/** Has the next call of a file fail, after what it is given to do. */
async function failNext(
  folder: string,
  call: "appendFile" | "truncate",
  code: string,
  before: (file: FileHandle, bytes: Uint8Array) => Promise<unknown> = async () => {},
): Promise<void> {
  const probe = await open(folder);
  await probe.close();
  const files: FileHandle = Object.getPrototypeOf(probe);
  jest.spyOn(files, call).mockImplementationOnce(async function (this: FileHandle, given: unknown) {
    await before(this, given instanceof Uint8Array ? given : Buffer.alloc(0));
    throw Object.assign(new Error(code), { code });
  });
}

const WRITE_HALF = (file: FileHandle, bytes: Uint8Array) => file.write(bytes.subarray(0, 3));

test.each([
  ["goes from the file", "ENOSPC", undefined, "first\n", ".ndjson"],
  ["that stays leaves the file unfinished", "EIO", "EIO", "first\nsec", ".ndjson.part"],
])("half a line that a full disk took %s", (_what, code, alsoTruncating, text, ending) =>
  inFolder(async (folder) => {
    const clock = handClock(0);
    const log = createLogger({ write: () => {}, now: clock.now });
    const files = new LineFiles(parseTrainingLog({ folder }, "log"), "pod-1", { clock, log });
    files.add(() => "first\n");
    await until(() => files.counts.written === 1);
    await failNext(folder, "appendFile", code, WRITE_HALF);
    if (alsoTruncating !== undefined) await failNext(folder, "truncate", alsoTruncating);
    files.add(() => "second\n");
    await until(() => files.counts.cannotWrite === 1);
    clock.pass(1_000);
    files.add(() => "third\n");
    await files.close();
    expect(files.counts).toEqual({ written: 2, memoryFull: 0, folderFull: 0, cannotWrite: 1 });
    const [first = "", second = "", ...more] = readdirSync(folder).toSorted();
    expect(more).toEqual([]);
    expect(readFileSync(join(folder, first), "utf8")).toBe(text);
    expect(first).toMatch(new RegExp(`\\d${ending.replaceAll(".", "\\.")}$`));
    expect(readFileSync(join(folder, second), "utf8")).toBe("third\n");
  }),
);

test("files that may be taken are those that are closed, the oldest first, by time and then by number", () =>
  inFolder(async (folder) => {
    const names = ["pod-1-900-11", "pod-1-1000-3", "pod-1-900-2", "pod-2-7-0"];
    for (const name of names) writeFileSync(join(folder, `${name}.ndjson`), "");
    writeFileSync(join(folder, "pod-1-1-1.ndjson.part"), "");
    writeFileSync(join(folder, "other.txt"), "");
    expect((await closedFiles(folder)).map(({ name }) => name)).toEqual([
      "pod-2-7-0",
      "pod-1-900-2",
      "pod-1-900-11",
      "pod-1-1000-3",
    ]);
  }));
