/**
 * The example models and manifests, for scenarios: what is in `examples/`, and variations of it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const examples = join(import.meta.dirname, "../examples");

/** A real customer: what was known, and what happened after. */
export interface ExampleRow {
  readonly features: readonly number[];
  readonly buysAgain: 0 | 1;
}

/** Held-out customers of the CDNOW data. */
export function exampleRows(): readonly ExampleRow[] {
  return JSON.parse(readFileSync(join(examples, "models/cdnow/rows.json"), "utf8")).rows;
}

/** A model in the Petrel image. */
export interface ExampleModel {
  readonly uri: string;
  readonly digest: string;
}

/** A version of the CDNOW model. */
export function exampleModel(version: "1" | "2" | "small" | "shuffled"): ExampleModel {
  const { models } = JSON.parse(readFileSync(join(examples, "models/cdnow/metrics.json"), "utf8"));
  const { file, digest } = models[version];
  return { uri: `file:///models/cdnow/${file}`, digest };
}

/** The bytes of a version of the model. */
export function exampleModelBytes(version: "1" | "2" | "small"): Buffer {
  return readFileSync(join(examples, "models/cdnow", version, "model.onnx"));
}

/** What a version of the model answers to {@link exampleRows}; a unit test holds it to the model itself. */
export function exampleScores(version: "1" | "2" | "small"): readonly number[] {
  const { models } = JSON.parse(readFileSync(join(examples, "models/cdnow/metrics.json"), "utf8"));
  return models[version].rows.scores;
}

/** Text of an example manifest. */
export function exampleManifest(name: string): string {
  return readFileSync(join(examples, name), "utf8");
}

/** An example manifest as an object. */
export function parsedExample(name: string): Record<string, unknown> {
  return parse(exampleManifest(name));
}

/**
 * A ModelDeployment without devices, for scenarios that are not about them. Its time-outs leave room for a test
 * machine that is busy with starting pods: what scenarios assert is that nothing fails, not how fast it is.
 */
export function plainDeployment(name: string, spec: Readonly<Record<string, unknown>> = {}): object {
  return {
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { name },
    spec: {
      model: exampleModel("1"),
      replicas: 2,
      traffic: { timeout: "4s", perTryTimeout: "1s" },
      ...spec,
    },
  };
}

/** An inference request with one real row, as the body of a POST. */
export function inferenceBody(): string {
  const [row] = exampleRows();
  const data = row?.features ?? [];
  return JSON.stringify({ inputs: [{ name: "features", datatype: "FP32", shape: [1, data.length], data }] });
}
