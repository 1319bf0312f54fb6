/**
 * Plans that need a Secret or a ConfigMap, in a whole router.
 */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { NAMESPACE, plan, READY, RouterWorld } from "../../test/fixtures/router-world.ts";
import { credentialText } from "../api/credential.ts";
import { ANNOTATION } from "../api/names.ts";
import { renderSlice } from "./endpoint-slices.ts";

describe("a plan that needs a Secret", () => {
  const keys = { kind: "Secret", name: "issuer", key: "jwks.json" } as const;
  const jwt = { issuer: "i", audiences: ["a"], jwks: { from: keys } };
  const guarded = { authentication: { type: "JWT" as const, jwt } };
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keySet = JSON.stringify({ keys: [publicKey.export({ format: "jwk" })] });

  test("is not carried out without it, says so, and does not hold up the pod", async () => {
    const world = new RouterWorld();
    world.credentials.mounted.add(credentialText(keys));
    await world.start();
    await world.want("ranker", plan(1, guarded));
    await world.want("plain", plan(1, { port: 10_001 }));
    expect(world.envoy.activeListeners).toEqual(new Set(["plain"]));
    expect(world.conditions("ranker")).toEqual({ ready: false, serving: false, terminating: false });
    expect(world.annotations("ranker")).toMatchObject({
      [ANNOTATION.acknowledgedEpoch]: "0",
      [ANNOTATION.credentialProblem]: "Secret issuer does not exist or has no key jwks.json",
    });
    expect(world.router?.status.isReady).toBe(true);

    world.credentials.set(keys, keySet);
    await world.clock.advance(3_000);
    expect(world.conditions("ranker")).toEqual(READY);
    expect(world.annotations("ranker")[ANNOTATION.credentialProblem]).toBeUndefined();
  });

  test("leaves the last plan in effect while the pod was made without it, and says nothing of it", async () => {
    const world = new RouterWorld();
    await world.start();
    await world.want("ranker", plan(1));
    await world.want("ranker", plan(2, guarded));
    expect(world.envoy.routedEpoch("ranker")).toBe(1);
    expect(world.conditions("ranker")).toEqual(READY);
    expect(world.annotations("ranker")[ANNOTATION.credentialProblem]).toBeUndefined();
  });

  test("stays in effect when the Secret goes, and takes its new content", async () => {
    const world = new RouterWorld();
    world.credentials.mounted.add(credentialText(keys));
    world.credentials.set(keys, keySet);
    await world.start();
    await world.want("ranker", plan(1, guarded));
    expect(world.conditions("ranker")).toEqual(READY);
    const listeners = () => world.envoy.written.filter((what) => what.startsWith("listeners")).length;
    const before = listeners();
    world.credentials.set(keys, undefined);
    await world.clock.advance(3_000);
    expect(world.conditions("ranker")).toEqual(READY);
    expect(world.annotations("ranker")).toHaveProperty([ANNOTATION.credentialProblem]);
    expect(listeners()).toBe(before);
    world.credentials.set(keys, `${keySet} `);
    await world.clock.advance(3_000);
    expect(world.annotations("ranker")).not.toHaveProperty([ANNOTATION.credentialProblem]);
    expect(listeners()).toBe(before + 1);
  });
});

test("an EndpointSlice of a plan with TLS has the second port of the Service", () => {
  const identity = { namespace: NAMESPACE, podName: "r", podUid: "u", podIp: "10.0.0.9", nodeName: "n" };
  const slice = renderSlice(
    "ranker",
    { serving: { epoch: 1, port: 10_000, isTls: true } },
    "Serving",
    identity,
  );
  expect(slice["ports"]).toEqual([
    { name: "http", port: 10_000, protocol: "TCP" },
    { name: "https", port: 10_000, protocol: "TCP" },
  ]);
});
