/**
 * The real command in a process of its own: exit codes, the termination message, signals, and above all
 * SIGKILL at any moment, after which the target must be absent or complete.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { FETCH_MOUNT } from "../api/names.ts";
import { type Answer, serveFile, startModelServer } from "../sources/testdata/model-server.ts";
import { startProxy } from "../sources/testdata/proxy-server.ts";
import { finishDigest, startDigest } from "./digest.ts";

const MODEL = Buffer.from(Uint8Array.from({ length: 4_000_000 }, (_, index) => (index * 7919) >> 5));
const OTHER_MODEL = Buffer.from(MODEL.toReversed());
const DIGEST = digestOf(MODEL);

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

jest.setTimeout(30_000);

let directory: string;
let volume: string;
let target: string;
let terminationLog: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "petrel-fetch-command-"));
  volume = join(directory, "volume");
  target = join(volume, "model");
  terminationLog = join(directory, "termination-log");
  await mkdir(volume);
  await writeFile(terminationLog, "");
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function digestOf(bytes: Uint8Array): string {
  return finishDigest(startDigest().update(bytes));
}

/** Starts `petrel fetch`; `shell` runs before it in the same process. */
function start(
  uri: string,
  { digest = DIGEST, shell = "", into = target, more = [] as readonly string[] } = {},
): ChildProcess {
  const args = [
    "--uri",
    uri,
    "--digest",
    digest,
    "--target",
    into,
    "--termination-log",
    terminationLog,
    ...more,
  ];
  const node = [process.execPath, MAIN, "fetch", ...args];
  return spawn("/bin/sh", ["-c", `${shell} exec "$@"`, "sh", ...node], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Waits for the end: exit code (null after a signal) and log. */
async function ended(child: ChildProcess): Promise<{ exitCode: number | null; log: string }> {
  let log = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  await once(child, "close");
  return { exitCode: child.exitCode, log };
}

test("exit code 0: the model is there, and logged; no termination message", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const { exitCode, log } = await ended(start(server.url));
  expect(exitCode).toBe(0);
  expect(JSON.parse(log)).toMatchObject({ "log.level": "info", "file.size": MODEL.byteLength });
  expect(await readFile(terminationLog, "utf8")).toBe("");
  expect(digestOf(await readFile(join(target, "model.onnx")))).toBe(DIGEST);
});

test("exit code 1: one JSON line tells the check, what it expected and found", async () => {
  await using server = await startModelServer(serveFile(OTHER_MODEL));
  const { exitCode } = await ended(start(server.url));
  expect(exitCode).toBe(1);
  const line = await readFile(terminationLog, "utf8");
  const found = digestOf(OTHER_MODEL);
  expect(line.endsWith("}\n")).toBe(true);
  expect(JSON.parse(line)).toMatchObject({ check: "Digest", expected: DIGEST, found, terminal: true });
  expect(await readdir(volume)).toEqual([]);
});

test("a disk that takes no more bytes fails the check Write, and nothing is left on it", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  // Blocks of 512 bytes: 1 MB, a quarter of the model.
  const { exitCode } = await ended(start(server.url, { shell: "ulimit -f 2000;" }));
  expect(exitCode).toBe(1);
  expect(JSON.parse(await readFile(terminationLog, "utf8"))).toMatchObject({
    check: "Write",
    found: "EFBIG",
  });
  expect(await readdir(volume)).toEqual([]);
});

test("a proxy that says nothing does not keep the command from ending, and its credentials are told nowhere", async () => {
  await using proxy = await startProxy({ isSilent: true });
  const through = ["--proxy", proxy.url.replace("://", "://petrel:5ecret@"), "--timeout", "1s"];
  const { exitCode, log } = await ended(start("https://models.example/model.onnx", { more: through }));
  expect(exitCode).toBe(1);
  const told = await readFile(terminationLog, "utf8");
  expect(JSON.parse(told)).toMatchObject({ check: "Timeout" });
  expect(proxy.requests.map(({ url }) => url)).toEqual(["models.example:443"]);
  expect(log + told).not.toMatch(/5ecret|cGV0cmVs/);
});

test.each(["socks5://petrel:5ecret@127.0.0.1:1080", "http://petrel:5ecret@127.0.0.1:3128/path"])(
  "the proxy %s is refused, not passed over, and its credentials are told nowhere",
  async (url) => {
    await using server = await startModelServer(serveFile(MODEL));
    const { exitCode, log } = await ended(start(server.url, { more: ["--proxy", url] }));
    expect(exitCode).toBe(1);
    const told = await readFile(terminationLog, "utf8");
    expect(JSON.parse(told)).toMatchObject({
      check: "Settings",
      expected: "http://HOST:PORT",
      terminal: true,
    });
    expect(log + told).not.toContain("5ecret");
    expect(server.requests).toHaveLength(0);
  },
);

test.each(["SIGTERM", "SIGINT"] as const)("%s ends it at once; nothing is left", async (signal) => {
  const asked = Promise.withResolvers<void>();
  await using server = await startModelServer((_request, response) => {
    response.writeHead(200, { "content-length": MODEL.byteLength });
    response.write(MODEL.subarray(0, 1_000_000), () => asked.resolve());
  });
  const child = start(server.url);
  await asked.promise;
  child.kill(signal);
  const { exitCode, log } = await ended(child);
  expect(exitCode).toBe(1);
  expect(log).toContain(`interrupted by ${signal}`);
  expect(await readdir(volume)).toEqual([]);
});

test("killed at any moment, the target is absent or complete; the next start goes on from there", async () => {
  const random = seededRandom(20_260_401);
  const answer = new PacedAnswer(MODEL);
  await using server = await startModelServer(answer.serve);
  let killed = 0;
  for (let round = 0; round < 24; round++) {
    const before = await prepareTarget(random);
    const child = start(server.url);
    const end = ended(child);
    const kill = () => child.kill("SIGKILL");
    switch (round % 3) {
      case 0: // while Node starts, looks at the target, or connects
        setTimeout(kill, random() * 400);
        break;
      case 1: // while bytes come
        answer.afterBytes(random() * MODEL.byteLength, kill);
        break;
      default: // while the model is verified, synced, renamed
        answer.afterBytes(MODEL.byteLength, () => setTimeout(kill, random() * 30));
    }
    if ((await end).exitCode === null) killed++;
    await expectWholeOrAbsent(before);
  }
  expect(killed).toBeGreaterThan(0);

  expect((await ended(start(server.url))).exitCode).toBe(0);
  expect(await readdir(volume)).toEqual(["model"]);
  expect(digestOf(await readFile(join(target, "model.onnx")))).toBe(DIGEST);
}, 360_000);

test("a cache that two writers share survives the death of either at any moment", async () => {
  const random = seededRandom(20_260_402);
  const answer = new PacedAnswer(MODEL);
  await using server = await startModelServer(answer.serve);
  const cache = join(directory, "cache");
  await mkdir(cache);
  const layout = join(cache, "petrel-cache-v1");
  const entry = join(layout, DIGEST.replace(":", "-"));
  const outcomes = new Set<string>();
  for (let round = 0; round < 8; round++) {
    if (random() < 0.5) await rm(entry, { recursive: true, force: true });
    const writers = [0, 1].map(async (number) => {
      const into = join(volume, `writer-${number}`);
      await rm(into, { recursive: true, force: true });
      const child = start(server.url, { into, more: ["--cache", cache] });
      const end = ended(child);
      const kill = () => child.kill("SIGKILL");
      // One of the two dies: at some time, or while bytes come, or soon after the last one.
      if (number === 0) {
        if (round % 2 === 0) setTimeout(kill, random() * 800);
        else
          answer.afterBytes(MODEL.byteLength * Math.min(1, random() * 1.5), () =>
            setTimeout(kill, random() * 60),
          );
      }
      return (await end).exitCode;
    });
    for (const exitCode of await Promise.all(writers)) outcomes.add(String(exitCode));
    const names: readonly string[] = await readdir(layout).catch(() => []);
    for (const name of names) expect(name).toMatch(/^(draft-|sha256-)/);
    if (names.includes(DIGEST.replace(":", "-")))
      expect(digestOf(await readFile(join(entry, "file")))).toBe(DIGEST);
  }
  // One of each round lived, and succeeded.
  expect(outcomes).toContain("0");
  expect(outcomes).toContain("null");
  expect(outcomes).not.toContain("1");

  expect((await ended(start(server.url, { more: ["--cache", cache] }))).exitCode).toBe(0);
  const asked = server.requests.length;
  const again = start(server.url, { into: join(volume, "again"), more: ["--cache", cache] });
  expect((await ended(again)).log).toContain("the model from the cache is verified");
  expect(server.requests).toHaveLength(asked);
}, 240_000);

test("an exception to the proxy that cannot be read is refused, not passed over", async () => {
  await using server = await startModelServer(serveFile(MODEL));
  const more = ["--proxy", "http://127.0.0.1:3128", "--proxy-exceptions", "store.example,10.0.0.0/33"];
  expect((await ended(start(server.url, { more }))).exitCode).toBe(1);
  const told: unknown = JSON.parse(await readFile(terminationLog, "utf8"));
  expect(told).toMatchObject({ check: "Settings", found: "10.0.0.0/33", terminal: true });
});

test("a Secret that is missing is told by its name and key, as what the spec says", async () => {
  const publicKey = join(FETCH_MOUNT.secrets, "signing/cosign.pub");
  await using server = await startModelServer(serveFile(MODEL));
  const more = ["--verify", "DetachedSignature", "--public-key", publicKey, "--signature", server.url];
  expect((await ended(start(server.url, { more }))).exitCode).toBe(1);
  expect(JSON.parse(await readFile(terminationLog, "utf8"))).toMatchObject({
    check: "Settings",
    expected: "key cosign.pub of Secret signing",
    found: "nothing",
  });
});

/** Chooses what the next start finds: nothing, another model, or whatever the last one left. */
async function prepareTarget(random: () => number): Promise<"Other" | "Any"> {
  const choice = random();
  if (choice < 0.25) return "Any";
  await rm(target, { recursive: true, force: true });
  if (choice < 0.75) return "Any";
  await mkdir(target);
  await writeFile(join(target, "model.onnx"), OTHER_MODEL);
  return "Other";
}

async function expectWholeOrAbsent(before: "Other" | "Any"): Promise<void> {
  const names = await readdir(volume);
  for (const name of names) expect(name).toMatch(/^model$|^\.model\.fetch-/);
  if (!names.includes("model")) return;
  expect(await readdir(target)).toEqual(["model.onnx"]);
  const found = digestOf(await readFile(join(target, "model.onnx")));
  // What was there before a start may still be there when that start was killed before it looked.
  expect(before === "Other" ? [DIGEST, digestOf(OTHER_MODEL)] : [DIGEST]).toContain(found);
}

/** Serves a model piece by piece, and calls back when a number of bytes has been sent. */
class PacedAnswer {
  readonly #bytes: Uint8Array;
  #callback: { afterBytes: number; call: () => void } | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  afterBytes(afterBytes: number, call: () => void): void {
    this.#callback = { afterBytes, call };
  }

  readonly serve: Answer = (_request, response) => {
    response.writeHead(200, { "content-length": this.#bytes.byteLength });
    const sendFrom = (offset: number): void => {
      if (this.#callback !== undefined && offset >= this.#callback.afterBytes) {
        this.#callback.call();
        this.#callback = undefined;
      }
      if (offset >= this.#bytes.byteLength) response.end();
      else response.write(this.#bytes.subarray(offset, offset + 65_536), () => sendFrom(offset + 65_536));
    };
    sendFrom(0);
  };
}

/** The generator mulberry32, of [0, 1). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
