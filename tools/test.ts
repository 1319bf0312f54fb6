/**
 * `npm test`: the static checks and the tiers of tests, from fast to real, with one summary at the end. The end-to-end
 * tier is two runs: what leaves the cluster to others goes side by side, what would disturb them one file after another.
 *
 * A tier that this machine cannot run is named with its reason, and never counts as passed; where CI says that
 * it is CI, it fails the run. Files that fail on real parts are run once more, and what passes only then is named.
 *
 * Options: `--tier NAME` (repeatable) runs only these; `--full` adds what takes too long for every run, a
 * second Kubernetes among it; whatever follows goes to jest (`npm run test:unit -- src/core`).
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KUBERNETES_VARIABLE } from "../e2e/cluster/toolchain/kubernetes-variable.ts";
import { FULL_RUN_VARIABLE } from "../test/full-run.ts";
import { filesToRunAgain, type JestReport, readTierReport, type TierReport } from "./tier-report.ts";

/** One tier of tests: a jest project, and where it runs. */
interface Tier {
  readonly name: string;
  readonly project: "unit" | "simulation" | "apiserver" | "side-by-side" | "e2e";
  readonly environment?: Readonly<Record<string, string>>;
  readonly meaning: string;
  readonly jestArguments: readonly string[];
  /** It rests on real parts, which a stall of the machine can fail. */
  readonly isReal: boolean;
  /** Why this machine cannot run it; undefined when it can. */
  readonly obstacle: () => string | undefined;
}

interface TierResult extends TierReport {
  readonly tier: Tier;
  readonly seconds: number;
  /** Why the tier was not run. */
  readonly notRun?: string;
}

/** Names a file into which a tier writes the folder with its logs. The end-to-end tier's tear-down knows it. */
const LOGS_FILE_VARIABLE = "PETREL_TEST_LOGS_FILE";

/** After its last test a run ends within seconds; one that does not has left something that would go on for ever. */
const END_MILLISECONDS = 60_000;

const root = join(import.meta.dirname, "..");

function isCommand(name: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" }).status === 0;
}

function toolchainObstacle(): string | undefined {
  if (process.env["KUBEBUILDER_ASSETS"]) return undefined;
  if (process.platform !== "linux") return "it needs Linux, or KUBEBUILDER_ASSETS";
  return isCommand("go") ? undefined : "it needs Go, or KUBEBUILDER_ASSETS";
}

function clusterObstacle(): string | undefined {
  if (process.env["PETREL_E2E_KUBECONFIG"]) return undefined;
  if (process.platform !== "linux") return "it needs Linux, or PETREL_E2E_KUBECONFIG";
  if (process.getuid?.() !== 0) return "it needs root, or PETREL_E2E_KUBECONFIG";
  if (!existsSync("/usr/bin/apt-get")) return "it needs Debian or Ubuntu, or PETREL_E2E_KUBECONFIG";
  return isCommand("go") ? undefined : "it needs Go, or PETREL_E2E_KUBECONFIG";
}

const PLAIN_TIERS: readonly Tier[] = [
  {
    name: "unit",
    project: "unit",
    meaning: "tables, properties and golden files of the pure parts; each program by itself",
    // Half of the cores would be one of two.
    jestArguments: ["--maxWorkers=100%"],
    isReal: false,
    obstacle: () => undefined,
  },
  {
    name: "simulation",
    project: "simulation",
    meaning: "the real operator over an in-memory cluster, with faults, by seed",
    jestArguments: [],
    isReal: false,
    obstacle: () => undefined,
  },
  {
    name: "apiserver",
    project: "apiserver",
    meaning: "schemas, contracts and the chart on a real kube-apiserver; the router on a real Envoy",
    // They wait for real parts more than they work.
    jestArguments: ["--maxWorkers=2"],
    isReal: true,
    obstacle: toolchainObstacle,
  },
  {
    name: "side-by-side",
    project: "side-by-side",
    meaning:
      "what leaves the cluster to others, such as releases that wait for minutes, on a real Kubernetes",
    // They wait more than they work, but begin all together what two cores can hardly begin.
    jestArguments: ["--maxWorkers=3"],
    isReal: true,
    obstacle: clusterObstacle,
  },
  {
    name: "e2e",
    project: "e2e",
    meaning: "everything on a real Kubernetes with several nodes",
    jestArguments: ["--runInBand"],
    isReal: true,
    obstacle: clusterObstacle,
  },
];

/** What `--full` adds: the tiers with a real Kubernetes once more, on the oldest that is supported. */
const FULL_TIERS: readonly Tier[] = PLAIN_TIERS.filter(({ isReal }) => isReal).map((tier) => ({
  ...tier,
  name: `${tier.name}-1.34`,
  meaning: `${tier.meaning}, on Kubernetes 1.34`,
  environment: { [KUBERNETES_VARIABLE]: "1.34" },
}));

const TIERS: readonly Tier[] = [...PLAIN_TIERS, ...FULL_TIERS];

/**
 * Runs tests of a tier. Gives jest's report, and whether jest calls the run good; no report when jest itself broke. A
 * run that goes on after its report is ended, and is not good.
 */
async function runJest(tier: Tier, more: readonly string[], reportFile: string) {
  const jest = join(root, "node_modules/jest/bin/jest.js");
  const nodeArguments = ["--experimental-vm-modules", "--no-warnings", jest];
  const jestArguments = ["--selectProjects", tier.project, "--json", "--outputFile", reportFile];
  const run = spawn(process.execPath, [...nodeArguments, ...jestArguments, ...tier.jestArguments, ...more], {
    cwd: root,
    // Without the variable ONNX Runtime sends data of its use to its vendor.
    env: { ...process.env, ...tier.environment, ORT_DISABLE_TELEMETRY: "1" },
    // jest prints its report on standard error; --json would repeat all of it on standard output.
    stdio: ["ignore", "ignore", "inherit"],
  });
  const watch = setInterval(() => {
    const writtenAt = statSync(reportFile, { throwIfNoEntry: false })?.mtimeMs;
    if (writtenAt === undefined || Date.now() - writtenAt < END_MILLISECONDS) return;
    console.error(`something of tier ${tier.name} goes on after its last test; it is ended`);
    run.kill("SIGKILL");
  }, 1_000);
  await once(run, "close").finally(() => clearInterval(watch));
  const report: JestReport | undefined = existsSync(reportFile)
    ? JSON.parse(readFileSync(reportFile, "utf8"))
    : undefined;
  return { report, isGood: run.exitCode === 0 };
}

/** Logs of a cluster are for those who look for the cause of a failure. */
function settleLogs(folder: string, hasFailed: boolean): void {
  if (hasFailed) console.log(`\nlogs of the cluster: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}

async function runTier(tier: Tier, more: readonly string[]): Promise<TierResult> {
  const startedAt = performance.now();
  const nothing = {
    tier,
    passed: 0,
    failed: 0,
    skipped: 0,
    seconds: 0,
    failedTests: [],
    skippedTests: [],
    unsteadyTests: [],
  };
  const obstacle = tier.obstacle();
  if (obstacle !== undefined) return { ...nothing, notRun: obstacle };
  const folder = mkdtempSync(join(tmpdir(), "petrel-test-"));
  const logsFile = join(folder, "logs");
  process.env[LOGS_FILE_VARIABLE] = logsFile;
  console.log(`\n=== ${tier.name}: ${tier.meaning}\n`);
  try {
    const first = await runJest(tier, more, join(folder, "report.json"));
    const files = tier.isReal && first.report !== undefined ? filesToRunAgain(first.report) : [];
    if (existsSync(logsFile)) settleLogs(readFileSync(logsFile, "utf8").trim(), !first.isGood);
    if (files.length > 0) console.log(`\n=== ${tier.name}: once more what failed\n`);
    const again =
      files.length === 0
        ? undefined
        : await runJest(tier, ["--runTestsByPath", ...files], join(folder, "again.json"));
    if (again !== undefined && existsSync(logsFile))
      settleLogs(readFileSync(logsFile, "utf8").trim(), !again.isGood);
    const seconds = (performance.now() - startedAt) / 1000;
    if (first.report === undefined) return { ...nothing, failed: 1, seconds };
    const report = readTierReport(root, first.report, again?.report);
    // A run that jest itself calls failed never counts as passed.
    const isSilent = report.failed === 0 && !(again ?? first).isGood;
    return { tier, ...report, failed: isSilent ? 1 : report.failed, seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is not ours is jest's. */
function readArguments(args: readonly string[]): {
  tiers: readonly string[];
  full: boolean;
  forJest: readonly string[];
} {
  const tiers: string[] = [];
  const forJest: string[] = [];
  let full = false;
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    if (argument === "--tier") tiers.push(args[++index] ?? "");
    else if (argument === "--full") full = true;
    else if (argument !== "--") forJest.push(argument);
  }
  return { tiers, full, forJest };
}

const { tiers, full, forJest } = readArguments(process.argv.slice(2));
const unknown = tiers.find((name) => !TIERS.some((tier) => tier.name === name));
if (unknown !== undefined) {
  console.error(`no tier is called ${unknown}; there are ${TIERS.map((tier) => tier.name).join(", ")}`);
  process.exit(2);
}
if (full) process.env[FULL_RUN_VARIABLE] = "1";

let checksFailed = false;
if (tiers.length === 0) {
  console.log("=== checks: types, linter, formatter\n");
  checksFailed =
    spawnSync(process.execPath, [join(root, "tools/check.ts")], { stdio: "inherit" }).status !== 0;
}
const ofThisRun = full ? TIERS : PLAIN_TIERS;
const wanted = tiers.length === 0 ? ofThisRun : TIERS.filter(({ name }) => tiers.includes(name));
const results: TierResult[] = [];
for (const tier of wanted) results.push(await runTier(tier, forJest));

const total = (count: "passed" | "failed" | "skipped") =>
  results.reduce((sum, result) => sum + result[count], count === "failed" && checksFailed ? 1 : 0);
const notRun = results.filter((result) => result.notRun !== undefined);

console.log("\n=== summary\n");
if (tiers.length === 0) console.log(`checks         ${checksFailed ? "failed" : "passed"}`);
for (const { tier, passed, failed, skipped, seconds, notRun: why } of results) {
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped, ${seconds.toFixed(0)} s`;
  console.log(`${tier.name.padEnd(14)} ${why === undefined ? counts : `NOT RUN: ${why}`}`);
}
for (const test of results.flatMap((result) => result.skippedTests)) console.log(`not run        ${test}`);
for (const test of results.flatMap((result) => result.unsteadyTests))
  console.log(`unsteady       ${test}: failed, and passed when it was run again`);
// Last, for those who see only the end of what this prints.
for (const test of results.flatMap((result) => result.failedTests)) console.log(`FAILED         ${test}`);
console.log(`\n${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped`);
const isCi = process.env["CI"] === "true";
process.exit(total("failed") > 0 || (isCi && notRun.length > 0) ? 1 : 0);
