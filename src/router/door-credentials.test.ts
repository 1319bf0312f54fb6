import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Authentication } from "../api/authentication.ts";
import { credentialsOf, credentialText } from "../api/credential.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import { type Resolution, resolveDoor } from "./door-credentials.ts";

const pem = (name: string) => readFileSync(join(import.meta.dirname, "testdata", name), "utf8");

const plain: TrafficPlan = { port: 10_000, epoch: 1, timeout: "600ms", perTryTimeout: "200ms", arms: [] };
const overTls: TrafficPlan = { ...plain, tls: { secretName: "ranker-tls" } };

function withToken(jwks: NonNullable<Authentication["jwt"]>["jwks"]): TrafficPlan {
  const jwt = { issuer: "https://issuer.example", audiences: ["ranker"], jwks };
  return { ...plain, authentication: { type: "JWT", jwt } };
}

function withClientCertificate(): TrafficPlan {
  const ca = { kind: "ConfigMap" as const, name: "clients", key: "ca.crt" };
  return { ...overTls, authentication: { type: "MutualTLS", mutualTLS: { ca } } };
}

/** All that the plan needs is mounted; the files are there as given, by `KIND/NAME/KEY`. */
function look(plan: TrafficPlan, files: Readonly<Record<string, string>>): Resolution {
  const mounted = new Set(credentialsOf(plan).map(credentialText));
  return resolveDoor(plan, { mounted, read: (credential) => files[credentialText(credential)] });
}

const CERTIFICATE = "Secret/ranker-tls/tls.crt";
const KEY = "Secret/ranker-tls/tls.key";
const server = { [CERTIFICATE]: pem("server.crt"), [KEY]: pem("server.key") };

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const keySet = (...keys: readonly object[]) => JSON.stringify({ keys });
const publicKeys = keySet(publicKey.export({ format: "jwk" }));
const fromSecret = withToken({ from: { kind: "Secret", name: "issuer", key: "jwks.json" } });

describe("a plan with all that it needs", () => {
  test.each<[string, TrafficPlan, Readonly<Record<string, string>>]>([
    ["nothing", plain, {}],
    ["a certificate", overTls, server],
    [
      "a certificate and an authority for clients",
      withClientCertificate(),
      { ...server, "ConfigMap/clients/ca.crt": pem("server.crt") },
    ],
    ["keys in the plan", withToken({ inline: publicKeys }), {}],
  ])("%s is taken as it is", (_what, plan, files) => {
    expect(look(plan, files)).toEqual({ type: "Complete", plan });
  });

  test("keys from a Secret stand in the plan that is taken", () => {
    expect(look(fromSecret, { "Secret/issuer/jwks.json": publicKeys })).toEqual({
      type: "Complete",
      plan: withToken({ inline: publicKeys }),
    });
  });
});

test("a plan that asks for what the pod was made without waits for another pod", () => {
  const read = () => pem("server.crt");
  expect(resolveDoor(overTls, { mounted: new Set([CERTIFICATE]), read })).toEqual({ type: "NotMounted" });
});

describe("what is wrong is said by its name", () => {
  test.each<[string, TrafficPlan, Readonly<Record<string, string>>, string]>([
    ["no Secret", overTls, {}, "Secret ranker-tls does not exist or has no key tls.crt"],
    [
      "no private key",
      overTls,
      { [CERTIFICATE]: pem("server.crt") },
      "Secret ranker-tls does not exist or has no key tls.key",
    ],
    [
      "no certificate in the file",
      overTls,
      { ...server, [CERTIFICATE]: "hello" },
      "Secret ranker-tls, key tls.crt: expected certificates in PEM, found none",
    ],
    [
      "a certificate that is none",
      overTls,
      { ...server, [CERTIFICATE]: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" },
      "Secret ranker-tls, key tls.crt: expected certificates in PEM: ",
    ],
    [
      "a key that is none",
      overTls,
      { ...server, [KEY]: "hello" },
      "Secret ranker-tls, key tls.key: expected a private key in PEM: ",
    ],
    [
      "the key of another certificate",
      overTls,
      { ...server, [CERTIFICATE]: pem("short-rsa.crt") },
      "Secret ranker-tls, key tls.key: expected the private key of the certificate in tls.crt",
    ],
    [
      "a short RSA key",
      overTls,
      { [CERTIFICATE]: pem("short-rsa.crt"), [KEY]: pem("short-rsa.key") },
      "Secret ranker-tls, key tls.key: expected an ECDSA key, or an RSA key of at least 2048 bits",
    ],
    [
      "a key that Envoy does not know",
      overTls,
      { [CERTIFICATE]: pem("ed25519.crt"), [KEY]: pem("ed25519.key") },
      "Secret ranker-tls, key tls.key: expected an ECDSA key, or an RSA key of at least 2048 bits",
    ],
    [
      "no authority for clients",
      withClientCertificate(),
      server,
      "ConfigMap clients does not exist or has no key ca.crt",
    ],
    [
      "an authority that is none",
      withClientCertificate(),
      { ...server, "ConfigMap/clients/ca.crt": "" },
      "ConfigMap clients, key ca.crt: expected certificates in PEM, found none",
    ],
    ["no keys of the issuer", fromSecret, {}, "Secret issuer does not exist or has no key jwks.json"],
    [
      "keys that are no JSON",
      fromSecret,
      { "Secret/issuer/jwks.json": "hello" },
      "Secret issuer, key jwks.json: expected a JSON Web Key Set with keys",
    ],
    [
      "no key among the keys",
      withToken({ inline: keySet() }),
      {},
      "spec.traffic.authentication.jwt.jwks.inline: expected a JSON Web Key Set with keys",
    ],
    [
      "a symmetric key",
      withToken({ inline: keySet({ kty: "oct", k: "c2VjcmV0" }) }),
      {},
      "spec.traffic.authentication.jwt.jwks.inline: expected a public key at keys[0]: ",
    ],
    [
      "a private key",
      withToken({ inline: keySet(privateKey.export({ format: "jwk" })) }),
      {},
      "spec.traffic.authentication.jwt.jwks.inline: expected a public key at keys[0], found a private one",
    ],
    [
      "too many keys",
      fromSecret,
      { "Secret/issuer/jwks.json": publicKeys.padEnd(16_385) },
      "Secret issuer, key jwks.json: expected at most 16384 characters, found 16385",
    ],
  ])("%s", (_what, plan, files, problem) => {
    const resolution = look(plan, files);
    expect(resolution).toMatchObject({ type: "Unusable", problem: expect.stringContaining(problem) });
  });
});
