/**
 * What a manifest says of autoscaling, for a simulation of it: `spec.autoscaling` of its ModelDeployment, judged as the API
 * server would. Pure.
 */
import { type AutoscalingSpec, isScaledByPetrel } from "../../api/autoscaling.ts";
import { asRecord, valueAt } from "../../api/json.ts";
import { modelDeploymentKind } from "../../api/model-deployment.ts";
import { autoscalingSettings } from "../../core/autoscaling/autoscaling-settings.ts";
import type { AutoscalingSettings } from "../../core/autoscaling/recommend.ts";
import { readManifests } from "../validate/manifest-text.ts";
import { validateText } from "../validate/validate-text.ts";

/** The manifest cannot be simulated. The message says what was expected and what came. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

/** What is simulated. */
export interface ManifestAutoscaling {
  readonly settings: AutoscalingSettings;
  readonly forecast: boolean;
}

/**
 * Reads it.
 *
 * @throws {ManifestError} for what the API server would refuse, and unless there is one ModelDeployment with
 *   `spec.autoscaling` whose schedules can be read.
 */
export function manifestAutoscaling(file: string, text: string): ManifestAutoscaling {
  const { findings } = validateText(file, text, new Set());
  const broken = findings.find(({ severity }) => severity === "Error");
  if (broken !== undefined) throw new ManifestError(`${broken.path.join(".")}: ${broken.message}`);
  const scaled = readManifests(text).manifests.filter(
    ({ object }) =>
      object["kind"] === modelDeploymentKind.kind &&
      asRecord(valueAt(object, "spec", "autoscaling")) !== undefined,
  );
  const [only, ...more] = scaled;
  if (only === undefined || more.length > 0)
    throw new ManifestError(`expected one ModelDeployment with spec.autoscaling, got ${scaled.length}`);
  // It has just been judged to be one.
  const spec = valueAt(only.object, "spec", "autoscaling") as AutoscalingSpec;
  if (!isScaledByPetrel({ autoscaling: spec }) && spec.metrics === undefined)
    throw new ManifestError(
      `expected metrics in spec.autoscaling, which a simulation is of, got owner ${spec.owner} without them`,
    );
  const { settings, unreadable } = autoscalingSettings(spec);
  const [problem] = unreadable;
  if (problem !== undefined) throw new ManifestError(problem);
  return { settings, forecast: spec.forecast !== "None" };
}
