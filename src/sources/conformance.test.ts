/**
 * What every registered source does alike. A new source adds one row to `FIXTURES`; a scheme without a row
 * fails the first test.
 */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type ModelSource, type OpenedModel, type ResumePoint, SourceError } from "./model-source.ts";
import { parseModelUri } from "./model-uri.ts";
import { MODEL_SOURCES, sourceFor } from "./register.ts";
import type { HttpAccess, SourceSettings } from "./source-settings.ts";
import { serveFile, startModelServer } from "./testdata/model-server.ts";
import { startObjectStore } from "./testdata/object-store.ts";
import { sourceSettings } from "./testdata/settings.ts";

jest.setTimeout(60_000);

/** A place to put a model, and the URIs that lead to it or to trouble. */
interface Fixture extends AsyncDisposable {
  readonly settings: SourceSettings;
  /** The URI of the model. */
  readonly model: string;
  /** The URI of a directory that holds the model alone, as `a model #1.onnx`; undefined where there are none. */
  readonly directory?: string;
  /** A URI where nothing is. */
  readonly missing: string;
  /** A URI that cannot be read for another reason than being missing. */
  readonly unreadable: string;
  /** Puts other bytes at the URI of the model. */
  replace(bytes: Uint8Array): Promise<void>;
}

const FIXTURES: Readonly<Record<string, (bytes: Uint8Array) => Promise<Fixture>>> = {
  file: async (bytes) => {
    const fixture = await folderFixture(bytes);
    const uri = (path: string) => pathToFileURL(join(fixture.folder, path)).href;
    return { ...fixture, ...urisBy(uri), unreadable: "file:///dev/null" };
  },
  http: (bytes) => httpFixture(bytes),
  https: async (bytes) => {
    const testdata = join(import.meta.dirname, "testdata");
    const key = await readFile(join(testdata, "localhost.key"), "utf8");
    const cert = await readFile(join(testdata, "localhost.crt"), "utf8");
    return await httpFixture(bytes, { key, cert });
  },
  oci: async (bytes) => {
    const fixture = await folderFixture(bytes);
    const image = `oci://registry.example:5000/models/ranker@sha256:${"0".repeat(64)}`;
    // An image is mounted as a whole: its root is the directory.
    const settings = { ...fixture.settings, imageFolder: join(fixture.folder, "models") };
    const uri = (path: string) => `${image}/${encodeURIComponent(path.slice("models/".length))}`;
    return { ...fixture, ...urisBy(uri), directory: image, settings, unreadable: `${image}/../pipe` };
  },
  pvc: async (bytes) => {
    const fixture = await folderFixture(bytes);
    const uri = (path: string) => `pvc://claim/${path.split("/").map(encodeURIComponent).join("/")}`;
    return { ...fixture, ...urisBy(uri), unreadable: "pvc://claim/%2e%2e%2fmodel" };
  },
  s3: async (bytes) => {
    const store = await startObjectStore(new Map([["models/a model #1.onnx", bytes]]));
    const uri = (path: string) => `s3://bucket/${path.split("/").map(encodeURIComponent).join("/")}`;
    return {
      ...urisBy(uri),
      settings: sourceSettings({ s3: store.access }),
      unreadable: "s3://forbidden/model.onnx",
      replace: async (replacement) => store.put("models/a model #1.onnx", replacement),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  },
};

const FILE = "a model #1.onnx";

function urisBy(uri: (path: string) => string) {
  return { model: uri(`models/${FILE}`), directory: uri("models"), missing: uri("models/missing.onnx") };
}

/** More than any buffer between a source and its reader, so that a stream is still open after one piece. */
const MODEL = pattern(8 << 20);

test("every registered scheme has a fixture", () => {
  expect([...MODEL_SOURCES.keys()]).toEqual(Object.keys(FIXTURES));
});

describe.each(Object.entries(FIXTURES))("the source of %s:", (_scheme, makeFixture) => {
  let fixture: Fixture;
  const open = (uri: string, resume?: ResumePoint) => openWith(fixture.settings, uri, resume);
  const validatorOf = async (uri: string): Promise<string> => {
    await using opened = await open(uri);
    if (opened.validator === undefined) throw new Error("the source gives no validator");
    return opened.validator;
  };

  beforeAll(async () => {
    fixture = await makeFixture(MODEL);
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  test("gives the bytes, what identifies them, and their number before they are read", async () => {
    await using opened = await open(fixture.model);
    expect(opened).toMatchObject({ offsetBytes: 0, totalBytes: MODEL.byteLength });
    expect(opened.validator).toBeDefined();
    expect((await bytesOf(opened.body)).equals(MODEL)).toBe(true);
  });

  test("locates a file, and a directory with its files and their sizes", async () => {
    const { settings, model, directory, missing } = fixture;
    const signal = AbortSignal.timeout(60_000);
    const located = async (uri: string) =>
      await sourceOf(uri, settings).locate({ url: new URL(uri), signal });
    if (!model.startsWith("oci:")) expect(await located(model)).toEqual({ type: "File" });
    if (directory === undefined) return;
    const location = await located(directory);
    const type = directory.startsWith("oci:") ? "Mounted" : "Directory";
    expect(location).toMatchObject({ type, files: [{ path: FILE, sizeBytes: MODEL.byteLength }] });
    const [file] = location.type === "File" ? [] : location.files;
    await using opened = await open(file?.url.href ?? "");
    expect((await bytesOf(opened.body)).equals(MODEL)).toBe(true);
    if (!model.startsWith("oci:")) await errorOf(located(missing));
  });

  test("goes on from the middle of unchanged bytes", async () => {
    const validator = await validatorOf(fixture.model);
    await using opened = await open(fixture.model, { offsetBytes: 5_000_000, validator });
    expect(opened).toMatchObject({ offsetBytes: 5_000_000, totalBytes: MODEL.byteLength, validator });
    expect((await bytesOf(opened.body)).equals(MODEL.subarray(5_000_000))).toBe(true);
  });

  test("starts again when the bytes have changed", async () => {
    const validator = await validatorOf(fixture.model);
    const changed = MODEL.toReversed();
    await fixture.replace(changed);
    try {
      await using opened = await open(fixture.model, { offsetBytes: 5_000_000, validator });
      expect(opened.offsetBytes).toBe(0);
      expect(opened.validator).not.toBe(validator);
      expect((await bytesOf(opened.body)).equals(changed)).toBe(true);
    } finally {
      await fixture.replace(MODEL);
    }
  });

  test("refuses for good what is not there", async () => {
    const error = await errorOf(open(fixture.missing));
    expect(error).toMatchObject({ terminal: true, expected: expect.any(String), found: expect.any(String) });
  });

  test("refuses what cannot be read, with what it expected and found", async () => {
    const error = await errorOf(open(fixture.unreadable));
    expect(error.expected).not.toBe("");
    expect(error.found).not.toBe("");
    expect(error.message).toContain(error.found);
  });

  test("opens nothing under a signal that is already aborted", async () => {
    const { source, url } = resolved(fixture.settings, fixture.model);
    await errorOf(source.open({ url, signal: AbortSignal.abort() }));
  });

  test("ends a stream in the middle when the signal is aborted", async () => {
    const controller = new AbortController();
    const { source, url } = resolved(fixture.settings, fixture.model);
    const { body } = await source.open({ url, signal: controller.signal });
    const iterator = body[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    controller.abort();
    await errorOf(drain(iterator));
  });

  test("survives that an opened stream is never read", async () => {
    const controller = new AbortController();
    const { source, url } = resolved(fixture.settings, fixture.model);
    await source.open({ url, signal: controller.signal });
    controller.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

/** Bytes that are the same nowhere near each other. */
function pattern(sizeBytes: number): Uint8Array {
  const words = new Uint32Array(sizeBytes / 4);
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index, 2_654_435_761);
  return new Uint8Array(words.buffer);
}

function resolved(settings: SourceSettings, uri: string): { source: ModelSource; url: URL } {
  const parsed = parseModelUri(uri);
  return { source: sourceFor(parsed, settings), url: parsed.url };
}

function sourceOf(uri: string, settings: SourceSettings): ModelSource {
  return resolved(settings, uri).source;
}

/** Opens a URI; disposing of the result ends the stream. */
async function openWith(
  settings: SourceSettings,
  uri: string,
  resume?: ResumePoint,
): Promise<OpenedModel & AsyncDisposable> {
  const { source, url } = resolved(settings, uri);
  const done = new AbortController();
  const opened = await source.open({ url, resume, signal: done.signal });
  return { ...opened, [Symbol.asyncDispose]: async () => done.abort() };
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function drain(iterator: AsyncIterator<Uint8Array>): Promise<void> {
  while ((await iterator.next()).done !== true);
}

/** The SourceError that a promise is rejected with; any other end fails the test. */
async function errorOf(work: Promise<unknown>): Promise<SourceError> {
  const error: unknown = await work.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (error instanceof SourceError) return error;
  throw error;
}

/** The model in a folder of its own inside another one. */
async function folderFixture(bytes: Uint8Array) {
  const folder = await mkdtemp(join(tmpdir(), "petrel-source-"));
  const path = join(folder, "models", FILE);
  await mkdir(join(folder, "models"));
  await writeFile(path, bytes);
  await mkdir(join(folder, "claims"));
  await symlink(folder, join(folder, "claims", "claim"));
  return {
    folder,
    settings: sourceSettings({ claimsFolder: join(folder, "claims"), imageFolder: folder }),
    replace: (replacement: Uint8Array) => writeFile(path, replacement),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function httpFixture(bytes: Uint8Array, tls?: { key: string; cert: string }): Promise<Fixture> {
  let served = bytes;
  let version = 1;
  const server = await startModelServer((request, response, number) => {
    if (request.url !== "/model.onnx") response.writeHead(404).end();
    else serveFile(served, { etag: `"${version}"` })(request, response, number);
  }, tls);
  const closed = await startModelServer((_request, response) => response.destroy(), tls);
  await closed[Symbol.asyncDispose]();
  const http: HttpAccess = { authorities: tls === undefined ? [] : [tls.cert] };
  return {
    settings: sourceSettings({ http }),
    model: server.url,
    missing: new URL("/missing.onnx", server.url).href,
    unreadable: closed.url,
    replace: async (replacement) => {
      served = replacement;
      version++;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
