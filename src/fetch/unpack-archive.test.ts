/**
 * Archives, good ones in every format and bad ones of every kind. A bad one leaves nothing behind.
 */
import { gzipSync } from "node:zlib";
import { describe, expect, jest, test } from "@jest/globals";
import { type Headers, pack } from "tar-stream";
import { peakMemoryOf } from "../../test/fixtures/peak-memory.ts";
import type { ArchiveFormat } from "../api/model-source.ts";
import { digestOf, FetchFixture } from "./testdata/fetch-fixture.ts";
import { zipArchive } from "./testdata/zip-archive.ts";
import { MAX_ENTRIES, RATIO_FREE_BYTES, UnpackBudget } from "./unpack-budget.ts";

jest.setTimeout(120_000);

const FILES = { "model.onnx": "a model", "2/model.onnx": "another", "a b/é.txt": "text" };

type TarEntry = readonly [Headers, string?];

async function tarArchive(entries: readonly TarEntry[]): Promise<Buffer> {
  const packing = pack();
  for (const [header, content] of entries) packing.entry(header, content ?? "");
  packing.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of packing) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const tarOf = (files: Readonly<Record<string, string>>) =>
  tarArchive(Object.entries(files).map(([name, text]) => [{ name }, text] as const));

const GOOD: readonly (readonly [ArchiveFormat, () => Promise<Buffer>])[] = [
  ["Tar", () => tarOf(FILES)],
  ["TarGzip", async () => gzipSync(await tarOf(FILES))],
  [
    "Zip",
    async () =>
      zipArchive(Object.entries(FILES).map(([name, content]) => ({ name, content, compressed: true }))),
  ],
];

/** Fetches an archive from a file. */
async function unpacked(
  fixture: FetchFixture,
  archive: ArchiveFormat,
  bytes: Uint8Array,
  maxBytes = 1 << 30,
) {
  const path = await fixture.write("archive", bytes);
  return { uri: `file://${path}`, digest: digestOf(bytes), archive, maxBytes };
}

test.each(GOOD)("%s gives its files, by the digest of the archive", async (format, archive) => {
  await using fixture = await FetchFixture.create();
  const request = await unpacked(fixture, format, await archive());
  expect(await fixture.fetch(request)).toMatchObject({ type: "Downloaded" });
  expect(await fixture.files()).toEqual({ ...FILES, "a b/é.txt": "text" });
  // Once more, as after a restart of the pod's sandbox: nothing is believed of what was unpacked.
  expect(await fixture.fetch(request)).toMatchObject({ type: "Downloaded" });
});

test("folders and paths that begin with ./ are ordinary", async () => {
  await using fixture = await FetchFixture.create();
  const tar = await tarArchive([
    [{ name: "./", type: "directory" }],
    [{ name: "./1/", type: "directory" }],
    [{ name: "./1/model.onnx" }, "a model"],
  ]);
  await fixture.fetch(await unpacked(fixture, "Tar", tar));
  expect(await fixture.files()).toEqual({ "1/model.onnx": "a model" });
});

/** A tar whose first entry is a header of another kind, with `bytes` of content, before a good file. */
async function tarWithHeader(type: string, bytes: number): Promise<Buffer> {
  const good = await tarOf({ "model.onnx": "a model" });
  const header = Buffer.from(good.subarray(0, 512));
  header.write(bytes.toString(8).padStart(11, "0"), 124, "latin1");
  header.write(type, 156, "latin1");
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, Buffer.alloc(Math.ceil(bytes / 512) * 512, "a"), good]);
}

test.each([
  ["of pax", "x"],
  ["of pax for all entries", "g"],
  ["of a long name", "L"],
  ["of a long link", "K"],
])("a header %s is not held in memory when it is large", async (_what, type) => {
  await using fixture = await FetchFixture.create();
  const archive = gzipSync(await tarWithHeader(type, 100 << 20));
  const { result: failure, bytes } = await peakMemoryOf(async () =>
    fixture.failure(await unpacked(fixture, "TarGzip", archive)),
  );
  expect(failure).toMatchObject({
    check: "Archive",
    expected: "at most 4096 bytes beside the content of each entry",
  });
  expect(bytes).toBeLessThan(60 << 20);
});

test("an archive of many small files, with long names, is ordinary", async () => {
  await using fixture = await FetchFixture.create();
  const files = Object.fromEntries(
    Array.from({ length: 2_000 }, (_, index) => [`${"folder/".repeat(20)}${"n".repeat(100)}-${index}`, "x"]),
  );
  await fixture.fetch(await unpacked(fixture, "TarGzip", gzipSync(await tarOf(files))));
  expect(Object.keys(await fixture.files())).toHaveLength(2_000);
});

describe("refused is an archive", () => {
  test.each<[string, TarEntry[], string]>([
    ["with a path that leads out", [[{ name: "../escaped" }, "x"]], "a path with .."],
    ["with a path that leads out from below", [[{ name: "a/../../escaped" }, "x"]], "a path with .."],
    ["with an absolute path", [[{ name: "/tmp/escaped" }, "x"]], "an absolute path"],
    ["with a symbolic link", [[{ name: "a", type: "symlink", linkname: "/etc/passwd" }]], "a symlink"],
    ["with a hard link", [[{ name: "a", type: "link", linkname: "model.onnx" }]], "a link"],
    [
      "with a device",
      [[{ name: "a", type: "character-device", devmajor: 1, devminor: 3 }]],
      "a character-device",
    ],
    ["with a pipe", [[{ name: "a", type: "fifo" }]], "a fifo"],
    [
      "with a path twice",
      [
        [{ name: "a" }, "x"],
        [{ name: "a" }, "y"],
      ],
      '"a" twice',
    ],
    [
      "with a file where a folder is",
      [
        [{ name: "a/b" }, "x"],
        [{ name: "a" }, "y"],
      ],
      '"a" twice',
    ],
    [
      "with a file below a file",
      [
        [{ name: "a" }, "x"],
        [{ name: "a/b" }, "y"],
      ],
      '"a/b" twice',
    ],
    ["without files", [[{ name: "a/", type: "directory" }]], "found none"],
  ])("%s", async (_what, entries, found) => {
    await using fixture = await FetchFixture.create();
    const tar = await tarArchive([...entries]);
    const failure = await fixture.failure(await unpacked(fixture, "Tar", tar));
    expect(failure).toMatchObject({ check: "Archive", terminal: true });
    expect(failure.message).toContain(found);
  });

  test.each([
    ["with a path that leads out", [{ name: "../escaped" }], "relative path"],
    ["with an absolute path", [{ name: "/tmp/escaped" }], "absolute path"],
    ["with a symbolic link", [{ name: "a", content: "/etc/passwd", mode: 0o120777 }], "a symlink"],
    ["with a device", [{ name: "a", mode: 0o020666 }], "a special file"],
    ["with a path twice", [{ name: "a" }, { name: "a" }], '"a" twice'],
  ])("of format Zip %s", async (_what, entries, found) => {
    await using fixture = await FetchFixture.create();
    const failure = await fixture.failure(await unpacked(fixture, "Zip", zipArchive(entries)));
    expect(failure).toMatchObject({ check: "Archive", terminal: true });
    expect(failure.message).toContain(found);
  });

  test.each(GOOD)("of format %s that is cut off", async (format, archive) => {
    await using fixture = await FetchFixture.create();
    const bytes = await archive();
    const half = bytes.subarray(0, format === "Tar" ? 700 : bytes.length - 30);
    const failure = await fixture.failure(await unpacked(fixture, format, half));
    expect(failure).toMatchObject({ check: "Archive", terminal: true });
  });

  test.each(GOOD)("that is not of format %s", async (format) => {
    await using fixture = await FetchFixture.create();
    const failure = await fixture.failure(await unpacked(fixture, format, Buffer.alloc(4096, "no archive ")));
    expect(failure).toMatchObject({ check: "Archive", expected: `a complete archive of format ${format}` });
  });

  test("with more bytes unpacked than allowed", async () => {
    await using fixture = await FetchFixture.create();
    const bomb = gzipSync(await tarOf({ a: "x".repeat(2_000_000) }));
    const failure = await fixture.failure(await unpacked(fixture, "TarGzip", bomb, 1_000_000));
    expect(failure).toMatchObject({ check: "Archive", expected: "at most 1000000 bytes unpacked" });
  });

  test("that is a decompression bomb, though it would fit", async () => {
    await using fixture = await FetchFixture.create();
    const content = Buffer.alloc(RATIO_FREE_BYTES + 1);
    const bomb = zipArchive([{ name: "model.onnx", content, compressed: true }]);
    const failure = await fixture.failure(await unpacked(fixture, "Zip", bomb));
    expect(failure).toMatchObject({ check: "Archive", found: "more, as a decompression bomb has" });
  });

  test("with too many entries", () => {
    const budget = new UnpackBudget(1 << 20, 1 << 20);
    for (let entry = 0; entry < MAX_ENTRIES; entry++) budget.addEntry("Folder");
    expect(() => budget.addEntry("Folder")).toThrow(`expected at most ${MAX_ENTRIES} entries, found more`);
  });
});

test("a directory is no archive", async () => {
  await using fixture = await FetchFixture.create();
  const folder = await fixture.writeAll("folder", FILES);
  const failure = await fixture.failure({ uri: `file://${folder}`, digest: digestOf(""), archive: "Tar" });
  expect(failure).toMatchObject({ check: "Source", found: "a directory" });
});
