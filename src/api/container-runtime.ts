/**
 * A model server of the user's own choice: Triton, or any container that speaks the Open Inference Protocol.
 *
 * It is a part of the model revision: a field added here must be optional and without a default.
 */
import Type from "typebox";
import { MODEL_POD_PORT, MODEL_REPOSITORY } from "./names.ts";
import { matching } from "./schema.ts";

const word = Type.String({ maxLength: 4096, description: "One word." });

const variableSchema = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 128,
      ...matching(
        "^[A-Za-z_][A-Za-z0-9_]*$",
        "must be of letters, digits and underscores, with no digit first",
      ),
      description: "Name of the variable.",
    }),
    value: Type.String({ maxLength: 4096, description: "Its value." }),
  },
  { description: "An environment variable. Nothing secret: everybody who may read the object reads it." },
);

/** JSON Schema of the container that serves in place of Petrel's own. */
export const containerRuntimeSchema = Type.Object(
  {
    image: Type.String({
      minLength: 1,
      maxLength: 512,
      ...matching(
        "^[a-zA-Z0-9][a-zA-Z0-9./:@_-]*$",
        "must be the reference of an image, such as registry.example/server@sha256:HEX",
      ),
      description:
        "Image of the model server. Pinned by its digest (`@sha256:HEX`) it is the same in every pod; a tag may move.",
    }),
    command: Type.Optional(
      Type.Array(word, {
        maxItems: 16,
        "x-kubernetes-list-type": "atomic",
        description: "Program, in place of the image's entry point.",
      }),
    ),
    args: Type.Optional(
      Type.Array(word, {
        maxItems: 64,
        "x-kubernetes-list-type": "atomic",
        description: "Arguments, in place of the image's own.",
      }),
    ),
    env: Type.Optional(
      Type.Array(variableSchema, {
        maxItems: 64,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        description: "Environment variables.",
      }),
    ),
  },
  {
    description: `The model server of the runtime \`container\`. It listens on port ${MODEL_POD_PORT.rest} for REST and health (\`/v2/health/ready\`, \`/v2/health/live\`), on ${MODEL_POD_PORT.grpc} for gRPC with the standard health service, and on ${MODEL_POD_PORT.metrics} for \`/metrics\`, if it has such. With \`spec.quality\` a sidecar takes ports ${MODEL_POD_PORT.sidecar} to ${MODEL_POD_PORT.inlineGrpc}, which it must leave free. The model is the read-only directory \`${MODEL_REPOSITORY}/NAME\`, NAME being that of the ModelDeployment. It runs as a user without rights on a read-only file system; \`/tmp\` and \`/dev/shm\` can be written.`,
  },
);

/** A model server of the user's own choice. */
export type ContainerRuntime = Type.Static<typeof containerRuntimeSchema>;
