/**
 * The cache as fetches see it: faster, never believed, and never a reason to fail.
 */
import { chmod, mkdir, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { type Clock, systemClock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { serveFile, startModelServer } from "../sources/testdata/model-server.ts";
import { startObjectStore } from "../sources/testdata/object-store.ts";
import { sourceSettings } from "../sources/testdata/settings.ts";
import type { Digest } from "./digest.ts";
import { ModelCache } from "./model-cache.ts";
import { digestOf, directoryDigest, FetchFixture } from "./testdata/fetch-fixture.ts";

jest.setTimeout(60_000);

const MODEL = Buffer.from("a model ".repeat(1000));
const DIGEST = digestOf(MODEL) as Digest;

async function cachedFixture() {
  const fixture = await FetchFixture.create();
  const cacheFolder = join(fixture.folder, "cache");
  await mkdir(cacheFolder);
  return { fixture, cacheFolder, entry: join(cacheFolder, "petrel-cache-v1", DIGEST.replace(":", "-")) };
}

test("a model is downloaded once for several pods", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const { fixture, cacheFolder, entry } = await cachedFixture();
  await using _ = fixture;
  const request = { uri: server.url, digest: DIGEST, cacheFolder };
  expect(await fixture.fetch(request)).toMatchObject({ type: "Downloaded" });
  expect(await fixture.fetch({ ...request, target: join(fixture.volume, "another") })).toMatchObject({
    type: "Cached",
  });
  expect(server.requests).toHaveLength(1);
  expect(await readdir(join(cacheFolder, "petrel-cache-v1"))).toEqual([DIGEST.replace(":", "-")]);
  expect(await fixture.files(entry)).toEqual({ file: MODEL.toString() });
});

test("a directory is kept with all its files", async () => {
  const files = { "..about.txt": "text", "1/model.onnx": "a model" };
  const objects = Object.entries(files).map(([path, text]) => [`v1/${path}`, Buffer.from(text)] as const);
  await using store = await startObjectStore(new Map(objects));
  const { fixture, cacheFolder } = await cachedFixture();
  await using _ = fixture;
  const settings = sourceSettings({ s3: store.access });
  const request = { uri: "s3://bucket/v1", digest: directoryDigest(files), cacheFolder };
  expect(await fixture.fetch(request, { settings })).toMatchObject({ type: "Downloaded" });
  const asked = store.requests.length;
  const another = { ...request, target: join(fixture.volume, "another") };
  expect(await fixture.fetch(another, { settings })).toMatchObject({ type: "Cached" });
  expect(store.requests).toHaveLength(asked);
  expect(await fixture.files(another.target)).toEqual(files);
});

test.each([
  ["other bytes", async (entry: string) => writeFile(join(entry, "file"), MODEL.toReversed())],
  ["half a model", async (entry: string) => writeFile(join(entry, "file"), MODEL.subarray(0, 4000))],
  ["nothing", async () => {}],
  ["a folder in the place of the file", async (entry: string) => mkdir(join(entry, "file"))],
])("an entry with %s is not believed but replaced", async (_what, corrupt) => {
  await using server = await startModelServer(serveFile(MODEL));
  const { fixture, cacheFolder, entry } = await cachedFixture();
  await using _ = fixture;
  await mkdir(entry, { recursive: true });
  await corrupt(entry);
  const request = { uri: server.url, digest: DIGEST, cacheFolder };
  expect(await fixture.fetch(request)).toMatchObject({ type: "Downloaded" });
  expect(await fixture.files()).toEqual({ "model.onnx": MODEL.toString() });
  const again = { ...request, target: join(fixture.volume, "another") };
  expect(await fixture.fetch(again)).toMatchObject({ type: "Cached" });
});

test("a model that fails a check is never kept", async () => {
  await using server = await startModelServer(serveFile(MODEL.toReversed()));
  const { fixture, cacheFolder } = await cachedFixture();
  await using _ = fixture;
  const failure = await fixture.failure({ uri: server.url, digest: DIGEST, cacheFolder });
  expect(failure).toMatchObject({ check: "Digest" });
  expect(await readdir(cacheFolder)).toEqual([]);
});

test("a volume that cannot be written makes no fetch fail", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const { fixture } = await cachedFixture();
  await using _ = fixture;
  // A file in the place of the volume: no user, not even root, can make a folder in it.
  const cacheFolder = await fixture.write("no-volume", "");
  expect(await fixture.fetch({ uri: server.url, digest: DIGEST, cacheFolder })).toMatchObject({
    type: "Downloaded",
  });
  expect(fixture.logLines.join("")).toContain("the cache cannot be written");
});

test("of two writers one keeps its entry, and nothing else is left", async () => {
  const { fixture, cacheFolder } = await cachedFixture();
  await using _ = fixture;
  const from = await fixture.write("m", MODEL);
  const keeps = Array.from({ length: 8 }, () =>
    new ModelCache(cacheFolder).keep(DIGEST, [{ path: undefined, from }], AbortSignal.timeout(30_000)),
  );
  const isNew = await Promise.all(keeps);
  expect(isNew.filter(Boolean)).toHaveLength(1);
  expect(await readdir(join(cacheFolder, "petrel-cache-v1"))).toEqual([DIGEST.replace(":", "-")]);
});

test("what killed writers left goes after an hour, and what is being written stays", async () => {
  const { fixture, cacheFolder } = await cachedFixture();
  await using _ = fixture;
  const layout = join(cacheFolder, "petrel-cache-v1");
  for (const name of ["draft-old", "draft-new", "draft-active"]) {
    await mkdir(join(layout, name, "entry"), { recursive: true });
    await writeFile(join(layout, name, "entry", "file"), "half");
  }
  const old = new Date(Date.now() - 2 * 3_600_000);
  for (const path of [
    "draft-old/entry/file",
    "draft-old/entry",
    "draft-old",
    "draft-active/entry",
    "draft-active",
  ]) {
    await utimes(join(layout, path), old, old);
  }
  await chmod(layout, 0o755);
  expect(await new ModelCache(cacheFolder).clean()).toBe(1);
  expect((await readdir(layout)).sort()).toEqual(["draft-active", "draft-new"]);
});

test("an entry that is too large for one pod stays for the others", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const { fixture, cacheFolder, entry } = await cachedFixture();
  await using _ = fixture;
  const request = { uri: server.url, digest: DIGEST, cacheFolder };
  await fixture.fetch(request);
  await rm(fixture.target, { recursive: true });
  expect(await fixture.failure({ ...request, maxBytes: MODEL.length - 1 })).toMatchObject({ check: "Size" });
  // The entry is not verified, so it is the source's model that is too large.
  expect(server.requests).toHaveLength(2);
  expect(await fixture.files(entry)).toEqual({ file: MODEL.toString() });
});

test("an entry that is larger than a model may be is gone around, for the model may fit", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const { fixture, cacheFolder, entry } = await cachedFixture();
  await using _ = fixture;
  await mkdir(entry, { recursive: true });
  await writeFile(join(entry, "file"), Buffer.concat([MODEL, MODEL]));
  const request = { uri: server.url, digest: DIGEST, cacheFolder, maxBytes: MODEL.length };
  expect(await fixture.fetch(request)).toMatchObject({ type: "Downloaded" });
  expect(await fixture.files()).toEqual({ "model.onnx": MODEL.toString() });
  expect(fixture.logLines.join("")).toContain("gone around");
});

test("an entry that cannot be read here is gone around, and stays", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const { fixture, cacheFolder, entry } = await cachedFixture();
  await using _ = fixture;
  await mkdir(join(entry, "files"), { recursive: true });
  // Not even root can follow it: the file system's own error, as of a volume that is out of order.
  await symlink("file", join(entry, "files", "file"));
  const request = { uri: server.url, digest: DIGEST, cacheFolder };
  expect(await fixture.fetch(request)).toMatchObject({ type: "Downloaded" });
  expect(fixture.logLines.join("")).toContain("gone around");
  expect(await readdir(join(entry, "files"))).toEqual(["file"]);
});

test("what is not kept in time is given up, and nothing half is visible", async () => {
  const { fixture, cacheFolder } = await cachedFixture();
  await using _ = fixture;
  const from = await fixture.write("m", MODEL);
  const over = AbortSignal.abort(new Error("the time is over"));
  const cache = new ModelCache(cacheFolder);
  await expect(cache.keep(DIGEST, [{ path: undefined, from }], over)).rejects.toThrow();
  expect(await readdir(join(cacheFolder, "petrel-cache-v1"))).toEqual([]);
  expect(await cache.find(DIGEST)).toBeUndefined();
});

test("a model is in place although it could not be kept in time", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const { fixture, cacheFolder } = await cachedFixture();
  await using _ = fixture;
  // What a killed writer left is removed, and told, after the model is in place and before it is kept.
  const layout = join(cacheFolder, "petrel-cache-v1");
  const old = new Date(Date.now() - 2 * 3_600_000);
  await mkdir(join(layout, "draft-old"), { recursive: true });
  await utimes(join(layout, "draft-old"), old, old);
  const timeoutMilliseconds = 3_600_000;
  let endTime = () => {};
  const clock: Clock = {
    ...systemClock,
    schedule: (delay, callback) => {
      if (delay === timeoutMilliseconds) endTime = callback;
      return systemClock.schedule(delay, callback);
    },
  };
  const lines: string[] = [];
  const write = (line: string) => {
    lines.push(line);
    if (line.includes("killed writers")) endTime();
  };
  const request = { uri: server.url, digest: DIGEST, cacheFolder, timeoutMilliseconds };
  const logger = createLogger({ write, now: systemClock.now });
  expect(await fixture.fetch(request, { clock, logger })).toMatchObject({ type: "Downloaded" });
  expect(lines.join("")).toContain("the model is not kept");
  expect(await fixture.files()).toEqual({ "model.onnx": MODEL.toString() });
  expect(await readdir(layout)).toEqual([]);
});

test("what is kept already is not copied again", async () => {
  const { fixture, cacheFolder } = await cachedFixture();
  await using _ = fixture;
  const from = await fixture.write("m", MODEL);
  const cache = new ModelCache(cacheFolder);
  const signal = AbortSignal.timeout(30_000);
  expect(await cache.keep(DIGEST, [{ path: undefined, from }], signal)).toBe(true);
  // A file that is not there could not be copied.
  expect(await cache.keep(DIGEST, [{ path: undefined, from: `${from}-gone` }], signal)).toBe(false);
});
