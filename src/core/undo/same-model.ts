/**
 * Whether two sources are of one model: what tells a model that was undone from its fix.
 */
import type { ModelSource } from "../../api/model-source.ts";

/** What tells models apart. */
export type ModelIdentity = Pick<ModelSource, "uri" | "digest">;

/** The same bytes by their digest, wherever they lie; without a digest, by an address that pins them. */
export function isSameModel(left: ModelIdentity, right: ModelIdentity): boolean {
  return left.digest !== undefined && right.digest !== undefined
    ? left.digest === right.digest
    : left.uri === right.uri;
}
