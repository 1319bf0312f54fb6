/** What is wrong with a value that does not fit its schema. */

/** The first of the errors, with where it is, such as `spec/replicas: must be integer`. */
export function firstError(
  part: string,
  errors: readonly { readonly instancePath: string; readonly message: string }[],
): string {
  const [error] = errors;
  return error === undefined
    ? `${part} does not fit the schema`
    : `${part}${error.instancePath}: ${error.message}`;
}
