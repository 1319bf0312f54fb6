/**
 * Fields that nobody can change once they are stored, and how the API server says so.
 */
import { jsonEquals } from "../../src/api/json-equals.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { referenceTo } from "../../src/kube/object-key.ts";
import { KubeError } from "../../src/kube/port.ts";
import { describe } from "./preconditions.ts";

/** What a RoleBinding binds stays, or whoever may change its subjects could give them more. */
export function requireFixedFields(stored: KubeObject, next: KubeObject) {
  if (stored.kind !== RESOURCE.roleBinding.kind || jsonEquals(stored["roleRef"], next["roleRef"])) return;
  const message = `${describe(referenceTo(stored))} is invalid: roleRef: cannot change roleRef`;
  throw new KubeError(422, "Invalid", message);
}
