import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { inFolder } from "./testdata/in-folder.ts";
import { watchFiles } from "./watched-files.ts";

/** Watches one file in which "good" may stand, and what begins with it; `look` waits for the next look at it. */
function watched(path: string, initial: string) {
  const used: string[] = [];
  const logged: string[] = [];
  let onState = (_isValid: boolean) => {};
  let next = () => {};
  const clock = {
    ...systemClock,
    schedule(_: number, callback: () => void) {
      next = callback;
      return () => {};
    },
  };
  const log = createLogger({ write: (line) => logged.push(JSON.parse(line).message), now: clock.now });
  const use = (text: string) => {
    if (!text.startsWith("good")) throw new Error("expected good");
    used.push(text);
  };
  watchFiles([{ path, use }], [initial], clock, log, (isValid) => onState(isValid));
  const look = () =>
    new Promise<boolean>((resolve) => {
      onState = resolve;
      next();
    });
  return { used, logged, look };
}

test("a file that was away for a while, and is as it was, is in effect again", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, "good");
    const { used, look } = watched(path, "good");
    expect(await look()).toBe(true);
    rmSync(path);
    expect(await look()).toBe(false);
    writeFileSync(path, "good");
    expect(await look()).toBe(true);
    expect(used).toEqual([]);
  });
});

test("a wrong file is told once, and a good one that follows is taken", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, "bad");
    const { used, logged, look } = watched(path, "good");
    expect(await look()).toBe(false);
    expect(await look()).toBe(false);
    expect(logged).toEqual(["a changed file cannot be used"]);
    writeFileSync(path, "good too");
    expect(await look()).toBe(true);
    expect(used).toEqual(["good too"]);
  });
});

test("a file that could not be taken is tried again though it stays the same", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, "good too");
    const { used, look } = watched(path, "good");
    const push = used.push.bind(used);
    used.push = () => {
      throw new Error("the disk is full");
    };
    expect(await look()).toBe(false);
    used.push = push;
    expect(await look()).toBe(true);
    expect([...used]).toEqual(["good too"]);
  });
});
