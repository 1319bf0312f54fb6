/**
 * What only an S3 store can do: pages of listings, refusals with codes, keys with unusual characters, and keys for
 * the pod's identity. Whether signatures are right is seen by a real store, in another tier.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { HttpClient } from "./http-client.ts";
import { s3Source } from "./s3.ts";
import { parseObjectPage, parseTemporaryKeys } from "./s3-answers.ts";
import { fixedCredentials, webIdentityCredentials } from "./s3-credentials.ts";
import { startModelServer } from "./testdata/model-server.ts";
import { startObjectStore } from "./testdata/object-store.ts";

const http = { authorities: [] };
const signal = () => AbortSignal.timeout(60_000);

test("a listing of several pages is read to its end, without what stands for folders", async () => {
  const names = ["1/model.onnx", "2/model.onnx", "config +%&é.txt", "empty/", "empty file"];
  const objects = new Map(
    names.map((name) => [`ranker/${name}`, Buffer.from(name.startsWith("empty") ? "" : name)]),
  );
  objects.set("ranker-2/model.onnx", Buffer.from("another model"));
  await using store = await startObjectStore(objects);
  const source = s3Source(http, store.access);
  const location = await source.locate({ url: new URL("s3://bucket/ranker"), signal: signal() });
  if (location.type !== "Directory") throw new Error(location.type);
  expect(location.files.map(({ path }) => path).sort()).toEqual(
    ["1/model.onnx", "2/model.onnx", "config +%&é.txt", "empty file"].sort(),
  );
  for (const { path, url } of location.files) {
    const { body } = await source.open({ url, signal: signal() });
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe(path.startsWith("empty") ? "" : path);
  }
});

test.each([
  ["s3://bucket/nothing", "expected an object, or objects below this prefix, found none"],
  ["s3://nobucket/model.onnx", "answered HTTP 404 NoSuchBucket"],
  ["s3://forbidden/model.onnx", "answered HTTP 403 AccessDenied"],
  ["s3://bucket/model.onnx?versionId=1", "found a query or a fragment"],
])("%s is refused for good: %s", async (uri, message) => {
  await using store = await startObjectStore(new Map());
  await expect(
    s3Source(http, store.access).locate({ url: new URL(uri), signal: signal() }),
  ).rejects.toMatchObject({ name: "SourceError", terminal: true, message: expect.stringContaining(message) });
});

test("no secret key reaches the store, and none a message", async () => {
  await using store = await startObjectStore(new Map());
  const error: unknown = await s3Source(http, store.access)
    .open({ url: new URL("s3://forbidden/model.onnx"), signal: signal() })
    .catch((reason: unknown) => reason);
  expect(JSON.stringify([String(error), store.requests.map(({ headers }) => headers)])).not.toContain(
    "5ecret",
  );
});

test("without keys, requests are not signed", async () => {
  await using server = await startModelServer((_request, response) => response.end("public"));
  const access = {
    endpoint: new URL(server.url).origin,
    region: "r",
    credentials: fixedCredentials(undefined),
  };
  await s3Source(http, access).open({ url: new URL("s3://public/model.onnx"), signal: signal() });
  expect(server.requests[0]?.headers.authorization).toBeUndefined();
  expect(server.requests[0]?.url).toBe("/public/model.onnx");
});

test("a listing that is cut off, or no listing, is refused", () => {
  expect(() => parseObjectPage("<html>hello</html>")).toThrow("expected a ListBucketResult");
  expect(() =>
    parseObjectPage("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
  ).toThrow("expected a NextContinuationToken");
  expect(() => parseObjectPage("<ListBucketResult><Contents><Key>a</Key></Contents>")).toThrow(
    "Key and Size",
  );
  expect(() => parseTemporaryKeys("<Credentials><AccessKeyId>a</AccessKeyId></Credentials>")).toThrow(
    "expected AccessKeyId, SecretAccessKey",
  );
});

const KEYS = (end: string) =>
  `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>temporary</AccessKeyId><SecretAccessKey>5ecret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>${end}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;

test("the pod's identity is exchanged for keys, once until they are about to end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "petrel-identity-"));
  try {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "a.signed.token\n");
    const forms: string[] = [];
    await using server = await startModelServer((request, response) => {
      request.on("data", (chunk: Buffer) => forms.push(chunk.toString()));
      request.on("end", () => response.end(KEYS("2026-01-01T01:00:00Z")));
    });
    let now = Date.parse("2026-01-01T00:00:00Z");
    const identity = {
      endpoint: new URL(server.url).origin,
      roleArn: "arn:aws:iam::1:role/reader",
      tokenFile,
      session: "petrel-fetch",
    };
    const credentials = webIdentityCredentials(identity, new HttpClient(http), () => now);
    expect(await credentials(signal())).toMatchObject({ accessKeyId: "temporary", sessionToken: "session" });
    await credentials(signal());
    expect(forms.map((form) => Object.fromEntries(new URLSearchParams(form)))).toEqual([
      {
        Action: "AssumeRoleWithWebIdentity",
        Version: "2011-06-15",
        RoleSessionName: "petrel-fetch",
        WebIdentityToken: "a.signed.token",
        RoleArn: "arn:aws:iam::1:role/reader",
      },
    ]);
    now += 56 * 60_000;
    await credentials(signal());
    expect(forms).toHaveLength(2);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a token service that refuses is told without the token", async () => {
  const folder = await mkdtemp(join(tmpdir(), "petrel-identity-"));
  try {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "5ecret");
    await using server = await startModelServer((_request, response) => {
      response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>");
    });
    const identity = {
      endpoint: new URL(server.url).origin,
      roleArn: undefined,
      tokenFile,
      session: "petrel-fetch",
    };
    const error: unknown = await webIdentityCredentials(
      identity,
      new HttpClient(http),
      () => 0,
    )(signal()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ found: "HTTP 403 AccessDenied", terminal: true });
    expect(String(error)).not.toContain("5ecret");
  } finally {
    await rm(folder, { recursive: true });
  }
});
