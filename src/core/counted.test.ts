/**
 * What `spec.quality` does to a ModelDeployment: answers are counted, pods get a key, and nothing else changes.
 */
import { describe, expect, test } from "@jest/globals";
import { servingWorld } from "../../test/fixtures/world.ts";
import type { ModelDeploymentSpec } from "../api/model-deployment-spec.ts";
import type { QualitySpec } from "../api/quality.ts";
import { decide } from "./decide.ts";
import type { ObservedCollector } from "./observation.ts";

const quality: QualitySpec = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "ctr", type: "ClickThroughRate" }],
};
const collector: ObservedCollector = { isReady: true };

function decided(spec: Partial<ModelDeploymentSpec>, seen: { readonly collector?: ObservedCollector } = {}) {
  return decide({ ...servingWorld(spec).observation(), ...seen });
}

const evidenceReady = (decision: ReturnType<typeof decided>) =>
  decision.status.conditions?.find(({ type }) => type === "EvidenceReady");
const templatesOf = ({ apply }: ReturnType<typeof decided>) =>
  JSON.stringify(apply.filter(({ kind }) => kind === "Deployment"));

test("the model revision is the same", () => {
  expect(decided({ quality }).status.revisions).toEqual(decided({}).status.revisions);
});

test("the plan says that answers are counted, and by which headers", () => {
  expect(decided({}).status.traffic).not.toHaveProperty("feedback");
  expect(decided({ quality }).status.traffic?.feedback).toEqual({});
  const headers = { userHeader: "x-user-id", excludeFromQuality: { header: "x-load-test" } };
  expect(decided({ quality: { ...quality, ...headers } }).status.traffic?.feedback).toEqual({
    userHeader: "x-user-id",
    excludeHeader: "x-load-test",
  });
});

test("users that keep their revision are the users, unless another header is named", () => {
  const traffic = { timeout: "600ms", stickiness: { header: "x-shop-user" } };
  const headerOf = (spec: QualitySpec) =>
    decided({ quality: spec, traffic }).status.traffic?.feedback?.userHeader;
  expect(headerOf(quality)).toBe("x-shop-user");
  expect(headerOf({ ...quality, userHeader: "x-user-id" })).toBe("x-user-id");
});

describe("pods", () => {
  test("get a key when something is counted", () => {
    expect(templatesOf(decided({}))).not.toContain("token-key");
    expect(templatesOf(decided({ quality }))).toContain("--token-keys=");
  });

  test("stay as they are whatever is counted", () => {
    const other: QualitySpec = {
      labels: [{ name: "order", matures: "72h" }],
      metrics: [{ name: "sold", type: "ConversionRate" }],
      userHeader: "x-user-id",
    };
    expect(templatesOf(decided({ quality: other }))).toEqual(templatesOf(decided({ quality })));
  });
});

describe("a condition of its own", () => {
  test("is absent where nothing is counted", () => {
    expect(evidenceReady(decided({}, { collector }))).toBeUndefined();
  });

  test.each<[string, { readonly collector?: ObservedCollector }, string, RegExp]>([
    ["the collector runs", { collector }, "True", /labels are taken/],
    ["it has no pod", {}, "False", /no pod yet/],
    ["it starts", { collector: { isReady: false } }, "False", /not ready yet/],
    [
      "it waits for its volume",
      { collector: { isReady: false, trouble: "pod has unbound immediate PersistentVolumeClaims" } },
      "False",
      /unbound immediate PersistentVolumeClaims/,
    ],
  ])("says that %s, and Ready is as without", (_what, seen, status, message) => {
    const decision = decided({ quality }, seen);
    expect(evidenceReady(decision)).toMatchObject({ status, message: expect.stringMatching(message) });
    const readyOf = (each: typeof decision) => each.status.conditions?.find(({ type }) => type === "Ready");
    expect(readyOf(decision)?.status).toBe(readyOf(decided({}))?.status);
  });

  test("needs a router", () => {
    const world = servingWorld({ quality });
    world.routers = world.routers.map((router) => ({ ...router, isLive: false }));
    const condition = evidenceReady(decide({ ...world.observation(), collector }));
    expect(condition).toMatchObject({ status: "False", message: "no router is live, so none takes labels" });
  });

  test.each([
    [true, "False", /^1 of 2 routers take labels so far/],
    [false, "True", /labels are taken/],
  ])("waits for a router that is not replaced yet, while it is live: %p", (isLive, status, message) => {
    const world = servingWorld({ quality });
    world.routers = world.routers.map((router, at) =>
      at === 0 ? router : { ...router, isLive, isCounting: false },
    );
    const condition = evidenceReady(decide({ ...world.observation(), collector }));
    expect(condition).toMatchObject({ status, message: expect.stringMatching(message) });
  });
});
