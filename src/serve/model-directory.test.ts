import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { findModelVersions, type VersionPolicy } from "./model-directory.ts";

let directory = "";

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What is found in a directory with these files: version and path, relative to it. */
async function find(files: readonly string[], policy: VersionPolicy = "Latest") {
  directory = mkdtempSync(join(tmpdir(), "petrel-directory-"));
  for (const file of files) {
    const path = join(directory, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }
  const versions = await findModelVersions(directory, policy, "rev-1");
  return versions.map(({ version, modelFile }) => [version, modelFile.slice(directory.length + 1)]);
}

describe("finds", () => {
  test.each<[string, string[], VersionPolicy, string[][]]>([
    ["model.onnx, as the version that is given", ["model.onnx"], "Latest", [["rev-1", "model.onnx"]]],
    ["the one ONNX file of another name", ["ranker.onnx", "README.md"], "All", [["rev-1", "ranker.onnx"]]],
    ["model.onnx among others", ["model.onnx", "other.onnx"], "Latest", [["rev-1", "model.onnx"]]],
    ["a model beside its weights", ["model.onnx", "weights.bin"], "Latest", [["rev-1", "model.onnx"]]],
    [
      "the version with the highest number",
      ["config.pbtxt", "2/model.onnx", "10/model.onnx", "9/model.onnx"],
      "Latest",
      [["10", "10/model.onnx"]],
    ],
    [
      "every version, the oldest first",
      ["2/model.onnx", "10/ranker.onnx", "10/weights.bin"],
      "All",
      [
        ["2", "2/model.onnx"],
        ["10", "10/ranker.onnx"],
      ],
    ],
    [
      "no version in other folders",
      ["model.onnx", "weights/1.bin", "0/a", "01/a"],
      "All",
      [["rev-1", "model.onnx"]],
    ],
  ])("%s", async (_what, files, policy, expected) => {
    expect(await find(files, policy)).toEqual(expected);
  });
});

describe("refuses", () => {
  test.each<[string, string[], VersionPolicy, RegExp]>([
    [
      "an empty directory",
      [],
      "Latest",
      /expected model.onnx, one other .onnx file, or folders of versions .*, found nothing$/,
    ],
    ["no model", ["README.md"], "Latest", /found README.md$/],
    [
      "two models",
      ["a.onnx", "b.onnx"],
      "Latest",
      /expected model.onnx or one other .onnx file in .*, found a.onnx, b.onnx$/,
    ],
    ["a version without a model", ["1/model.onnx", "2/README.md"], "Latest", /in .*\/2, found README.md$/],
    [
      "a model and versions",
      ["model.onnx", "1/model.onnx"],
      "Latest",
      /either a model or folders of versions/,
    ],
    [
      "too many versions",
      Array.from({ length: 9 }, (_, index) => `${index + 1}/model.onnx`),
      "All",
      /at most 8 versions in .*, found 9$/,
    ],
  ])("%s", async (_what, files, policy, message) => {
    await expect(find(files, policy)).rejects.toThrow(message);
  });
});
