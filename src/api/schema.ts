/**
 * The building blocks of every schema in this folder: bounded strings, enums, durations, quantities.
 *
 * One schema serves three readers: TypeScript (static types), the API server (the generated CRD) and people
 * (the generated reference). So only constructs that a structural Kubernetes schema knows are used, every
 * string, number, list and map has a bound, and every field has a description.
 */
import Type from "typebox";

/** A rule in CEL that the API server checks, with the message that a person reads when it fails. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/**
 * Keyword beside a `pattern`: what a person reads whose text does not match. The definition of a kind has it as the message
 * of a rule in the place of the pattern, of which the API server would show the expression alone.
 */
export const PATTERN_MESSAGE = "x-petrel-pattern-message";

/** A pattern of a string, with what a text must be: words that go on after the name of the field. */
export function matching(pattern: string, message: string) {
  return { pattern, [PATTERN_MESSAGE]: message };
}

/** A string that is one of `values`. */
export function stringEnum<const Values extends readonly string[]>(
  values: Values,
  options: { readonly description: string; readonly default?: Values[number] },
) {
  return Type.Unsafe<Values[number]>({ type: "string", enum: [...values], ...options });
}

/** A Kubernetes duration such as `500ms`, `10s` or `1h30m`. */
export function durationSchema(options: { readonly description: string; readonly default?: string }) {
  return Type.String({
    maxLength: 32,
    ...matching("^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$", "must be a duration such as 500ms, 10s or 1h30m"),
    ...options,
  });
}

/** A number with a point, as text: every number of a schema is whole. */
export function decimalSchema(description: string) {
  return Type.String({
    minLength: 1,
    maxLength: 26,
    ...matching(
      "^-?[0-9]{1,15}(\\.[0-9]{1,9})?$",
      "must be a decimal number such as 0.95, with at most 15 digits before the point and 9 behind it",
    ),
    description,
  });
}

/** A DNS label (RFC 1123) of at most `maxLength` characters. */
export function dnsLabelSchema(maxLength: number, description: string) {
  const pattern = matching(
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    "must be of lower-case letters, digits and hyphens, with a letter or digit at both ends",
  );
  return Type.String({ minLength: 1, maxLength, ...pattern, description });
}

/** Name of an object of Kubernetes: a DNS subdomain (RFC 1123). */
export function objectNameSchema(description: string) {
  return Type.String({
    minLength: 1,
    maxLength: 253,
    ...matching(
      "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
      "must be the name of an object of Kubernetes: lower-case letters, digits, hyphens and points, with a letter or digit at both ends",
    ),
    description,
  });
}

/** Amounts of resources by name, as in a container: `{"nvidia.com/gpu": 1, cpu: "500m"}`. */
export function resourceListSchema(description: string) {
  return Type.Unsafe<Readonly<Record<string, string | number>>>({
    type: "object",
    maxProperties: 16,
    description,
    additionalProperties: {
      "x-kubernetes-int-or-string": true,
      anyOf: [{ type: "integer" }, { type: "string" }],
      minimum: 0,
      maxLength: 32,
      pattern: "^([0-9]+|[0-9]*\\.[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$",
    },
  });
}

/** A map of label-like strings. */
export function stringMapSchema(maxProperties: number, description: string) {
  return Type.Unsafe<Readonly<Record<string, string>>>({
    type: "object",
    maxProperties,
    description,
    additionalProperties: { type: "string", maxLength: 63 },
  });
}
