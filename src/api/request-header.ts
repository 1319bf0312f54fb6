/**
 * Headers of requests that people name: the one that names the user, the one of requests that are not counted.
 */
import Type from "typebox";
import { matching } from "./schema.ts";

/** JSON Schema of the name of such a header; the same in the spec and in a plan. */
export function requestHeaderSchema(description: string) {
  return Type.String({
    minLength: 1,
    maxLength: 64,
    ...matching(
      "^[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
      "must be the name of a header in lower case: letters, digits, hyphens and underscores",
    ),
    description,
  });
}

/** CEL: whether a field names a header that clients may send for themselves. */
export function isHeaderOfClients(field: string): string {
  return `!(${field}.startsWith('x-petrel-') || ${field}.startsWith('x-envoy-') || ${field} == 'host')`;
}
