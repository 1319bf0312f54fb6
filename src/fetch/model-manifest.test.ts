/**
 * The digest of a directory is what the documented command computes, whatever its files are called.
 */
import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { type ManifestEntry, manifestDigest, manifestText } from "./model-manifest.ts";
import { digestOf, FetchFixture } from "./testdata/fetch-fixture.ts";

const COMMAND =
  "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1";

const FILES = {
  "model.onnx": "a model",
  "Z.txt": "Z",
  "a b/c.txt": "spaces",
  "a-b": "before the folder a b or behind it",
  "été.txt": "beyond ASCII",
  "🐦.txt": "beyond 16 bits",
  "～.txt": "before the bird by bytes, behind it by UTF-16",
};

test("the digest is that of sha256sum over all files, and petrel digest prints it", async () => {
  await using fixture = await FetchFixture.create();
  const folder = await fixture.writeAll("model", FILES);
  const expected = `sha256:${execFileSync("sh", ["-c", COMMAND], { cwd: folder, encoding: "utf8" }).trim()}`;
  const entries = Object.entries(FILES).map(
    ([path, text]) => ({ path, digest: digestOf(text) }) as ManifestEntry,
  );
  expect(manifestDigest(entries)).toBe(expected);
  const petrel = (...args: readonly string[]) =>
    execFileSync(process.execPath, [new URL("../main.ts", import.meta.url).pathname, "digest", ...args], {
      encoding: "utf8",
    });
  expect(petrel(folder)).toBe(`${expected}\n`);
  expect(petrel(folder, "--manifest")).toBe(manifestText(entries));
  expect(petrel(`${folder}/model.onnx`)).toBe(`${digestOf("a model")}\n`);
  expect(() => petrel(`${folder}/absent`)).toThrow(/^Command failed[^\n]*\nerror: ENOENT[^\n]*\n$/);
}, 60_000);
