/**
 * Finds what is to be served in the model's directory: one ONNX file, or folders with a version number as their
 * name, each with an ONNX file (the layout of Triton). Weights in files beside the ONNX file are ONNX Runtime's
 * to find.
 *
 * A folder in which somebody would have to guess which model is meant is an error.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { MODEL_VOLUME } from "../api/names.ts";

/** Which of several versions are served. */
export const VERSION_POLICIES = ["Latest", "All"] as const;
/** Which of several versions are served: the one with the highest number, or every one. */
export type VersionPolicy = (typeof VERSION_POLICIES)[number];

/** A version that is to be served. */
export interface ModelVersion {
  readonly version: string;
  readonly modelFile: string;
}

/** Most versions that are loaded, each into memory of its own. */
const MAXIMUM_VERSIONS = 8;
const VERSION = /^[1-9][0-9]{0,8}$/;

/**
 * The versions to serve, the oldest first. A directory without version folders has one, called `plainVersion`.
 *
 * @throws {Error} when the directory cannot be read, when it has no model or several where one is wanted, or
 *   too many versions.
 */
export async function findModelVersions(
  directory: string,
  policy: VersionPolicy,
  plainVersion: string,
): Promise<ModelVersion[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.map(({ name }) => name);
  const versions = entries
    .filter((entry) => entry.isDirectory() && VERSION.test(entry.name))
    .map(({ name }) => name)
    .sort((a, b) => Number(a) - Number(b));
  const plain = modelFile(names, directory);
  if (versions.length === 0) {
    return [{ version: plainVersion, modelFile: join(directory, plain ?? notFound(names, directory)) }];
  }
  if (plain !== undefined) {
    throw new Error(
      `expected either a model or folders of versions in ${directory}, found ${plain} and ${versions.slice(0, 5).join(", ")}`,
    );
  }
  const served = policy === "All" ? versions : versions.slice(-1);
  if (served.length > MAXIMUM_VERSIONS) {
    throw new Error(`expected at most ${MAXIMUM_VERSIONS} versions in ${directory}, found ${served.length}`);
  }
  const found: ModelVersion[] = [];
  for (const version of served) {
    const folder = join(directory, version);
    const inside = await readdir(folder);
    found.push({ version, modelFile: join(folder, modelFile(inside, folder) ?? notFound(inside, folder)) });
  }
  return found;
}

/** `model.onnx`, or else the one ONNX file there is; undefined when there is none. */
function modelFile(names: readonly string[], folder: string): string | undefined {
  if (names.includes(MODEL_VOLUME.modelFile)) {
    return MODEL_VOLUME.modelFile;
  }
  const [only, ...others] = onnxFiles(names);
  if (others.length > 0) {
    throw new Error(
      `expected ${MODEL_VOLUME.modelFile} or one other .onnx file in ${folder}, found ${[only, ...others].slice(0, 5).join(", ")}`,
    );
  }
  return only;
}

function notFound(names: readonly string[], folder: string): never {
  const shown = names.length === 0 ? "nothing" : names.slice(0, 5).sort().join(", ");
  throw new Error(
    `expected ${MODEL_VOLUME.modelFile}, one other .onnx file, or folders of versions in ${folder}, found ${shown}`,
  );
}

function onnxFiles(names: readonly string[]): string[] {
  return names.filter((name) => name.endsWith(".onnx")).sort();
}
