import { describe, expect, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { model, spec } from "../../../test/fixtures/world.ts";
import { behaviourOf } from "../../../test/memory-cluster/kinds.ts";
import { type ModelDeploymentSpec, modelDeploymentSpecSchema } from "../../api/model-deployment-spec.ts";
import { modelRevisionName, modelRevisionOf, poolModel } from "./model-revision.ts";

const base = spec({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 1, model: model("small") }] });

describe("the model revision", () => {
  test.each([
    ["the model", { model: model("v2") }],
    ["the digest alone", { model: { ...model("v1"), digest: model("v2").digest } }],
    ["the runtime", { runtime: { name: "onnxruntime" as const, intraOpThreads: 2 } }],
    ["the model of a pool", { pools: [{ name: "gpu" }, { name: "cpu", replicas: 1, model: model("tiny") }] }],
    [
      "which pool has a model of its own",
      { pools: [{ name: "gpu", model: model("small") }, { name: "cpu" }] },
    ],
  ])("is another one when %s changes", (_what, changes) => {
    const changed = modelRevisionOf({ ...base, ...changes });
    expect(modelRevisionName("ranker", changed)).not.toBe(modelRevisionName("ranker", modelRevisionOf(base)));
  });

  test.each([
    ["replicas", { replicas: 9 }],
    ["traffic", { traffic: { timeout: "1s" } }],
    ["what shapes pods", { pools: [{ name: "gpu", nodeSelector: { disk: "ssd" } }, ...base.pools.slice(1)] }],
    ["the order of pools", { pools: base.pools.toReversed() }],
  ])("is the same one when %s change", (_what, changes) => {
    expect(modelRevisionOf({ ...base, ...changes })).toEqual(modelRevisionOf(base));
  });

  test("has another name under a deployment with a similar name", () => {
    const data = modelRevisionOf(base);
    expect(modelRevisionName("ranker", data).slice("ranker".length)).not.toBe(
      modelRevisionName("ranker-2", data).slice("ranker-2".length),
    );
  });

  test("gives a pool its own model, or that of the deployment", () => {
    const data = modelRevisionOf(base);
    expect(poolModel(data, "cpu")).toEqual(model("small"));
    expect(poolModel(data, "gpu")).toEqual(model("v1"));
  });
});

/** The spec as the API server stores it: with the defaults of today's schema. */
function stored(written: object): ModelDeploymentSpec {
  const { spec: defaulted } = behaviourOf("ModelDeployment").withDefaults({ spec: written });
  if (!Compile(modelDeploymentSpecSchema).Check(defaulted))
    throw new Error("the spec does not fit its schema");
  return defaulted;
}

/**
 * Names of stored revisions, as released. An operator that gives the same spec another name makes a new model
 * revision of every ModelDeployment on its upgrade: these names never change. Whoever adds a field to the model or
 * the runtime makes it optional, without a default in the schema.
 */
describe("an upgrade of the operator keeps the name", () => {
  const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
  const minimal = { model: { uri: "https://models.example/ranker.onnx", digest: digest("0") } };
  const twoPools = {
    ...minimal,
    runtime: { executionProvider: "CPU", intraOpThreads: 4 },
    replicas: 4,
    pools: [
      {
        name: "gpu",
        resources: { limits: { "nvidia.com/gpu": 1 } },
        nodeSelector: { disk: "ssd" },
        tolerations: [{ operator: "Exists" }],
      },
      { name: "cpu", replicas: 6, model: { uri: "https://models.example/small.onnx", digest: digest("1") } },
    ],
  };

  test.each<[string, string, object, string]>([
    ["of the least that can be said", "ranker", minimal, "ranker-gn4l8rr477"],
    ["of pools, one with a model of its own", "ranker", twoPools, "ranker-m2wf57ngnx"],
    [
      "of a deployment with the longest name",
      "ranker-for-the-category-pages-of-the-shop-in-every-country-x-63",
      minimal,
      "ranker-for-the-category-pages-of-the-shop-pwgqbrd3zj",
    ],
  ])("%s", (_what, name, written, expected) => {
    expect(modelRevisionName(name, modelRevisionOf(stored(written)))).toBe(expected);
  });
});
