/**
 * How a model is run.
 *
 * It is a part of the model revision: a field added here must be optional and without a default, or every stored
 * revision would get another name.
 */
import Type from "typebox";
import { containerRuntimeSchema } from "./container-runtime.ts";
import { type CelRule, durationSchema, stringEnum } from "./schema.ts";

/** Most rows of a batch when the spec does not say. */
export const DEFAULT_BATCH_ROWS = 64;

/** What may compute a model. */
export const EXECUTION_PROVIDERS = ["CPU", "CUDA"] as const;

/** What computes a model. */
export type ExecutionProvider = (typeof EXECUTION_PROVIDERS)[number];

/** JSON Schema of the runtime. */
export const runtimeSchema = Type.Object(
  {
    name: stringEnum(["onnxruntime", "container"], {
      description: "The model server: Petrel's own, with ONNX Runtime, or a container of your choice.",
      default: "onnxruntime",
    }),
    container: Type.Optional(containerRuntimeSchema),
    executionProvider: Type.Optional(
      stringEnum(EXECUTION_PROVIDERS, {
        description:
          "What computes, in every pool. Unless stated: `CUDA` in pools that ask for a GPU (`nvidia.com/gpu`, `nvidia.com/mig-*`, or a resource claim), `CPU` in all others. A model server that cannot compute with it does not become ready.",
      }),
    ),
    intraOpThreads: Type.Integer({
      minimum: 1,
      maximum: 64,
      default: 1,
      description: "Threads that one run of the model may use.",
    }),
    batching: Type.Optional(
      Type.Object(
        {
          independentRows: Type.Boolean({
            description:
              "That no row of a request changes the answer to another. Must be true, and is checked when the model loads: one that mixes rows does not load.",
          }),
          maxRows: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 65_536,
              description: `Most rows that requests are joined to, ${DEFAULT_BATCH_ROWS} unless set. A request of more runs alone.`,
            }),
          ),
          maxDelay: Type.Optional(
            durationSchema({
              description:
                "Longest time that a request waits for others while the model is busy, at most 1s. 0s unless set: what waits when the model is free runs together, and nothing waits for more.",
            }),
          ),
        },
        {
          description:
            "Runs requests that wait for the model together, which costs less than one after another. Needs a model whose inputs and outputs all have a first dimension of any size.",
        },
      ),
    ),
    modelVersions: Type.Optional(
      stringEnum(["Latest", "All"], {
        description:
          "Which folders with a version number are served, where the model has such: the one with the highest number, which is the default, or all, at most 8. A request that names no version gets the highest.",
      }),
    ),
  },
  { description: "How the model is run. A change makes a new model revision.", default: {} },
);

/** Rules over the runtime of a spec. */
export const runtimeRules: readonly CelRule[] = [
  {
    rule: "(self.runtime.name == 'container') == has(self.runtime.container)",
    message:
      "spec.runtime.container: goes with name container, and with no other; set spec.runtime.name to container, or to onnxruntime and leave container out",
  },
  {
    rule: "self.runtime.name != 'container' || !(has(self.runtime.executionProvider) || self.runtime.intraOpThreads != 1 || has(self.runtime.batching) || has(self.runtime.modelVersions))",
    message:
      "spec.runtime: executionProvider, intraOpThreads, batching and modelVersions are settings of onnxruntime; set up a container by its own args and env",
  },
  {
    rule: "!has(self.runtime.batching) || self.runtime.batching.independentRows",
    message:
      "spec.runtime.batching.independentRows: must be true, for only independent rows may be joined; without batching leave spec.runtime.batching out",
  },
  {
    rule: "!has(self.runtime.batching) || !has(self.runtime.batching.maxDelay) || duration(self.runtime.batching.maxDelay) <= duration('1s')",
    message: "spec.runtime.batching.maxDelay: must be at most 1s",
  },
];

/** How a model is run. */
export type RuntimeSpec = Type.Static<typeof runtimeSchema>;
