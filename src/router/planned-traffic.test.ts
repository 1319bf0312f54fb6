import { describe, expect, test } from "@jest/globals";
import { configurationLayout } from "../render/envoy/layout.ts";
import { checkPlan, readTraffic } from "./planned-traffic.ts";

const settings = { layout: configurationLayout("/etc/petrel/envoy"), address: "0.0.0.0" };
const pool = { pool: "gpu", revision: "r1", replicas: 1 };
const arm = { name: "Stable", weight: 10_000, pools: [pool] };
const plan = { port: 10_000, epoch: 1, timeout: "600ms", perTryTimeout: "200ms", arms: [arm] };

function door(authentication: object): object {
  return { ...plan, authentication };
}

function deployment(traffic: unknown, metadata: object = {}) {
  return {
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { name: "ranker", namespace: "shop", ...metadata },
    status: { traffic },
  };
}

describe("a plan that is not valid says what was expected", () => {
  test.each<[string, unknown, RegExp]>([
    ["no object", "all", /must be object/],
    ["a port below the range", { ...plan, port: 80 }, /\/port must be >= 10000/],
    ["a broken port", { ...plan, port: 10_000.5 }, /\/port must be integer/],
    ["no epoch", { ...plan, epoch: undefined }, /epoch/],
    ["a time-out without a unit", { ...plan, timeout: "600" }, /\/timeout must match pattern/],
    ["a time-out of nothing", { ...plan, timeout: "0s" }, /timeout: expected 1ms to 3600000ms, found 0s/],
    ["a time-out of two hours", { ...plan, timeout: "2h" }, /timeout: expected 1ms to 3600000ms, found 2h/],
    [
      "a try that outlasts the answer",
      { ...plan, perTryTimeout: "700ms" },
      /perTryTimeout: expected 1ms to 600ms/,
    ],
    ["an unknown arm", { ...plan, arms: [{ ...arm, name: "Shadow" }] }, /\/arms\/0\/name/],
    [
      "weights that do not add up",
      { ...plan, arms: [{ ...arm, weight: 9_999 }] },
      /add up to 10000, found 9999/,
    ],
    [
      "an arm twice",
      {
        ...plan,
        arms: [
          { ...arm, weight: 5_000 },
          { ...arm, weight: 5_000 },
        ],
      },
      /every name once/,
    ],
    ["an arm without pools", { ...plan, arms: [{ ...arm, pools: [] }] }, /at least one pool of arm Stable/],
    [
      "copies beside two arms",
      {
        ...plan,
        arms: [
          { ...arm, weight: 9_000 },
          { ...arm, name: "Candidate", weight: 1_000 },
        ],
        mirror: { share: 100, pools: [pool] },
      },
      /mirror: expected the arm Stable beside it, and no other one/,
    ],
    ["copies beside nothing", { ...plan, arms: [], mirror: { share: 1, pools: [pool] } }, /the arm Stable/],
    ["copies to nowhere", { ...plan, mirror: { share: 1, pools: [] } }, /\/mirror\/pools/],
    ["copies of nothing", { ...plan, mirror: { share: 0, pools: [pool] } }, /\/mirror\/share/],
    [
      "copies to a pool twice",
      { ...plan, mirror: { share: 1, pools: [pool, pool] } },
      /mirror: expected every pool and revision once/,
    ],
    ["a pool twice", { ...plan, arms: [{ ...arm, pools: [pool, pool] }] }, /every pool and revision once/],
    ["authentication without its field", door({ type: "JWT" }), /expected the field of the type JWT/],
    [
      "authentication of an unknown type",
      door({ type: "Passkey", jwt: { issuer: "i", audiences: ["a"], jwks: { inline: "{}" } } }),
      /\/authentication\/type/,
    ],
    [
      "a token without keys",
      door({ type: "JWT", jwt: { issuer: "i", audiences: ["a"], jwks: {} } }),
      /exactly one source of keys/,
    ],
    [
      "certificates of clients without TLS",
      door({ type: "MutualTLS", mutualTLS: { ca: { kind: "Secret", name: "ca", key: "ca.crt" } } }),
      /expected tls beside mutualTLS/,
    ],
    ["a Secret outside its folder", { ...plan, tls: { secretName: "../other" } }, /\/tls\/secretName/],
  ])("%s", (_what, value, message) => {
    const { traffic, unresolved, invalid } = readTraffic(
      deployment(JSON.parse(JSON.stringify(value))),
      settings,
    );
    expect([traffic, unresolved]).toEqual([undefined, undefined]);
    expect(invalid).toMatch(message);
  });

  test("a name that cannot be a file name", () => {
    expect(readTraffic(deployment(plan, { name: "a.b" }), settings).invalid).toMatch(/no DNS label/);
  });
});

test("a valid plan is rendered", () => {
  const { traffic, invalid, isLeaving } = readTraffic(deployment(plan), settings);
  expect({ invalid, isLeaving }).toEqual({ invalid: undefined, isLeaving: false });
  expect(traffic?.plan).toEqual(plan);
  expect(traffic?.configuration).toMatchObject({ modelDeployment: "ranker", epoch: 1, port: 10_000 });
});

test("a valid plan that needs credentials is not rendered without them", () => {
  const overTls = { ...plan, tls: { secretName: "ranker-tls" } };
  expect(readTraffic(deployment(overTls), settings)).toEqual({
    name: "ranker",
    isLeaving: false,
    isScaled: false,
    unresolved: overTls,
  });
});

test("a plan without arms is valid", () =>
  expect(checkPlan({ ...plan, arms: [] })).toMatchObject({ arms: [] }));

test("no plan is no error", () => {
  expect(readTraffic(deployment(undefined), settings)).toEqual({
    ...{ name: "ranker", isLeaving: false, isScaled: false },
  });
});

test.each([
  ["Petrel", true],
  [undefined, true],
  ["None", false],
])("the load of what %s scales is counted: %s", (owner, isScaled) => {
  const object = { ...deployment(undefined), spec: { autoscaling: { owner } } };
  expect(readTraffic(object, settings)).toMatchObject({ isScaled });
});

test("fields of a later version do no harm", () => {
  expect(readTraffic(deployment({ ...plan, laterField: "later" }), settings).invalid).toBeUndefined();
});

test("a ModelDeployment that is being deleted is leaving", () => {
  const object = deployment(plan, { deletionTimestamp: "2026-01-01T00:00:00Z" });
  expect(readTraffic(object, settings).isLeaving).toBe(true);
});
