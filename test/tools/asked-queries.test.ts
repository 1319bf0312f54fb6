/**
 * What the end-to-end test of dashboards and rules rests on: that it asks all of it, takes nothing that is empty for good
 * unless it is excused and shown, and scrapes as the chart's PodMonitors say.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dashboard } from "@grafana/schema";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import {
  type AskedQuery,
  askedQueries,
  EXCUSED_QUERIES,
  EXCUSED_SERIES,
  seriesIn,
  unanswered,
} from "../../e2e/monitoring/asked-queries.ts";
import { scrapeJobs } from "../../e2e/monitoring/scrape-jobs.ts";
import { DASHBOARDS } from "../../tools/dashboards/register.ts";

const root = join(import.meta.dirname, "../..");
const GROUPS = globSync("charts/petrel/rules/*.yaml", { cwd: root }).flatMap(
  (file) => parse(readFileSync(join(root, file), "utf8")).groups,
);
const CHOSEN = {
  namespace: "shop",
  model_deployment: "ranker",
  rollout: "ranker-1",
  gate: ".+",
  column: ".+",
  __rate_interval: "30s",
};
const ASKED = askedQueries(DASHBOARDS, GROUPS, CHOSEN);

describe("what is asked", () => {
  test("is each query of each panel and choice, and each rule, with what is chosen put in", () => {
    const count = (kind: AskedQuery["kind"]) => ASKED.filter((one) => one.kind === kind).length;
    const panels = [...DASHBOARDS.values()].flatMap((dashboard: Dashboard) => dashboard.panels ?? []);
    const targets = panels.flatMap((panel) => ("targets" in panel ? (panel.targets ?? []) : []));
    expect(count("Panel")).toBe(targets.length);
    expect(count("Choice")).toBeGreaterThan(8);
    const rules = GROUPS.flatMap(({ rules: all }) => all);
    expect(count("Recorded") + count("Alert")).toBe(rules.length);
    expect(count("Alert")).toBeGreaterThan(20);
    for (const { query, kind } of ASKED) {
      expect(query).not.toBe("");
      if (kind !== "Alert") expect(query).not.toMatch(/\$/);
    }
  });

  test("what a reader chooses from is asked as a query", () => {
    const choice = ASKED.find(({ place }) => place === "deployment / $model_deployment");
    expect(choice?.query).toBe('count by (model_deployment) (petrel_router_wanted_epoch{namespace="shop"})');
  });

  test("nothing that is not chosen passes", () => {
    const { column: _, ...without } = CHOSEN;
    expect(() => askedQueries(DASHBOARDS, GROUPS, without)).toThrow("nothing is chosen for $column");
  });
});

describe("the series of a query", () => {
  test.each<[string, readonly string[]]>([
    [
      'sum by (a, b) (rate(x_total{k="y_total"}[5m])) / on (a) group_left () z:rate1d',
      ["x_total", "z:rate1d"],
    ],
    ['a < 0.8 * a offset 1w and on (n) b{l=~"c|d"} > 1e3 unless c', ["a", "b", "c"]],
    ['max by (n) (label_replace(up{a="b"}, "m", "$1", "n", "(.*)")) == bool 0', ["up"]],
    ["time() - absent(q) > 60 or vector(0)", ["q"]],
  ])("%s", (query, names) => expect(seriesIn(query)).toEqual(names));

  test("no alert is without any, and each excuse is of a series or a query that is asked", () => {
    const alerts = ASKED.filter(({ kind }) => kind === "Alert").map(({ query }) => seriesIn(query));
    expect(alerts.filter((names) => names.length === 0)).toEqual([]);
    const read = new Set(alerts.flat());
    expect(Object.keys(EXCUSED_SERIES).filter((name) => !read.has(name))).toEqual([]);
    const places = new Set(ASKED.map(({ place }) => place));
    expect(Object.keys(EXCUSED_QUERIES).filter((place) => !places.has(place))).toEqual([]);
  });
});

describe("what has no answer", () => {
  const [query, proof] = Object.entries(EXCUSED_QUERIES).map(([place, { proof: shown }]) => [
    { place, query: "q", kind: "Panel" } as const,
    shown,
  ])[0] ?? ["", ""];
  const panel: AskedQuery = { place: "p", query: "q", kind: "Panel" };
  const alert: AskedQuery = { place: "A", query: "rate(x[5m]) > y", kind: "Alert" };
  const answersOf =
    (...answered: readonly string[]) =>
    async (asked: string) =>
      answered.includes(asked);

  test.each<[string, AskedQuery, readonly string[], object[]]>([
    ["an answer is all that a panel needs", panel, ["q"], []],
    ["a panel without one has no excuse", panel, [], [panel]],
    ["an alert that fires is answered", alert, ["rate(x[5m]) > y"], []],
    ["one that is silent has something to look at", alert, ["x", "y"], []],
    ["one that could never fire is found", alert, ["x"], [{ ...alert, lacking: ["y"] }]],
    ["an excuse counts where it is shown", query as AskedQuery, [String(proof)], []],
    ["and else it does not", query as AskedQuery, [], [{ ...(query as AskedQuery), lacking: [proof] }]],
  ])("%s", async (_what, asked, answered, expected) => {
    expect(await unanswered([asked], answersOf(...answered))).toEqual(expected);
  });

  test("of a series that only alerts ask for, the proof of its excuse", async () => {
    const [name = "", { proof: shown } = { proof: "" }] = Object.entries(EXCUSED_SERIES)[0] ?? [];
    const silent: AskedQuery = { place: "A", query: `${name} == 1`, kind: "Alert" };
    expect(await unanswered([silent], answersOf(shown))).toEqual([]);
    expect(await unanswered([silent], answersOf())).toEqual([{ ...silent, lacking: [shown] }]);
  });
});

describe("scrape jobs", () => {
  const monitor = {
    metadata: { name: "petrel-model-server", namespace: "petrel-system" },
    spec: {
      namespaceSelector: { any: true },
      selector: { matchLabels: { "petrel.dev/component": "model-server" } },
      podMetricsEndpoints: [
        {
          port: "metrics",
          path: "/metrics",
          relabelings: [{ targetLabel: "petrel_component", replacement: "m" }],
        },
        {
          port: "sidecar",
          path: "/stats",
          honorLabels: true,
          metricRelabelings: [{ sourceLabels: ["a"], regex: "b", targetLabel: "c", replacement: "" }],
        },
      ],
    },
  };
  const pod = (namespace: string, podIP: string | undefined, component = "model-server") => ({
    metadata: { name: "pod-1", namespace, labels: { "petrel.dev/component": component } },
    spec: {
      initContainers: [{ name: "sidecar", ports: [{ name: "sidecar", containerPort: 9 }] }],
      containers: [
        {
          name: "serve",
          ports: [
            { name: "rest", containerPort: 8 },
            { name: "metrics", containerPort: 7 },
          ],
        },
      ],
    },
    status: { podIP },
  });

  test("are of each endpoint, over the pods that are selected and have the port", () => {
    const pods = [
      pod("shop", "10.0.0.1"),
      pod("shop", "fd00::1"),
      pod("shop", undefined),
      pod("shop", "10.0.0.2", "router"),
    ];
    const [first, second] = scrapeJobs([monitor], pods);
    const labels = {
      ...{ __meta_kubernetes_pod_label_petrel_dev_component: "model-server" },
      ...{ namespace: "shop", pod: "pod-1", container: "serve", endpoint: "metrics" },
    };
    expect(first).toEqual({
      ...{ job_name: "petrel-model-server/0", metrics_path: "/metrics", honor_labels: false },
      static_configs: [
        { targets: ["10.0.0.1:7"], labels },
        { targets: ["[fd00::1]:7"], labels },
      ],
      relabel_configs: [{ target_label: "petrel_component", replacement: "m" }],
      metric_relabel_configs: [],
    });
    expect(second).toMatchObject({
      ...{ metrics_path: "/stats", honor_labels: true },
      metric_relabel_configs: [{ source_labels: ["a"], regex: "b", target_label: "c", replacement: "" }],
    });
    expect(second?.static_configs.map(({ targets }) => targets)).toEqual([["10.0.0.1:9"], ["[fd00::1]:9"]]);
  });

  test("keep to the namespaces of the PodMonitor", () => {
    const targetsOf = (namespaceSelector: object | undefined) =>
      scrapeJobs(
        [{ ...monitor, spec: { ...monitor.spec, namespaceSelector } }],
        [pod("shop", "10.0.0.1")],
      ).flatMap(({ static_configs }) => static_configs).length;
    expect([targetsOf({ any: true }), targetsOf({ matchNames: ["shop"] })]).toEqual([2, 2]);
    expect([targetsOf({ matchNames: ["other"] }), targetsOf(undefined)]).toEqual([0, 0]);
  });

  test("refuse a relabelling that is not understood", () => {
    const [endpoint] = monitor.spec.podMetricsEndpoints;
    const podMetricsEndpoints = [{ ...endpoint, relabelings: [{ action: "drop" }] }];
    expect(() => scrapeJobs([{ ...monitor, spec: { ...monitor.spec, podMetricsEndpoints } }], [])).toThrow(
      "nothing is known of action",
    );
  });
});
