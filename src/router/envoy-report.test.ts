import { describe, expect, test } from "@jest/globals";
import { EnvoyReportError, parseActiveRequests, parseEnvoyReport } from "./envoy-report.ts";

/** Answers of Envoy 1.40 after a clusters file was taken and a listeners file was refused in part. */
const stats = {
  stats: [
    { name: "cluster.ranker_stable_x_rest.version_text", value: "e1" },
    { name: "cluster.ranker_stable_x_rest.update_rejected", value: 0 },
    { name: "cluster.ranker_stable_x_rest.update_failure", value: 2 },
    { name: "cluster.petrel_admin.update_failure", value: 0 },
    { name: "cluster_manager.cds.version_text", value: "c1" },
    { name: "cluster_manager.cds.update_rejected", value: 1 },
    { name: "cluster_manager.cds.update_failure", value: 2 },
    { name: "listener_manager.lds.version_text", value: "" },
    { name: "listener_manager.lds.update_rejected", value: 4 },
    { name: "http.ranker.rds.ranker.version_text", value: "7.abc" },
    { name: "http.ranker.rds.ranker.update_rejected", value: 3 },
    { name: "http.ranker.rds.other.version_text", value: "no route of ours" },
  ],
};
const clusters = { configs: [{ cluster: { name: "ranker_stable_x_rest" } }] };
const listeners = {
  configs: [
    { name: "ranker", active_state: { version_info: "l1" } },
    { name: "changing", active_state: { version_info: "l1" }, warming_state: { version_info: "l2" } },
    { name: "warming", warming_state: { version_info: "l1" } },
    { name: "other", error_state: { details: "cannot bind '0.0.0.0:12002': Address already in use" } },
    { error_state: { details: "cannot bind '0.0.0.0:12002': Address already in use" } },
  ],
};

test("reads versions, refusals, and what is active", () => {
  expect(parseEnvoyReport({ stats, clusters, listeners })).toEqual({
    clusters: { version: "c1", refusals: 3 },
    listeners: { version: "", refusals: 4 },
    routes: new Map([["ranker", { version: "7.abc", refusals: 3 }]]),
    endpoints: new Map([
      ["ranker_stable_x_rest", { version: "e1", refusals: 2 }],
      ["petrel_admin", { version: "", refusals: 0 }],
    ]),
    activeClusters: new Set(["ranker_stable_x_rest"]),
    activeListeners: new Set(["ranker"]),
    listenerErrors: new Map([["other", "cannot bind '0.0.0.0:12002': Address already in use"]]),
  });
});

test("an Envoy that has read nothing reports nothing", () => {
  expect(parseEnvoyReport({ stats: { stats: [] }, clusters: {}, listeners: {} })).toMatchObject({
    clusters: { version: "", refusals: 0 },
    listeners: { version: "", refusals: 0 },
    activeClusters: new Set(),
  });
});

describe("what is not understood is an error, never an acknowledgement", () => {
  test.each<[string, unknown]>([
    ["no object", "OK"],
    ["no list", { stats: {} }],
    ["a list of something else", { stats: ["cluster_manager.cds.version_text"] }],
    ["a version that is no text", { stats: [{ name: "cluster_manager.cds.version_text", value: 1 }] }],
    ["a count that is none", { stats: [{ name: "cluster_manager.cds.update_rejected", value: "many" }] }],
    ["a statistic without a name", { stats: [{ value: 1 }] }],
  ])("%s", (_what, answer) => {
    expect(() => parseEnvoyReport({ stats: answer, clusters, listeners })).toThrow(EnvoyReportError);
  });
});

describe("requests that are under way", () => {
  const active = (counts: Readonly<Record<string, number>>) => ({
    stats: Object.entries(counts).map(([name, value]) => ({
      name: `http.${name}.downstream_rq_active`,
      value,
    })),
  });

  test("are those of all ModelDeployments, and none of Envoy's own", () => {
    expect(parseActiveRequests(active({ admin: 1, petrel_metrics: 2, ranker: 0 }))).toBe(0);
    expect(parseActiveRequests(active({ admin: 1, petrel_metrics: 2, ranker: 3, search: 4 }))).toBe(7);
  });

  test("may be those of a ModelDeployment that is called admin", () => {
    expect(parseActiveRequests(active({ admin: 3 }))).toBe(2);
  });

  test("are never guessed", () => {
    expect(() => parseActiveRequests({ stats: [{ name: "http.ranker.downstream_rq_active" }] })).toThrow(
      EnvoyReportError,
    );
  });
});
