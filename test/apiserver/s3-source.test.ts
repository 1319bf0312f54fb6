/**
 * The S3 source and `petrel fetch` against a real store: signatures that it accepts, and its own refusals.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { OBJECT_STORE_KEYS, type ObjectStore, startObjectStore } from "../../e2e/cluster/index.ts";
import { startCollect, writeFiles } from "../../src/collect/testdata/collect-process.ts";
import { tokenOf } from "../../src/collect/testdata/collecting.ts";
import { systemClock } from "../../src/core/clock.ts";
import { digestOf, directoryDigest } from "../../src/fetch/testdata/fetch-fixture.ts";
import { HttpClient } from "../../src/sources/http-client.ts";
import { s3Source } from "../../src/sources/s3.ts";
import { fixedCredentials, webIdentityCredentials } from "../../src/sources/s3-credentials.ts";
import { parseTrainingLog } from "../../src/training-log/log-settings.ts";
import { LogStore } from "../../src/training-log/log-store.ts";
import { freePort } from "./router-envoy/envoy-process.ts";

const main = join(import.meta.dirname, "../../src/main.ts");
const FILES = {
  "1/model.onnx": "a model",
  "about it + more & é.txt": "text",
  "(v1)!*'.txt": "signed strictly",
};

let folder: string;
let store: ObjectStore;
let identityProvider: ReturnType<typeof createServer>;
const processes: ChildProcess[] = [];
const identity = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-s3-"));
  identityProvider = createServer((request, response) => {
    const issuer = issuerOf();
    const key = { ...identity.publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "ES256" };
    const document = request.url === "/keys" ? { keys: [key] } : { issuer, jwks_uri: `${issuer}/keys` };
    response.setHeader("content-type", "application/json").end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => identityProvider.listen(0, "127.0.0.1", resolve));
  store = await startObjectStore({
    folder,
    address: "127.0.0.1",
    port: await freePort(),
    environment: {
      MINIO_IDENTITY_OPENID_CONFIG_URL: `${issuerOf()}/.well-known/openid-configuration`,
      MINIO_IDENTITY_OPENID_CLIENT_ID: "petrel",
      MINIO_IDENTITY_OPENID_CLAIM_NAME: "policy",
    },
    spawn: ([command = "", ...args]) => {
      const child = spawn(command, args, { stdio: "ignore" });
      processes.push(child);
      return child;
    },
  });
  await store.makeBucket("models");
  for (const [path, text] of Object.entries(FILES))
    await store.put("models", `ranker/1/${path}`, Buffer.from(text));
  await store.put("models", "single.onnx", Buffer.from("a model"));
  writeFileSync(join(folder, "ca.crt"), store.authority);
  writeKeys("keys", OBJECT_STORE_KEYS.secretAccessKey);
}, 1_800_000);

afterAll(() => {
  store?.stop();
  for (const child of processes) child.kill("SIGKILL");
  identityProvider?.close();
  rmSync(folder, { recursive: true, force: true });
});

function issuerOf(): string {
  return `http://127.0.0.1:${(identityProvider.address() as AddressInfo).port}`;
}

function writeKeys(name: string, secretAccessKey: string): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "AWS_ACCESS_KEY_ID"), OBJECT_STORE_KEYS.accessKeyId);
  writeFileSync(join(folder, name, "AWS_SECRET_ACCESS_KEY"), secretAccessKey);
}

/** Runs the real command; gives its exit code, its output, and what it told the operator. */
async function petrelFetch(uri: string, digest: string, more: readonly string[]) {
  const volume = mkdtempSync(join(folder, "volume-"));
  const told = join(folder, "termination-log");
  writeFileSync(told, "");
  const target = join(volume, "model");
  const place = ["--target", target, "--termination-log", told, "--s3-endpoint", store.endpoint];
  const args = [main, "fetch", "--uri", uri, "--digest", digest, ...place, ...more];
  const { exitCode, output } = await new Promise<{ exitCode: number; output: string }>((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, output: stdout + stderr });
    });
  });
  return { exitCode, output, target, left: readdirSync(volume), told: readFileSync(told, "utf8") };
}

const trusting = () => ["--ca-file", join(folder, "ca.crt")];
const keyed = (name = "keys") => [...trusting(), "--s3-credentials", join(folder, name)];

test("an object and a directory of objects come over TLS of a private authority", async () => {
  const single = await petrelFetch("s3://models/single.onnx", digestOf("a model"), keyed());
  expect(single).toMatchObject({ exitCode: 0, left: ["model"] });
  expect(readFileSync(join(single.target, "model.onnx"), "utf8")).toBe("a model");
  const whole = await petrelFetch("s3://models/ranker/1", directoryDigest(FILES), keyed());
  expect(whole).toMatchObject({ exitCode: 0 });
  for (const [path, text] of Object.entries(FILES)) {
    expect(readFileSync(join(whole.target, path), "utf8")).toBe(text);
  }
}, 120_000);

test.each([
  ["s3://models/none.onnx", () => keyed(), "expected an object, or objects below this prefix, found none"],
  ["s3://nobucket/none.onnx", () => keyed(), "NoSuchBucket"],
  ["s3://models/single.onnx", () => trusting(), "AccessDenied"],
  ["s3://models/single.onnx", () => keyed("wrong"), "SignatureDoesNotMatch"],
  ["s3://models/single.onnx", () => keyed().slice(2), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
])(
  "%s is refused for good and leaves nothing",
  async (uri, options, message) => {
    writeKeys("wrong", "another-secret");
    const result = await petrelFetch(uri, digestOf("a model"), options());
    expect(result).toMatchObject({ exitCode: 1, left: [] });
    expect(JSON.parse(result.told)).toMatchObject({ check: "Source", terminal: true });
    expect(result.told).toContain(message);
    expect(result.output).not.toContain(OBJECT_STORE_KEYS.secretAccessKey);
    expect(result.output).not.toContain("another-secret");
  },
  120_000,
);

/** Runs the real command on a bucket. */
function petrel(...args: readonly string[]): Promise<{ exitCode: number; output: string }> {
  const all = ["--no-warnings", main, ...args, "--s3-endpoint", store.endpoint, ...keyed()];
  return new Promise((resolve) => {
    execFile(process.execPath, all, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, output: stdout + stderr });
    });
  });
}

test("a labelled set in a bucket is evaluated", async () => {
  const models = join(import.meta.dirname, "../../examples/models/cdnow");
  await store.put("models", "sets/rows.csv", readFileSync(join(models, "rows.csv")));
  const settings = join(models, "evaluate.json");
  const asked = [
    "evaluate",
    "--model",
    join(models, "1"),
    "--baseline",
    join(models, "1"),
    "--settings",
    settings,
  ];
  const found = await petrel(...asked, "--data", "s3://models/sets/rows.csv");
  expect(found.output).toMatch(/^40 rows of 40 requests; .*\nboth models gave each row the same score\n/);
  expect(found.output).toMatch(/\nPassed +log-loss +less than 5 % above the baseline +0\.0 % /);
  const none = await petrel(...asked, "--data", "s3://models/sets/none.csv");
  expect(none).toMatchObject({ exitCode: 2, output: expect.stringContaining("NoSuchKey") });
}, 120_000);

test("labels in a bucket are imported", async () => {
  writeFiles(folder);
  const collect = await startCollect(folder);
  try {
    const seconds = Math.floor(Date.now() / 1_000) - 60;
    const rows = [1, 2].map((request) => `${tokenOf(request, { seconds })},click,0`);
    await store.put("models", "labels/today.csv", Buffer.from(["token,label,row", ...rows].join("\n")));
    const found = await petrel(
      "feedback",
      "import",
      "s3://models/labels/today.csv",
      "--to",
      collect.feedback,
    );
    expect(found).toMatchObject({ exitCode: 0, output: expect.stringContaining("accepted   2\n") });
  } finally {
    await collect.end("SIGTERM");
  }
}, 120_000);

test("a download goes on within one version of an object, and starts again in another", async () => {
  const source = s3Source(
    { authorities: [store.authority] },
    { endpoint: store.endpoint, region: "us-east-1", credentials: fixedCredentials(OBJECT_STORE_KEYS) },
  );
  const url = new URL("s3://models/changing");
  const signal = AbortSignal.timeout(60_000);
  const read = async (resume?: { offsetBytes: number; validator: string }) => {
    const opened = await source.open({ url, resume, signal });
    const chunks: Uint8Array[] = [];
    for await (const chunk of opened.body) chunks.push(chunk);
    return { ...opened, text: Buffer.concat(chunks).toString() };
  };
  await store.put("models", "changing", Buffer.from("0123456789"));
  const { validator = "" } = await read();
  expect(await read({ offsetBytes: 4, validator })).toMatchObject({ offsetBytes: 4, text: "456789" });
  await store.put("models", "changing", Buffer.from("abcdefghij"));
  expect(await read({ offsetBytes: 4, validator })).toMatchObject({ offsetBytes: 0, text: "abcdefghij" });
});

test("the pod's identity is exchanged for keys that the store takes, and another's is not", async () => {
  const tokenFile = join(folder, "token");
  const access = (token: string) => {
    writeFileSync(tokenFile, token);
    const http = { authorities: [store.authority] };
    const web = { endpoint: store.endpoint, roleArn: undefined, tokenFile, session: "petrel-fetch" };
    return s3Source(http, {
      endpoint: store.endpoint,
      region: "us-east-1",
      credentials: webIdentityCredentials(web, new HttpClient(http), Date.now),
    });
  };
  // Its policy lets it read objects, and list none.
  const request = { url: new URL("s3://models/single.onnx"), signal: AbortSignal.timeout(60_000) };
  expect(await access(signedToken("petrel")).locate(request)).toEqual({ type: "File" });
  await expect(access(signedToken("somebody-else")).locate(request)).rejects.toMatchObject({
    name: "SourceError",
    terminal: true,
  });
});

test("an identity that may write objects and nothing else is enough for a training log", async () => {
  const [tokenFile, authorities] = [join(folder, "writing-token"), join(folder, "ca.crt")];
  writeFileSync(tokenFile, signedToken("petrel", "writeonly"));
  writeFileSync(authorities, store.authority);
  const { endpoint } = store;
  const given = { name: "models", endpoint, authorities, tokenFile, tokenService: endpoint };
  const { bucket } = parseTrainingLog({ folder, bucket: given }, "log");
  if (bucket === undefined) throw new Error("expected a bucket");
  const put = await new LogStore(bucket, {}, systemClock).open();
  const signal = AbortSignal.timeout(60_000);
  expect(await put("logged/a=1/b.gz", Buffer.from("lines"), signal)).toBe("Written");
  expect(await put("logged/a=1/b.gz", Buffer.from("lines"), signal)).toBe("ThereAlready");
  const http = { authorities: [store.authority] };
  const web = { endpoint, roleArn: undefined, tokenFile, session: "petrel-training-log" };
  const access = {
    endpoint,
    region: "us-east-1",
    credentials: webIdentityCredentials(web, new HttpClient(http), Date.now),
  };
  const reading = s3Source(http, access).locate({ url: new URL("s3://models/logged/a=1/b.gz"), signal });
  await expect(reading).rejects.toThrow("AccessDenied");
});

/** A token as Kubernetes signs it for a ServiceAccount, with the claim that names MinIO's policy. */
function signedToken(audience: string, policy = "readonly"): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = {
    iss: issuerOf(),
    aud: audience,
    sub: "system:serviceaccount:shop:ranker",
    exp: Math.floor(Date.now() / 1000) + 3600,
    policy,
  };
  const signed = `${encode({ alg: "ES256", typ: "JWT", kid: "1" })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), {
    key: identity.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return `${signed}.${signature.toString("base64url")}`;
}
