/**
 * A reference to one key of a Secret or ConfigMap in the deployment's namespace. It is mounted by name into the one
 * container that needs it; the operator never reads it.
 */
import Type from "typebox";
import { matching, objectNameSchema, stringEnum } from "./schema.ts";

/** JSON Schema of a reference to a key. */
export function keyReferenceSchema(description: string) {
  return Type.Object(
    {
      kind: stringEnum(["Secret", "ConfigMap"], { description: "What holds the key." }),
      name: objectNameSchema("Name of the Secret or ConfigMap, in the namespace of the ModelDeployment."),
      key: Type.String({
        minLength: 1,
        maxLength: 253,
        // It becomes the name of a file: not the folder itself, and no way up.
        ...matching(
          "^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$",
          "must be a key of its data: letters, digits and - _ ., no more than one point first",
        ),
        description: "Key in its data.",
      }),
    },
    { description },
  );
}

/** A reference to a key of a Secret or ConfigMap. */
export type KeyReference = Type.Static<ReturnType<typeof keyReferenceSchema>>;
