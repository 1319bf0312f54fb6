/**
 * A lint: one setting, or several together, that the API server accepts and that people regret.
 *
 * A new one is a file beside this, a line in `register.ts`, cases in its test, and a row in `docs/cli.md`.
 */
import type { ModelDeploymentSpec } from "../../../api/model-deployment-spec.ts";
import type { Problem } from "../finding.ts";

/** Looks for one unwise setting. */
export interface Lint {
  /** Kebab-case; people name it to `--ignore`. */
  readonly name: string;
  /** Problems in a spec that fits the schema, its defaults filled in. Each says what will happen, and the remedy. */
  find(spec: ModelDeploymentSpec): readonly (Problem & { readonly remedy: string })[];
}
