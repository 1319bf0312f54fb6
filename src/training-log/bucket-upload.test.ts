/** That every file reaches a bucket once, whatever the bucket does, and that nothing waits for it. Time is moved by hand. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { createLogger } from "../core/log.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { BucketUpload } from "./bucket-upload.ts";
import type { PutFile } from "./log-store.ts";
import { type HandClock, handClock } from "./testdata/hand-clock.ts";

const START = Date.parse("2026-11-17T23:59:59Z");

interface Uploading {
  readonly folder: string;
  readonly clock: HandClock;
  readonly upload: BucketUpload;
  /** Texts of the objects by key. */
  readonly objects: ReadonlyMap<string, string>;
  readonly lines: readonly string[];
  readonly opened: () => number;
}

function uploading(
  put: (store: PutFile) => PutFile,
  work: (uploading: Uploading) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    const clock = handClock(START);
    const objects = new Map<string, string>();
    const lines: string[] = [];
    let opened = 0;
    const store: PutFile = async (key, bytes) => {
      if (objects.has(key)) return "ThereAlready";
      objects.set(key, gunzipSync(bytes).toString());
      return "Written";
    };
    const upload = new BucketUpload({
      folder,
      keyPrefix: "ranker/labels/",
      open: async () => {
        opened++;
        return put(store);
      },
      clock,
      log: createLogger({ write: (line) => lines.push(line), now: clock.now }),
      random: () => 0,
    });
    const close = (number: number, text: string, start = START) =>
      writeFileSync(join(folder, `pod-1-${start}-${number}.ndjson`), text);
    close(0, "one\n");
    close(1, "two\n", START + 1_000);
    await work({ folder, clock, upload, objects, lines, opened: () => opened });
    await upload.close(0);
  });
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("closed files become objects, by the day of their beginning, and go from the folder", () =>
  uploading(
    (store) => store,
    async ({ folder, clock, upload, objects, opened }) => {
      writeFileSync(join(folder, `pod-1-${START}-2.ndjson.part`), "not yet\n");
      writeFileSync(join(folder, `pod-1-${START}-3.ndjson`), "");
      clock.pass(2_000);
      expect(upload.lagSeconds).toBe(0);
      await until(() => readdirSync(folder).length === 1);
      expect([...objects]).toEqual([
        [
          expect.stringMatching(/^ranker\/labels\/date=2026-11-17\/pod-1-\d+-0-[0-9a-f]{16}\.ndjson\.gz$/),
          "one\n",
        ],
        [
          expect.stringMatching(/^ranker\/labels\/date=2026-11-18\/pod-1-\d+-1-[0-9a-f]{16}\.ndjson\.gz$/),
          "two\n",
        ],
      ]);
      expect(upload.counts).toMatchObject({ uploaded: 2, failed: 0 });
      expect(opened()).toBe(1);
    },
  ));

test("a bucket that is away is tried again, later and later, with keys that are read anew, and said once", () => {
  let isAway = true;
  return uploading(
    (store) => (key, bytes, signal) =>
      isAway ? Promise.reject(new Error("ECONNREFUSED")) : store(key, bytes, signal),
    async ({ folder, clock, upload, objects, lines, opened }) => {
      for (const [failures, wait] of [2_000, 2_000, 4_000, 8_000].entries()) {
        clock.pass(wait - 1);
        expect(upload.counts.failed).toBe(failures);
        clock.pass(1);
        await until(() => upload.counts.failed === failures + 1);
        // The next look is planned in the turn after.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(upload.lagSeconds).toBe(16);
      expect(readdirSync(folder)).toHaveLength(2);
      expect(lines.filter((line) => line.includes("do not reach the bucket"))).toHaveLength(1);
      isAway = false;
      clock.pass(60_000);
      await until(() => upload.counts.uploaded === 2);
      await until(() => readdirSync(folder).length === 0);
      expect(objects.size).toBe(2);
      expect(upload.lagSeconds).toBe(0);
      expect(opened()).toBe(5);
      expect(lines.filter((line) => line.includes("reach the bucket again"))).toHaveLength(1);
    },
  );
});

test("an answer that was lost is no second object", () => {
  let isLost = true;
  return uploading(
    (store) => async (key, bytes, signal) => {
      const outcome = await store(key, bytes, signal);
      if (!isLost) return outcome;
      isLost = false;
      throw new Error("ECONNRESET");
    },
    async ({ folder, clock, upload, objects }) => {
      clock.pass(2_000);
      await until(() => upload.counts.failed === 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      clock.pass(2_000);
      await until(() => readdirSync(folder).length === 0);
      expect([...objects.values()]).toEqual(["one\n", "two\n"]);
    },
  );
});

test("other lines in a file of the same name are another object", () =>
  uploading(
    (store) => store,
    async ({ folder, clock, objects }) => {
      clock.pass(2_000);
      await until(() => readdirSync(folder).length === 0);
      await new Promise((resolve) => setTimeout(resolve, 5));
      writeFileSync(join(folder, `pod-1-${START}-0.ndjson`), "three\n");
      clock.pass(2_000);
      await until(() => readdirSync(folder).length === 0);
      expect([...objects.values()]).toEqual(["one\n", "two\n", "three\n"]);
    },
  ));

test("the end takes the rest to the bucket, and does not wait for one that hangs", async () => {
  await uploading(
    (store) => store,
    async ({ upload, objects }) => {
      await upload.close(10_000);
      expect(objects.size).toBe(2);
    },
  );
  let isAsked = false;
  await uploading(
    () => (_key, _bytes, signal) => {
      isAsked = true;
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
    async ({ folder, clock, upload }) => {
      const closed = upload.close(10_000);
      await until(() => isAsked);
      clock.pass(10_000);
      await closed;
      expect(readdirSync(folder)).toHaveLength(2);
      expect(upload.counts.failed).toBe(0);
    },
  );
});
