/**
 * The real command on a made shop and on files, and what it says of wrong calls.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";

const MAIN = join(import.meta.dirname, "../main.ts");
const LIMIT_MILLISECONDS = 180_000;

/** Runs the real command. */
function run(
  options: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, ["--no-warnings", MAIN, "simulate", ...options]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

/** Constant load of two hours but for some minutes, which have no value. */
function constantTrace(rate: number): string {
  const lines = Array.from({ length: 120 }, (_, minute) => {
    const time = new Date(Date.UTC(2026, 0, 5, 0, minute)).toISOString();
    return minute === 30 || minute === 31 ? [] : [`${time},${60 * rate}`];
  });
  return `at,requests\n${lines.flat().join("\n")}\n`;
}

test(
  "simulates targets on a trace, the same again from the same seed, and draws the first",
  () =>
    inFolder(async (folder) => {
      const [trace, svg] = [join(folder, "load.csv"), join(folder, "load.svg")];
      writeFileSync(trace, constantTrace(70));
      const options = ["--trace", trace, "--time", "at", "--value", "requests", "--per", "60s", "-o", "json"];
      const targets = ["--target", "70%", "--target", "35%"];
      const { code, stdout } = await run([...options, ...targets, "--svg", svg]);
      expect(code).toBe(0);
      const view = JSON.parse(stdout);
      expect(view).toMatchObject({ from: "2026-01-05T00:00:00.000Z", days: 1 / 12, missing: 2 });
      expect(view.peak).toBeCloseTo(70, 6);
      // A replica answers 20 requests a second: five carry 70 at 70 %, ten at 35 %.
      expect(view.runs).toMatchObject([
        { target: 0.7, waitedTooLong: 0, mostReplicas: 5, replicaHours: 10, forecasters: {} },
        { target: 0.35, waitedTooLong: 0, mostReplicas: 10, replicaHours: 20, forecasters: {} },
      ]);
      expect(JSON.parse((await run([...options, ...targets])).stdout)).toEqual(view);
      const picture = readFileSync(svg, "utf8");
      expect(picture).toMatch(/^<svg [\s\S]*<title>target 70 %, load 120 s, [\s\S]*<\/svg>\n$/);
    }),
  LIMIT_MILLISECONDS,
);

test(
  "shows on a made shop what a schedule, lost replicas and silence do",
  async () => {
    const faults = ["--lose", "9@12h", "--silence", "2h@15h", "--schedule", "0 3 * * *;UTC;1h;40"];
    const { code, stdout } = await run(["--days", "1", "--seed", "3", ...faults]);
    expect(code).toBe(0);
    const [first, header, row] = stdout.split("\n");
    expect(first).toBe("1.0 days from 2026-01-05T00:00:00.000Z, up to 500 requests a second in a minute");
    expect(header).toMatch(
      /^ {2}TARGET +WAITED TOO LONG +REPLICA HOURS +NODE HOURS +MOST +CHANGES\/H +UNDER +FORECAST$/,
    );
    // The schedule asks for 40; whom the lost replicas leave waiting asks for more.
    expect(row).toMatch(/^ {2}70% +\d+\.\d\d% +\d+ +\d+ +47 +\d+\.\d +\d+\.\d% +none$/);
  },
  LIMIT_MILLISECONDS,
);

test(
  "simulates what a manifest says, and nothing that a flag says as well",
  () =>
    inFolder(async (folder) => {
      const trace = join(folder, "load.csv");
      writeFileSync(trace, constantTrace(70));
      const load = ["--trace", trace, "--time", "at", "--value", "requests", "--per", "60s"];
      const manifest = join(folder, "ranker.yaml");
      const text = readFileSync(join(import.meta.dirname, "../../examples/autoscaling.yaml"), "utf8");
      // A request takes 0.2 s: 70 a second are 14 at a time, for replicas of 4.
      writeFileSync(manifest, text);
      const { code, stdout } = await run([manifest, ...load, "-o", "json"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout).runs).toMatchObject([{ manifest, mostReplicas: 4, replicaHours: 8 }]);
      writeFileSync(
        manifest,
        text.replace("target: 4", "target: 2").replace("maxReplicas: 12", "maxReplicas: 6"),
      );
      const wrong = await run([manifest, ...load]);
      expect(wrong.code).toBe(2);
      expect(wrong.stderr).toContain("minReplicas must not be more than maxReplicas");
      writeFileSync(manifest, text.replace("target: 4", "target: 2"));
      expect((await run([manifest, ...load])).stdout).toMatch(/\n {2}\S+ranker\.yaml +0\.00% +14 +14 +7 +/);
      const twice = await run([manifest, ...load, "--max-replicas", "9"]);
      expect([twice.code, twice.stderr]).toEqual([
        2,
        expect.stringContaining("to stand in the manifest alone"),
      ]);
      const none = await run([join(import.meta.dirname, "../../examples/demo.yaml"), ...load]);
      expect(none.stderr).toContain("expected one ModelDeployment with spec.autoscaling, got 0");
    }),
  LIMIT_MILLISECONDS,
);

test(
  "says what is wrong with a call or a file",
  () =>
    inFolder(async (folder) => {
      const negative = join(folder, "negative.csv");
      writeFileSync(negative, "time,value\n2026-01-01T00:00:00Z,-1\n");
      const nothing = join(folder, "nothing.csv");
      writeFileSync(nothing, "time,value\n2026-01-01T00:00:00Z,0\n");
      const long = join(folder, "long.csv");
      writeFileSync(long, "time,value\n2026-01-01T00:00:00Z,1\n2026-02-05T00:00:00Z,1\n");
      const wrong = [
        [["--target", "0%"], 'expected a percentage above 0%, at most 100%, such as 70%, got "0%"'],
        [["--schedule", "0 20 * * *;UTC;1h"], "expected a pattern, a time zone, a duration and replicas"],
        [["--schedule", "0 25 * * *;UTC;1h;4"], "to be five fields of cron in a time zone"],
        [["--lose", "3"], "expected what and when, such as 3@26h"],
        [["--silence", "3@26h"], "duration"],
        [["--min-replicas", "9", "--max-replicas", "3"], "expected --max-replicas of at least 9, got 3"],
        [["--load", "3m", "--slow-load", "1m"], "expected --slow-load not to be less than --load"],
        [["-", "--trace", "-"], "expected standard input to be the manifest or the trace, got both"],
        [["--trace", "x.txt"], "expected --format, for the name x.txt does not tell it"],
        [["--trace", join(folder, "missing.csv")], "missing.csv: "],
        [["--trace", negative], 'expected "value" not to be negative, got -1'],
        [["--trace", nothing], 'expected a "value" above 0, got none'],
        [["--trace", long], "expected at most 50400 minutes"],
        [["--days", "1", "--svg", join(folder, "no/such.svg")], "cannot write "],
      ] as const;
      const found = await Promise.all(wrong.map(([options]) => run(options)));
      found.forEach(({ code, stderr }, at) => {
        expect(stderr).toContain(wrong[at]?.[1]);
        expect(code).toBe(2);
      });
    }),
  LIMIT_MILLISECONDS,
);
