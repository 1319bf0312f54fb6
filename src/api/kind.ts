/**
 * What a custom resource is, beside its schema. CRD and reference page are generated from this.
 */
import type { TSchema } from "typebox";
import type { CelRule } from "./schema.ts";

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  readonly jsonPath: string;
  /** 1 shows the column with `-o wide` only. */
  readonly priority?: number;
}

/** One custom resource. */
export interface KindDefinition {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly description: string;
  /** Schema of an object with `spec` and optionally `status`. */
  readonly schema: TSchema;
  /** CEL rules over the whole object. */
  readonly rules: readonly CelRule[];
  /** CEL rules over the spec. */
  readonly specRules: readonly CelRule[];
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
  readonly columns: readonly PrinterColumn[];
}
