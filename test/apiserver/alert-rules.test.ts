/**
 * The alerts of the chart, as Helm renders them, tried by promtool: each fires when it should, and is silent when it
 * should be. The queries of the dashboards it reads.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { run } from "../../e2e/cluster/index.ts";
import { unpackedPackage } from "../../e2e/cluster/toolchain/unpacked-package.ts";
import { DASHBOARDS } from "../../tools/dashboards/register.ts";
import { type AlertCase, RULE_FILES } from "./monitoring/alert-case.ts";
import { MODEL_CASES } from "./monitoring/model-cases.ts";
import { PETREL_CASES } from "./monitoring/petrel-cases.ts";
import { type RuleGroup, ruleGroups } from "./monitoring/rendered-rules.ts";
import { REQUEST_CASES } from "./monitoring/request-cases.ts";
import { ROLLOUT_CASES } from "./monitoring/rollout-cases.ts";

const CASES = [...REQUEST_CASES, ...MODEL_CASES, ...ROLLOUT_CASES, ...PETREL_CASES];
/** Groups of each file, by the beginnings of their names. */
const GROUPS: Readonly<Record<(typeof RULE_FILES)[number], readonly string[]>> = {
  requests: ["petrel-requests", "petrel-objectives"],
  models: ["petrel-quality", "petrel-drift", "petrel-training"],
  rollouts: ["petrel-rollouts"],
  petrel: ["petrel-deployments", "petrel-parts"],
};

/** Some 20 s of work; a busy machine takes longer. */
const LIMIT_MILLISECONDS = 300_000;

let folder: string;
let promtool: string;
let groups: readonly RuleGroup[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-alerts-"));
  promtool = join(await unpackedPackage("prometheus"), "usr/bin/promtool");
  groups = await ruleGroups();
  for (const file of RULE_FILES) write(`${file}.json`, { groups: groupsOf(file).map(withoutAnnotations) });
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: object): string {
  const path = join(folder, name);
  // YAML, of which JSON is a part.
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function groupsOf(file: (typeof RULE_FILES)[number]): readonly RuleGroup[] {
  return groups.filter(({ name }) => GROUPS[file].includes(name));
}

/** promtool compares them word by word; the trial is of when an alert fires. */
function withoutAnnotations({ name, rules }: RuleGroup): RuleGroup {
  return { name, rules: rules.map(({ annotations: _, ...rule }) => rule) };
}

function severityOf(alert: string): string {
  const rule = groups.flatMap(({ rules }) => rules).find((one) => one.alert === alert);
  if (rule?.labels?.["severity"] === undefined) throw new Error(`no alert ${alert} with a severity`);
  return rule.labels["severity"];
}

function trialOf({ name, file, interval = "1m", evaluation = "1m", series, alerts }: AlertCase): object {
  return {
    rule_files: [`${file}.json`],
    evaluation_interval: evaluation,
    // What is recorded comes first: promtool takes groups in any order, and where an hour lies between two evaluations an
    // alert that comes first finds no value that is young enough.
    group_eval_order: GROUPS[file],
    tests: [
      {
        name,
        interval,
        input_series: Object.entries(series).map(([text, values]) => ({ series: text, values })),
        alert_rule_test: alerts.map(([time, alertname, ...fire]) => ({
          eval_time: time,
          alertname,
          exp_alerts: fire.map((labels) => ({ exp_labels: { ...labels, severity: severityOf(alertname) } })),
        })),
      },
    ],
  };
}

test("promtool takes the rules, with what they tell people", async () => {
  const path = write("all.json", { groups });
  const { exitCode, stdout, stderr } = await run(promtool, [
    "check",
    "rules",
    "--lint=all",
    "--lint-fatal",
    path,
  ]);
  expect({ exitCode, output: stdout + stderr }).toMatchObject({ exitCode: 0 });
}, 60_000);

test("promtool takes every query of the dashboards", async () => {
  const queries = [...DASHBOARDS.values()].flatMap(({ panels = [] }) =>
    panels.flatMap((panel) =>
      ("targets" in panel ? (panel.targets ?? []) : []).map(({ expr }) => String(expr)),
    ),
  );
  expect(queries.length).toBeGreaterThan(50);
  // What Grafana puts in for a text stands in quotes, and can stay; a time cannot.
  const rules = queries.map((query, index) => ({
    record: `dashboard:query${index}`,
    expr: query.replaceAll("$__rate_interval", "5m"),
  }));
  const path = write("dashboards.json", { groups: [{ name: "dashboards", rules }] });
  const { exitCode, stdout, stderr } = await run(promtool, ["check", "rules", path]);
  expect({ exitCode, output: stdout + stderr }).toMatchObject({ exitCode: 0 });
}, 60_000);

test("every alert is tried: that it fires, and that it is silent", () => {
  const alerts = groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? [])).toSorted();
  const tried = CASES.flatMap((one) => one.alerts);
  const names = (fires: boolean) => [
    ...new Set(tried.filter(([, , ...fire]) => fire.length > 0 === fires).map(([, alert]) => alert)),
  ];
  expect(names(true).toSorted()).toEqual(alerts);
  expect(names(false).toSorted()).toEqual(alerts);
});

test("every group is of one of the files that are tried", () => {
  expect(groups.map(({ name }) => name)).toEqual(RULE_FILES.flatMap((file) => GROUPS[file]));
});

test("every alert says in two sentences what it is about", () => {
  for (const { rules } of groups) {
    for (const { alert, annotations } of rules) {
      if (alert === undefined) continue;
      expect(annotations).toEqual({ summary: expect.any(String), description: expect.stringMatching(/\.$/) });
    }
  }
});

test("objectives are those of the values", async () => {
  const values = ["availability=99.5%", "latency=95%", "latencyMilliseconds=50"];
  const changed = await ruleGroups(`--set=${values.map((value) => `prometheusRule.${value}`).join(",")}`);
  const text = JSON.stringify(changed);
  expect(text).toContain("14.4 * 0.005000");
  expect(text).toContain("14.4 * 0.050000");
  expect(text).toContain('le=\\"50\\"');
  expect(text).not.toMatch(/BUDGET|BUCKET/);
}, 60_000);

test.each(RULE_FILES)(
  "the alerts of %s fire and are silent as they should",
  async (file) => {
    const paths = CASES.filter((one) => one.file === file).map((one, index) =>
      write(`${file}-${index}.json`, trialOf(one)),
    );
    const { exitCode, stdout, stderr } = await run(promtool, ["test", "rules", ...paths], {
      timeoutMilliseconds: LIMIT_MILLISECONDS,
    });
    // Of a trial that failed it says the name, and which alerts there were instead.
    if (exitCode !== 0) throw new Error(stdout + stderr);
  },
  LIMIT_MILLISECONDS,
);
