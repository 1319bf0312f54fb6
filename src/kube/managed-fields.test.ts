/**
 * Who owns a field.
 */
import { expect, test } from "@jest/globals";
import type { ManagedFieldsEntry } from "../api/kube-object.ts";
import { replicasOwnedOnlyBy } from "./managed-fields.ts";
import { keyOf, parseKey } from "./object-key.ts";

const replicas = { "f:spec": { "f:replicas": {} } };
const entry = (manager: string, fieldsV1: unknown, subresource?: string): ManagedFieldsEntry => ({
  manager,
  operation: "Apply",
  apiVersion: "apps/v1",
  fieldsV1,
  ...(subresource === undefined ? {} : { subresource }),
});

test.each<[string, readonly ManagedFieldsEntry[] | undefined, boolean]>([
  ["by petrel alone", [entry("petrel", replicas)], true],
  [
    "by petrel in two ways",
    [entry("petrel", replicas), { ...entry("petrel", replicas), operation: "Update" }],
    true,
  ],
  [
    "by petrel and by petrel-scale",
    [entry("petrel", replicas), entry("petrel-scale", replicas, "scale")],
    false,
  ],
  [
    "by petrel-scale alone",
    [entry("petrel", { "f:spec": { "f:paused": {} } }), entry("petrel-scale", replicas)],
    false,
  ],
  ["by nobody", [entry("petrel", { "f:spec": {} })], false],
  ["by nobody, without fields", [entry("petrel", undefined)], false],
  ["nobody knows", undefined, false],
])("replicas owned %s", (_name, managedFields, expected) => {
  const metadata = { name: "a", ...(managedFields === undefined ? {} : { managedFields }) };
  expect(replicasOwnedOnlyBy({ apiVersion: "apps/v1", kind: "Deployment", metadata }, "petrel")).toBe(
    expected,
  );
});

test.each([{ name: "a" }, { namespace: "ns", name: "a" }])("a key names %j and nothing else", (named) => {
  expect(parseKey(keyOf(named))).toEqual(named);
});

test.each(["", "/", "a/", "/a", "a/b/c"])("%j is no key", (key) => {
  expect(() => parseKey(key)).toThrow("expected NAMESPACE/NAME or NAME");
});
