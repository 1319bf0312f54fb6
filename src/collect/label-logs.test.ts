/** Which labels are logged, and that settings come and go without a label that is lost or told twice. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { createLogger } from "../core/log.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { handClock } from "../training-log/testdata/hand-clock.ts";
import type { Collector } from "./collector.ts";
import { LabelLogs } from "./label-logs.ts";
import { parseSettings } from "./settings.ts";
import { NOW_SECONDS, SETTINGS_TEXT, tokenOf, withCollector } from "./testdata/collecting.ts";

interface Logging {
  readonly folder: string;
  readonly logs: LabelLogs;
  readonly collector: Collector;
  readonly said: readonly string[];
  /** Takes settings in which `ranker` has such a log, or none. */
  readonly configure: (log?: object) => void;
}

function logging(work: (logging: Logging) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const clock = handClock(NOW_SECONDS * 1_000);
    const said: string[] = [];
    const log = createLogger({ write: (line) => said.push(line), now: clock.now });
    const logs = new LabelLogs({ name: "collector-0", environment: {}, clock, log, random: () => 0 });
    const configure = (log?: object) => {
      const settings = JSON.parse(SETTINGS_TEXT);
      settings.deployments[0].log = log;
      logs.configure(parseSettings(JSON.stringify(settings)));
    };
    await withCollector((collector) => work({ folder, logs, collector, said, configure }), {
      onLabels: (labels) => logs.take(labels),
    });
    await logs.close();
  });
}

function click(collector: Collector, request: number, ...events: readonly object[]) {
  const sent = events.map((event) => ({ label: "click", ...event }));
  return collector.feedback(JSON.stringify({ token: tokenOf(request), events: sent }), true);
}

function linesIn(folder: string): readonly Readonly<Record<string, unknown>>[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((file) => readFileSync(join(folder, file), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a label that was accepted is a line, once, with what its token says and no user", () =>
  logging(async ({ folder, logs, collector, configure }) => {
    configure({ folder: join(folder, "a") });
    await click(collector, 1, { row: 3, pos: 2, value: 0.5 }, { row: 3 }, { row: 99 }, {});
    await click(collector, 1, { row: 3 });
    await logs.close();
    const common = {
      request: "0000000000000001",
      time: NOW_SECONDS,
      deployment: "ranker",
      label: "click",
      delay: 600,
      arm: "Stable",
      epoch: 1,
    };
    expect(linesIn(join(folder, "a"))).toEqual([
      { ...common, value: 0.5, row: 3, position: 2 },
      { ...common, value: 1, row: null, position: null },
    ]);
  }));

test("labels of requests that are not in the sample, or of deployments without a log, are not logged", () =>
  logging(async ({ folder, logs, collector, configure }) => {
    configure();
    await click(collector, 1, {});
    configure({ folder: join(folder, "a"), sample: "0%" });
    await click(collector, 2, {});
    expect(logs.shown()).toMatchObject([{ labels: { model_deployment: "ranker" }, log: { kind: "labels" } }]);
    await logs.close();
    expect(readdirSync(join(folder, "a"))).toEqual([]);
  }));

test("other settings of the same folder go on with it, and settings that stay do not begin anew", () =>
  logging(async ({ folder, logs, collector, configure }) => {
    configure({ folder: join(folder, "a") });
    await click(collector, 1, {});
    configure({ folder: join(folder, "a") });
    await until(() => logs.shown()[0]?.log.lines.written === 1);
    await click(collector, 2, {});
    configure({ folder: join(folder, "a"), fileAge: "1m" });
    expect(logs.shown()[0]?.log.lines.written).toBe(0);
    await click(collector, 3, {});
    await logs.close();
    const ids = linesIn(join(folder, "a")).map(({ request }) => request);
    expect(ids.toSorted()).toEqual(["0000000000000001", "0000000000000002", "0000000000000003"]);
    expect(readdirSync(join(folder, "a")).every((file) => file.endsWith(".ndjson"))).toBe(true);
  }));

test("a log that is turned off takes its files with it", () =>
  logging(async ({ folder, logs, collector, configure }) => {
    configure({ folder: join(folder, "a") });
    await click(collector, 1, {});
    configure();
    expect(logs.shown()).toEqual([]);
    await logs.close();
    expect(existsSync(join(folder, "a"))).toBe(false);
  }));

test("a log that is turned off and on again keeps the lines of its second time", () =>
  logging(async ({ folder, logs, collector, configure }) => {
    configure({ folder: join(folder, "a") });
    await click(collector, 1, {});
    configure();
    configure({ folder: join(folder, "a") });
    await click(collector, 2, {});
    await logs.close();
    const ids = linesIn(join(folder, "a")).map(({ request }) => request);
    expect(ids).toContain("0000000000000002");
  }));

test("a folder that cannot be used is said, and labels are taken all the same", () =>
  logging(async ({ folder, logs, collector, said, configure }) => {
    writeFileSync(join(folder, "a"), "");
    configure({ folder: join(folder, "a") });
    const [answer] = await click(collector, 1, {});
    expect(answer?.events).toEqual(["accepted"]);
    expect(said.filter((line) => line.includes("cannot keep a training log"))).toHaveLength(1);
    expect(logs.shown()).toEqual([]);
  }));
