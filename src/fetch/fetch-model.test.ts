/**
 * Whole fetches from real servers, good and bad, onto a real disk. After each, the volume holds the target,
 * complete and right, or nothing at all.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { serveFile, startModelServer } from "../sources/testdata/model-server.ts";
import { sourceSettings } from "../sources/testdata/settings.ts";
import type { FetchFailure } from "./failure.ts";
import { type FetchEnvironment, type FetchRequest, type FetchResult, fetchModel } from "./fetch-model.ts";
import { MAX_FAILURES_WITHOUT_PROGRESS } from "./retry-schedule.ts";

const MODEL = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * 7919) >> 5));
const OTHER_MODEL = Buffer.from(MODEL.toReversed());
const ETAG = '"1"';

let directory: string;
let volume: string;
let target: string;
let logLines: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "petrel-fetch-"));
  volume = join(directory, "volume");
  await mkdir(volume);
  target = join(volume, "model");
  logLines = [];
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function fetchFrom(
  uri: string,
  request: Partial<FetchRequest> = {},
  environment: Partial<FetchEnvironment> = {},
): Promise<FetchResult> {
  const defaults = { uri, digest: digestOf(MODEL), target, maxBytes: 1 << 30, timeoutMilliseconds: 20_000 };
  return fetchModel(
    { ...defaults, ...request },
    {
      clock: systemClock,
      random: () => 0,
      logger: createLogger({ write: (line) => logLines.push(line), now: systemClock.now }),
      signal: new AbortController().signal,
      settings: sourceSettings(),
      patience: { openMilliseconds: 5_000, idleMilliseconds: 5_000 },
      ...environment,
    },
  );
}

async function failureOf(work: Promise<unknown>): Promise<FetchFailure> {
  return await work.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: FetchFailure) => {
      if (error.name !== "FetchFailure") throw error;
      return error;
    },
  );
}

async function expectModelAlone(): Promise<void> {
  expect(await readdir(volume)).toEqual(["model"]);
  expect(await readdir(target)).toEqual(["model.onnx"]);
  expect(digestOf(await readFile(join(target, "model.onnx")))).toBe(digestOf(MODEL));
}

async function expectEmptyVolume(): Promise<void> {
  expect(await readdir(volume)).toEqual([]);
}

describe("a good source", () => {
  test("gives a model that any user may read and nobody changes by accident", async () => {
    await using server = await startModelServer(serveFile(MODEL));
    const result = await fetchFrom(server.url);
    expect(result).toEqual({ type: "Downloaded", sizeBytes: MODEL.byteLength, digest: digestOf(MODEL) });
    await expectModelAlone();
    expect((await stat(target)).mode & 0o777).toBe(0o755);
    expect((await stat(join(target, "model.onnx"))).mode & 0o777).toBe(0o444);
  });

  test("may say no length", async () => {
    await using server = await startModelServer(serveFile(MODEL, { withoutLength: true }));
    await fetchFrom(server.url);
    await expectModelAlone();
  });

  test("may be a file; the name at the source does not matter", async () => {
    const source = join(directory, "ranker-42.bin");
    await writeFile(source, MODEL);
    await fetchFrom(`file://${source}`);
    await expectModelAlone();
  });

  test("may give a model of exactly the largest size", async () => {
    await using server = await startModelServer(serveFile(MODEL));
    await fetchFrom(server.url, { maxBytes: MODEL.byteLength });
    await expectModelAlone();
  });
});

describe("what is at the target already", () => {
  async function put(name: string, bytes: Uint8Array): Promise<void> {
    await mkdir(target, { recursive: true });
    await writeFile(join(target, name), bytes);
  }

  test("is kept without a request when it verifies", async () => {
    await using server = await startModelServer(serveFile(MODEL));
    await put("model.onnx", MODEL);
    const { ino } = await stat(target);
    expect(await fetchFrom(server.url)).toMatchObject({ type: "Kept", sizeBytes: MODEL.byteLength });
    expect(server.requests).toHaveLength(0);
    expect((await stat(target)).ino).toBe(ino);
  });

  test.each([
    ["half a model", MODEL.subarray(0, 500_000)],
    ["another model", OTHER_MODEL],
    ["an empty model", Buffer.alloc(0)],
  ])("is replaced when it is %s", async (_what, bytes) => {
    await using server = await startModelServer(serveFile(MODEL));
    await put("model.onnx", bytes);
    expect(await fetchFrom(server.url)).toMatchObject({ type: "Downloaded" });
    await expectModelAlone();
  });

  test("is replaced when it is an empty directory", async () => {
    await using server = await startModelServer(serveFile(MODEL));
    await mkdir(target);
    await fetchFrom(server.url);
    await expectModelAlone();
  });

  test("is gone before the download when it does not verify, so also when the download fails", async () => {
    await using server = await startModelServer((_request, response) => response.writeHead(404).end());
    await put("model.onnx", OTHER_MODEL);
    await failureOf(fetchFrom(server.url));
    await expectEmptyVolume();
  });

  test.each([
    ["a directory with another file", () => put("notes.txt", MODEL), "notes.txt"],
    [
      "a directory in the place of the model",
      () => mkdir(join(target, "model.onnx"), { recursive: true }),
      "model.onnx",
    ],
    ["a file", () => writeFile(target, MODEL), "not a directory"],
    ["a link", () => symlink("elsewhere", target), "not a directory"],
  ])("is not touched when it is %s", async (_what, make, found) => {
    await using server = await startModelServer(serveFile(MODEL));
    await make();
    const before = await readdir(volume, { recursive: true });
    const failure = await failureOf(fetchFrom(server.url));
    expect(failure).toMatchObject({ check: "Write", terminal: true, found: expect.stringContaining(found) });
    expect(await readdir(volume, { recursive: true })).toEqual(before);
    expect(server.requests).toHaveLength(0);
  });

  test("what killed attempts left beside it goes, and nothing else", async () => {
    await using server = await startModelServer(serveFile(MODEL));
    await mkdir(join(volume, ".model.fetch-abc123", "discarded"), { recursive: true });
    await writeFile(join(volume, ".model.fetch-abc123", "discarded", "model.onnx"), MODEL);
    await mkdir(join(volume, ".other.fetch-abc123"));
    await writeFile(join(volume, "notes.txt"), "");
    await fetchFrom(server.url);
    expect((await readdir(volume)).sort()).toEqual([".other.fetch-abc123", "model", "notes.txt"]);
  });
});

describe("a broken line", () => {
  test("is taken up where it broke, again and again", async () => {
    const behaviour = { etag: ETAG, cutAfterBytes: 100_000 };
    await using server = await startModelServer(serveFile(MODEL, behaviour));
    await fetchFrom(server.url);
    await expectModelAlone();
    const offsets = server.requests.map(({ headers }) => Number(/\d+/.exec(headers.range ?? "0")?.[0]));
    // More breaks than may follow each other without progress.
    expect(offsets.length).toBeGreaterThan(MAX_FAILURES_WITHOUT_PROGRESS);
    for (const [index, offset] of offsets.entries()) expect(offset).toBeGreaterThan(offsets[index - 1] ?? -1);
  });

  test.each([
    ["Range is ignored", { etag: ETAG, ranges: false }],
    ["there is no ETag", {}],
    ["the ETag is weak", { etag: 'W/"1"' }],
  ])("starts again when %s", async (_what, behaviour) => {
    await using server = await startModelServer((request, response, number) => {
      serveFile(MODEL, number === 1 ? { ...behaviour, cutAfterBytes: 300_000 } : behaviour)(
        request,
        response,
        number,
      );
    });
    await fetchFrom(server.url);
    await expectModelAlone();
    expect(server.requests).toHaveLength(2);
  });

  test("never joins two versions of a model", async () => {
    await using server = await startModelServer((request, response, number) => {
      const first = number === 1;
      const behaviour = first ? { etag: '"old"', cutAfterBytes: 300_000 } : { etag: '"new"' };
      serveFile(first ? OTHER_MODEL : MODEL, behaviour)(request, response, number);
    });
    await fetchFrom(server.url);
    await expectModelAlone();
  });

  test("is given up after a bounded number of attempts without progress", async () => {
    await using server = await startModelServer((_request, response) => response.destroy());
    const failure = await failureOf(fetchFrom(server.url));
    expect(failure).toMatchObject({ check: "Source", found: "ECONNRESET", terminal: false });
    expect(server.requests).toHaveLength(MAX_FAILURES_WITHOUT_PROGRESS);
    await expectEmptyVolume();
  });

  test("may be an overloaded server", async () => {
    await using server = await startModelServer((request, response, number) => {
      if (number < 4) response.writeHead(503, { "retry-after": "0" }).end();
      else serveFile(MODEL)(request, response, number);
    });
    await fetchFrom(server.url);
    await expectModelAlone();
  });

  test("may be silent in the middle", async () => {
    await using server = await startModelServer((request, response, number) => {
      if (number > 1) {
        serveFile(MODEL, { etag: ETAG })(request, response, number);
        return;
      }
      response.writeHead(200, { "content-length": MODEL.byteLength, etag: ETAG });
      response.write(MODEL.subarray(0, 200_000));
    });
    await fetchFrom(server.url, {}, { patience: { openMilliseconds: 5_000, idleMilliseconds: 100 } });
    await expectModelAlone();
    expect(server.requests[1]?.headers.range).toBe("bytes=200000-");
  });

  test("may be silent from the start", async () => {
    await using server = await startModelServer(() => {});
    const patience = { openMilliseconds: 50, idleMilliseconds: 5_000 };
    const failure = await failureOf(fetchFrom(server.url, {}, { patience }));
    expect(failure).toMatchObject({ check: "Source", found: "silence", terminal: false });
    expect(server.requests).toHaveLength(MAX_FAILURES_WITHOUT_PROGRESS);
    await expectEmptyVolume();
  });
});

describe("a bad source", () => {
  test("with the wrong bytes fails the digest, with both named, and nothing is visible", async () => {
    await using server = await startModelServer(serveFile(OTHER_MODEL));
    const failure = await failureOf(fetchFrom(server.url));
    const [expected, found] = [digestOf(MODEL), digestOf(OTHER_MODEL)];
    expect(failure).toMatchObject({ check: "Digest", expected, found, terminal: true });
    expect(failure.message).toContain(`expected ${expected}, found ${found}`);
    await expectEmptyVolume();
  });

  test("that says less than it sends fails the digest", async () => {
    await using server = await startModelServer((_request, response) => {
      response.socket?.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n");
      response.socket?.end(MODEL);
    });
    const failure = await failureOf(fetchFrom(server.url));
    expect(failure).toMatchObject({ check: "Digest", found: digestOf(MODEL.subarray(0, 1000)) });
    await expectEmptyVolume();
  });

  test("with no such model is asked once", async () => {
    await using server = await startModelServer((_request, response) => response.writeHead(404).end());
    const failure = await failureOf(fetchFrom(server.url));
    expect(failure).toMatchObject({ check: "Source", found: "HTTP 404 Not Found", terminal: true });
    expect(server.requests).toHaveLength(1);
    await expectEmptyVolume();
  });

  test("with too large a model is left before its first byte", async () => {
    await using server = await startModelServer((_request, response) => {
      response.writeHead(200, { "content-length": 1_000_001 }).flushHeaders();
    });
    const failure = await failureOf(fetchFrom(server.url, { maxBytes: 1_000_000 }));
    expect(failure).toMatchObject({
      check: "Size",
      expected: "at most 1000000 bytes",
      found: "1000001 bytes",
      terminal: true,
    });
    await expectEmptyVolume();
  });

  test("without an end is left at the largest size", async () => {
    await using server = await startModelServer((_request, response) => {
      const more = () => response.writableEnded || response.destroyed || response.write(MODEL, more);
      more();
    });
    const failure = await failureOf(fetchFrom(server.url, { maxBytes: 5_000_000 }));
    expect(failure).toMatchObject({ check: "Size", found: "more", terminal: true });
    await expectEmptyVolume();
  });

  test("that trickles is left when the time is over", async () => {
    await using server = await startModelServer((_request, response) => {
      const timer = setInterval(() => response.write("x"), 10);
      response.on("close", () => clearInterval(timer));
    });
    const failure = await failureOf(fetchFrom(server.url, { timeoutMilliseconds: 300 }));
    expect(failure).toMatchObject({ check: "Timeout", expected: "at most 300ms", terminal: false });
    expect(failure.found).toMatch(/^\d+ bytes$/);
    await expectEmptyVolume();
  });

  test("that is down until the time is over is named in the failure", async () => {
    await using server = await startModelServer((_request, response) => {
      response.writeHead(503, { "retry-after": "3600" }).end();
    });
    const failure = await failureOf(fetchFrom(server.url, { timeoutMilliseconds: 300 }));
    expect(failure).toMatchObject({ check: "Timeout", found: expect.stringContaining("HTTP 503") });
    await expectEmptyVolume();
  });
});

test.each([
  [{ digest: "sha256:abc" }, "Digest"],
  [{ digest: `md5:${"0".repeat(32)}` }, "Digest"],
  [{ uri: "models/m.onnx" }, "Source"],
  [{ uri: "gs://bucket/key" }, "Source"],
  [{ digest: undefined }, "Digest"],
])("%j fails the check %s at once", async (request, check) => {
  const failure = await failureOf(fetchFrom("file:///nowhere", request));
  expect(failure).toMatchObject({ check, terminal: true });
});

test.each([
  ["is missing", () => join(volume, "missing", "model"), "ENOENT", true],
  ["is a file", () => join(volume, "file", "model"), "ENOTDIR", true],
  ["takes no directories", () => "/proc/self/fdinfo/model", expect.stringMatching(/^E/), expect.any(Boolean)],
])("a parent directory that %s fails the check Write", async (_what, path, found, terminal) => {
  await using server = await startModelServer(serveFile(MODEL));
  await writeFile(join(volume, "file"), "");
  const failure = await failureOf(fetchFrom(server.url, { target: path() }));
  expect(failure).toMatchObject({ check: "Write", found, terminal });
  expect(server.requests).toHaveLength(0);
});

test("a mark that a killed fetch left speaks for nothing that is put there later", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  await writeFile(join(volume, ".model.fetched"), "");
  await fetchFrom(server.url);
  expect(await readdir(volume)).toEqual(["model"]);
  await rm(target, { recursive: true });
  await mkdir(target);
  await writeFile(join(target, "notes.txt"), "somebody's");
  const failure = await failureOf(fetchFrom(server.url));
  expect(failure).toMatchObject({ check: "Write", found: expect.stringContaining("notes.txt") });
  expect(await readFile(join(target, "notes.txt"), "utf8")).toBe("somebody's");
});

test("ends with the reason of the signal, and nothing is visible", async () => {
  const controller = new AbortController();
  await using server = await startModelServer((_request, response) => {
    response.writeHead(200);
    response.write("x", () => setTimeout(() => controller.abort(new Error("the pod is deleted")), 50));
  });
  await expect(fetchFrom(server.url, {}, { signal: controller.signal })).rejects.toThrow(
    "the pod is deleted",
  );
  await expectEmptyVolume();
});

test("logs no secret of the URI and one line for each retry", async () => {
  await using server = await startModelServer((request, response, number) => {
    serveFile(MODEL, number === 1 ? { cutAfterBytes: 1000 } : {})(request, response, number);
  });
  await fetchFrom(`${server.url.replace("http://", "http://user:5ecret@")}?signature=5ecret`);
  expect(logLines).toHaveLength(1);
  expect(logLines[0]).toContain("trying again");
  expect(logLines.join("")).not.toContain("5ecret");
});
