/** That the log has what it says it has, and that no trouble of its folder reaches anybody else. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { NO_ARM } from "../tap/tap-event.ts";
import { eventOf, GREETING, type Observing, settingsOf, until, withSidecar } from "./testdata/observing.ts";

function logging(
  more: Readonly<Record<string, unknown>>,
  work: (observing: Observing, logs: string) => Promise<void>,
) {
  return withSidecar(
    (folder) => settingsOf({ trainingLog: { folder: join(folder, "logs"), ...more } }),
    (observing) => work(observing, join(observing.folder, "logs")),
  );
}

const RESULT = "petrel_training_log_lines_total";

test("a line has the first rows and the drawn one, and no user", () =>
  logging({}, async ({ sidecar, shown }, logs) => {
    const user = { hasUser: true, userTag: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    const values = Float64Array.of(0.5, 1, 0.25, Number.NaN, 0.75, Number.NEGATIVE_INFINITY);
    sidecar.take(
      GREETING,
      eventOf([0, 0], {
        ...user,
        values,
        rows: 50,
        describedRows: 3,
        drawnRow: 2,
        epoch: 4,
        requestId: Buffer.from("00112233aabbccdd", "hex"),
      }),
    );
    sidecar.take(
      GREETING,
      eventOf([], { arm: NO_ARM, status: 500, rows: 0, describedRows: 0, featureAgeSeconds: 2 }),
    );
    await until(async () => (await shown(RESULT, { result: "written" })) === 2);
    // What is not finished has another name.
    expect(readdirSync(logs).every((name) => name.endsWith(".ndjson.part"))).toBe(true);
    await sidecar.configure(settingsOf());
    const [name = ""] = readdirSync(logs);
    expect(name).toMatch(/^pod-1-\d+-\d+\.ndjson$/);
    const lines = readFileSync(join(logs, name), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        request: "00112233aabbccdd",
        time: 1_795_000_000,
        model: "m",
        revision: "m-1",
        arm: "Stable",
        epoch: 4,
        status: 200,
        featureAge: null,
        rows: 50,
        drawn: 2,
        values: { score: [0.5, 0.25, 0.75], price: [1, null, "-Infinity"] },
      },
      {
        request: "0000000000000000",
        time: 1_795_000_000,
        model: "m",
        revision: "m-1",
        arm: "None",
        epoch: 0,
        status: 500,
        featureAge: 2,
        rows: 0,
        drawn: 0,
        values: {},
      },
    ]);
    expect(lines.join("")).not.toContain(Buffer.from(user.userTag).toString("hex"));
  }));

test("requests without a token are left out where that is asked for", () =>
  logging({ onlyWithToken: true }, async ({ sidecar, shown }) => {
    sidecar.take(GREETING, eventOf([0.5, 1]));
    sidecar.take(GREETING, eventOf([0.5, 1], { hasToken: true }));
    await until(async () => (await shown(RESULT, { result: "written" })) === 1);
  }));

test(
  "what does not fit in memory is dropped and counted, never kept",
  () =>
    logging({}, async ({ sidecar, shown }) => {
      const values = new Float64Array(2 * 64).fill(1 / 3);
      const event = eventOf([0, 0], { values, rows: 64, describedRows: 64 });
      // Nothing is written before this loop ends: some 30 MB of lines are offered at once.
      for (let index = 0; index < 10_000; index++) sidecar.take(GREETING, event);
      const dropped = (await shown(RESULT, { result: "memory_full" })) ?? 0;
      expect(dropped).toBeGreaterThan(5_000);
      await until(async () => (await shown(RESULT, { result: "written" })) === 10_000 - dropped);
    }),
  60_000,
);

test(
  "files are closed by their size, and nothing is written when the folder is full",
  () =>
    logging(
      { maximumFileBytes: 65_536, maximumFolderBytes: 200_000 },
      async ({ sidecar, shown, lines, pass }, logs) => {
        let offered = 0;
        while ((await shown(RESULT, { result: "folder_full" })) === 0) {
          for (let index = 0; index < 100; index++) sidecar.take(GREETING, eventOf([0.5, 1]));
          offered += 100;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        const files = readdirSync(logs).filter((name) => name.endsWith(".ndjson"));
        expect(files.length).toBeGreaterThanOrEqual(2);
        expect(offered).toBeLessThan(100_000);
        await until(() => lines.some((line) => line.includes("nobody takes them away")));
        // Somebody takes them away, and it goes on.
        for (const name of files) rmSync(join(logs, name));
        const before = await shown(RESULT, { result: "written" });
        pass(1_000);
        sidecar.take(GREETING, eventOf([0.5, 1]));
        await until(async () => ((await shown(RESULT, { result: "written" })) ?? 0) > (before ?? 0));
      },
    ),
  60_000,
);

test("what a killed sidecar left is closed, without the line that it had not ended", () =>
  inFolder(async (folder) => {
    const logs = join(folder, "logs");
    mkdirSync(logs);
    writeFileSync(join(logs, "pod-1-7-0.ndjson.part"), '{"a":1}\n{"b":2}\n{"c":');
    writeFileSync(join(logs, "pod-1-8-0.ndjson.part"), '{"c":');
    writeFileSync(join(logs, "pod-2-7-0.ndjson.part"), "of another");
    writeFileSync(join(logs, "pod-1-b-7-0.ndjson.part"), "of another");
    await withSidecar(settingsOf({ trainingLog: { folder: logs } }), async () => {
      const left = [
        "pod-1-7-0.ndjson",
        "pod-1-8-0.ndjson",
        "pod-1-b-7-0.ndjson.part",
        "pod-2-7-0.ndjson.part",
      ];
      expect(readdirSync(logs).toSorted()).toEqual(left);
      expect(readFileSync(join(logs, "pod-1-7-0.ndjson"), "utf8")).toBe('{"a":1}\n{"b":2}\n');
      expect(readFileSync(join(logs, "pod-1-8-0.ndjson"), "utf8")).toBe("");
    });
  }));

test("other settings with the same folder close the file that is written, with all its lines", () =>
  logging({}, async ({ sidecar, shown, lines, pass }, logs) => {
    sidecar.take(GREETING, eventOf([0.5, 1]));
    await until(async () => (await shown(RESULT, { result: "written" })) === 1);
    sidecar.take(GREETING, eventOf([0.25, 1]));
    pass(1);
    await sidecar.configure(settingsOf({ trainingLog: { folder: logs } }));
    const [name = "", ...more] = readdirSync(logs);
    expect([name, more]).toEqual([expect.stringMatching(/\.ndjson$/), []]);
    expect(readFileSync(join(logs, name), "utf8").trimEnd().split("\n")).toHaveLength(2);
    expect(lines.filter((line) => line.includes("cannot write"))).toEqual([]);
  }));

test(
  "an old file is given away though nothing more comes",
  () =>
    logging({ fileAge: "1s" }, async ({ sidecar, shown, pass }, logs) => {
      sidecar.take(GREETING, eventOf([0.5, 1]));
      await until(async () => (await shown(RESULT, { result: "written" })) === 1);
      pass(1_000);
      await until(() => readdirSync(logs).some((name) => name.endsWith(".ndjson")));
    }),
  60_000,
);

test("a folder that goes away costs lines, is said once, and is written again when it is back", () =>
  logging({ maximumFileBytes: 65_536 }, async ({ sidecar, shown, lines, pass }, logs) => {
    rmSync(logs, { recursive: true });
    writeFileSync(logs, "");
    for (let round = 1; round <= 3; round++) {
      sidecar.take(GREETING, eventOf([0.5, 1]));
      await until(async () => (await shown(RESULT, { result: "cannot_write" })) === round);
    }
    expect(lines.filter((line) => line.includes("cannot write the training log"))).toHaveLength(1);
    rmSync(logs);
    mkdirSync(logs);
    pass(1_000);
    sidecar.take(GREETING, eventOf([0.5, 1]));
    await until(async () => (await shown(RESULT, { result: "written" })) === 1);
  }));
