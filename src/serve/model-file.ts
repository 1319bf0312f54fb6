/**
 * Finds the model in its directory: `model.onnx`, or else the one ONNX file there is. Two of another name are
 * an error, for nobody should have to guess which one is served.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { MODEL_VOLUME } from "../api/names.ts";

/**
 * Path of the ONNX file of a model.
 *
 * @throws {Error} when the directory cannot be read, or has none or several.
 */
export async function findModelFile(modelDirectory: string): Promise<string> {
  const names = await readdir(modelDirectory);
  if (names.includes(MODEL_VOLUME.modelFile)) {
    return join(modelDirectory, MODEL_VOLUME.modelFile);
  }
  const [only, ...others] = names.filter((name) => name.endsWith(".onnx")).sort();
  if (only === undefined || others.length > 0) {
    const found = only === undefined ? "none" : [only, ...others].slice(0, 5).join(", ");
    throw new Error(
      `expected ${MODEL_VOLUME.modelFile} or one other .onnx file in ${modelDirectory}, found ${found}`,
    );
  }
  return join(modelDirectory, only);
}
