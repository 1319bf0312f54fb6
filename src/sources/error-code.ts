/**
 * The `code` of an error of the system or of Node: `ENOENT`, `ECONNREFUSED`, `ABORT_ERR`.
 */

/** The code of whatever was thrown; undefined when it has none. */
export function errorCode(error: unknown): string | undefined {
  // By shape, not by class: an error made in another realm is no instance of this realm's Error.
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
