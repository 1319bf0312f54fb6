import { describe, expect, test } from "@jest/globals";
import { model, spec } from "../../../test/fixtures/world.ts";
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
