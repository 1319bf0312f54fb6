import { describe, expect, test } from "@jest/globals";
import { CLICKS_AND_REVENUE, TEST_SETTINGS } from "../../../test/fixtures/spec.ts";
import { asList, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { COLLECTOR_NAME } from "../../render/collector-names.ts";
import {
  type CollectorDecision,
  type CollectorObservation,
  type CountedDeployment,
  decideCollector,
  retentionHours,
} from "./decide-collector.ts";

const KINDS = ["ServiceAccount", "NetworkPolicy", "Secret", "Service", "StatefulSet"];
const NOW = Date.UTC(2026, 0, 1);
const ranker: CountedDeployment = {
  name: "ranker",
  uid: "uid-1",
  quality: CLICKS_AND_REVENUE,
  revisions: ["ranker-a", "ranker-b"],
};

function decide(changes: Partial<CollectorObservation> = {}): CollectorDecision {
  const observation = {
    namespace: "shop",
    nowMilliseconds: NOW,
    deployments: [ranker],
    standing: new Map<string, string>(),
    fresh: { users: "fresh-users", root: "fresh-root", accessToken: "fresh-access" },
    settings: TEST_SETTINGS,
    ...changes,
  };
  return decideCollector(observation, (...parts) => parts.join("/"));
}

function objectOf({ apply }: CollectorDecision, kind: string): KubeObject | undefined {
  return apply.find((object) => object.kind === kind);
}

function fileOf(decision: CollectorDecision, key: string): string {
  const data = valueAt(objectOf(decision, "Secret"), "data", key);
  return Buffer.from(typeof data === "string" ? data : "", "base64").toString();
}

describe("with a ModelDeployment that is counted", () => {
  test.each([[[]], [["StatefulSet"]], [KINDS]])("all objects are wanted, whatever stands: %j", (standing) => {
    const uids = new Map(standing.map((kind) => [`${kind}/${COLLECTOR_NAME}`, `uid-of-${kind}`]));
    const { apply, remove } = decide({ standing: uids });
    expect(apply.map(({ kind }) => kind)).toEqual(KINDS);
    expect(apply.every(({ metadata }) => metadata.namespace === "shop")).toBe(true);
    expect(remove).toEqual([]);
  });

  test("nothing is written while the keys that stand cannot be read", () => {
    expect(decide({ keysProblem: "torn" })).toEqual({ problem: "torn", apply: [], remove: [] });
    // Nothing is written of keys where nothing is counted.
    expect(decide({ keysProblem: "torn", deployments: [] })).toEqual({ apply: [], remove: [] });
  });

  test("the collector is told what to count, each metric with its label", () => {
    expect(JSON.parse(fileOf(decide(), "settings.json"))).toEqual({
      deployments: [
        {
          name: "ranker",
          uid: "uid-1",
          labels: CLICKS_AND_REVENUE.labels,
          metrics: [
            { name: "ctr", type: "ClickThroughRate", label: "click" },
            { name: "revenue", type: "RevenuePerRequest", label: "order", cap: 500 },
          ],
        },
      ],
    });
  });

  test("and how its series are watched, where they are", () => {
    const quality = { ...CLICKS_AND_REVENUE, anomalies: { falseAlarmEvery: "720h" } };
    const text = fileOf(decide({ deployments: [{ ...ranker, quality }] }), "settings.json");
    expect(JSON.parse(text).deployments[0].anomalies).toEqual({ falseAlarmEvery: "720h" });
  });

  test("each revision gets a key of its own, and no root", () => {
    const decision = decide();
    expect(JSON.parse(fileOf(decision, "key.ranker-b.json"))).toEqual({
      users: "fresh-users",
      keys: [{ deployment: "uid-1", revision: "ranker-b", id: 1, secret: "fresh-root/uid-1/ranker-b/1" }],
    });
    expect(fileOf(decision, "keys.json")).toContain("fresh-root");
    expect(fileOf(decision, "access-tokens")).toBe("fresh-access\n");
  });

  test("keys that stand stay", () => {
    const keys = {
      users: "users",
      roots: [{ id: 7, secret: "root", publishedAt: NOW - 1 }],
      accessToken: "access",
    };
    const text = ["keys.json", "access-tokens", "key.ranker-a.json"]
      .map((key) => fileOf(decide({ keys }), key))
      .join("");
    expect(text).toContain('"id":7,"secret":"root/uid-1/ranker-a/7"');
    expect(text).not.toContain("fresh");
  });

  test("it looks again before a key signs", () => {
    expect(decide().wakeAtMilliseconds).toBe(NOW + 15 * 60_000);
  });

  test("a volume that stands is asked for as it was", () => {
    const settings = { ...TEST_SETTINGS, collectorPods: { storageSize: "50Gi", storageClassName: "fast" } };
    const claimOf = (decision: CollectorDecision) =>
      asList(valueAt(objectOf(decision, "StatefulSet"), "spec", "volumeClaimTemplates"))[0];
    expect(claimOf(decide({ settings }))).toMatchObject({
      spec: { resources: { requests: { storage: "50Gi" } }, storageClassName: "fast" },
    });
    const standing = claimOf(decide({ settings, standingStorage: { size: "1Gi" } }));
    expect(standing).toMatchObject({ spec: { resources: { requests: { storage: "1Gi" } } } });
    expect(valueAt(standing, "spec", "storageClassName")).toBeUndefined();
  });
});

test.each([
  ["30m", 96],
  ["72h", 96],
  ["73h", 97],
  ["720h", 744],
])("labels that mature within %s are taken for %i hours", (matures, hours) => {
  const labels = [{ name: "click", matures }];
  expect(retentionHours([{ ...ranker, quality: { ...CLICKS_AND_REVENUE, labels } }])).toBe(hours);
});

test("without any, what stands goes, but neither keys nor evidence", () => {
  const standing = new Map(KINDS.map((kind) => [`${kind}/${COLLECTOR_NAME}`, `uid-of-${kind}`]));
  const { apply, remove } = decide({ deployments: [], standing });
  expect(apply).toEqual([]);
  expect(remove.map(({ reference }) => reference.resource.kind)).toEqual([
    "StatefulSet",
    "Service",
    "NetworkPolicy",
    "ServiceAccount",
  ]);
});
