/**
 * The file of settings of `petrel evaluate` that follows from `spec.validation`.
 */
import type { ValidationSpec } from "../../api/validation.ts";

/** A check of the file, as `petrel evaluate` reads it. */
export interface SettingsCheck {
  readonly metric: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly nonInferiorityMargin?: string;
}

/** What decides. Without a baseline only what needs none. */
export function validationChecks(
  { metrics }: ValidationSpec,
  hasBaseline: boolean,
): readonly SettingsCheck[] {
  return metrics.flatMap(({ name: metric, atLeast, atMost, nonInferiorityMargin }) => [
    ...(atLeast === undefined ? [] : [{ metric, atLeast: Number(atLeast) }]),
    ...(atMost === undefined ? [] : [{ metric, atMost: Number(atMost) }]),
    ...(nonInferiorityMargin === undefined || !hasBaseline ? [] : [{ metric, nonInferiorityMargin }]),
  ]);
}

/** The file, as text. */
export function validationSettings(validation: ValidationSpec, hasBaseline: boolean): string {
  const { inputs, score, user, request, labels, metrics } = validation;
  return JSON.stringify({
    inputs,
    ...(score === undefined ? {} : { score }),
    ...(user === undefined ? {} : { user }),
    ...(request === undefined ? {} : { request }),
    labels,
    metrics: metrics.map(({ name, type, label, k, threshold }) => ({
      name,
      type,
      ...(label === undefined ? {} : { label }),
      ...(k === undefined ? {} : { k }),
      ...(threshold === undefined ? {} : { threshold: Number(threshold) }),
    })),
    checks: validationChecks(validation, hasBaseline),
  });
}
