/**
 * How a new model is judged on a labelled set before anybody is answered by it.
 *
 * It changes no prediction, so it is no part of the model revision. What stands here is the file of settings of
 * `petrel evaluate` in the words of the API, and where the set is. An outcome holds for the hash of all of it: a field
 * added here must be optional and without a default, or every model that waits would be judged anew.
 */
import Type from "typebox";
import { sourceDigestSchema, sourceUriSchema } from "./model-source.ts";
import { percentageSchema } from "./percentage.ts";
import { betweenNothingAndAll } from "./rollout-gates.ts";
import {
  type CelRule,
  decimalSchema,
  dnsLabelSchema,
  durationSchema,
  matching,
  resourceListSchema,
  stringEnum,
} from "./schema.ts";
import { MAXIMUM_METRIC_NAME_LENGTH, MAXIMUM_VALIDATION_CHECKS } from "./validation-report.ts";

/** Time for a whole validation when the spec does not say. */
export const DEFAULT_VALIDATION_TIMEOUT = "1h";

/** Metrics that look at the order of a request's rows, down to the k-th. */
const RANKING_TYPES = ["DCG", "NDCG", "MAP", "MRR", "HitRate"] as const;
/** Metrics for which a score is a yes or a no. */
const DECISION_TYPES = ["Accuracy", "Precision", "Recall", "F1"] as const;
/** Metrics of scores that are probabilities. */
const PROBABILITY_TYPES = ["LogLoss", "BrierScore", "CalibrationError"] as const;

/**
 * Metrics that a model can be held to on a set that is labelled already. The value of the others follows from what
 * people were shown at the time, and is the same for every model.
 */
export const OFFLINE_METRIC_TYPES = [
  ...RANKING_TYPES,
  "AreaUnderCurve",
  ...PROBABILITY_TYPES,
  ...DECISION_TYPES,
] as const;

/** Each metric has at most two thresholds: its own, and one against stable. */
const MAXIMUM_METRICS = MAXIMUM_VALIDATION_CHECKS / 2;

/** What a model may call an input or an output. */
const tensorName = matching(
  "^[!#-\\[\\]-~]+$",
  "must be of printable ASCII characters without spaces, quotes and backslashes",
);

/** Of characters that need no escape in JSON: the settings must fit into an annotation, whatever they hold. */
function columnSchema(description: string) {
  return Type.String({
    minLength: 1,
    maxLength: 100,
    ...matching(
      "^[A-Za-z0-9_][-A-Za-z0-9_.:/ ]*$",
      "must be of letters, digits, spaces and - _ . : /, with a letter, digit or underscore first; rename the column",
    ),
    description,
  });
}

const dataSchema = Type.Object(
  {
    uri: sourceUriSchema(
      "Where the set is, with the schemes of `spec.model.uri`. Stores are reached as `spec.fetch` says; its `authorization` is sent only where the set is on the model's own server.",
    ),
    digest: Type.Optional(
      sourceDigestSchema(
        "SHA-256 of the file, or of the directory's manifest (`petrel digest PATH` prints it): another set is another question. Required for every scheme but `oci`.",
      ),
    ),
    path: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        // No part of it begins with a point, so none leads up.
        ...matching(
          "^[A-Za-z0-9_][-A-Za-z0-9_.]*(/[A-Za-z0-9_][-A-Za-z0-9_.]*)*$",
          "must be a path without a leading slash, each part of letters, digits and - _ ., with none of - and . first",
        ),
        description: "The file, where the URI names a directory or an image. Required for `oci`.",
      }),
    ),
    format: stringEnum(["CSV", "NDJSON"], {
      description: "CSV with names in its first row, or NDJSON with an object a line; each record is a row.",
    }),
  },
  { description: "The labelled set, at most 256Mi and 1,000,000 rows." },
);

const inputSchema = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 100,
      ...tensorName,
      description: "Name of the model's input.",
    }),
    columns: Type.Optional(
      Type.Array(columnSchema("A column."), {
        minItems: 1,
        maxItems: 256,
        "x-kubernetes-list-type": "atomic",
        description:
          "Columns whose values, joined in this order, are a row of it; the column of its name unless set. A value of NDJSON may be a list.",
      }),
    ),
  },
  { description: "An input of the model and where its values are." },
);

const scoreSchema = Type.Object(
  {
    output: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        ...tensorName,
        description: "Output of the model that is the score; its only one unless set.",
      }),
    ),
    index: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description: "Which of a row's values in it is the score, from 0; the first one unless set.",
      }),
    ),
    probability: Type.Optional(
      Type.Boolean({
        description: "Whether the score is a probability; so it is taken unless set to false.",
      }),
    ),
    higherIsBetter: Type.Optional(
      Type.Boolean({
        description: "Whether a higher score means more; so it is taken unless set to false.",
      }),
    ),
  },
  { description: "What the score is, and what it means." },
);

const labelSchema = Type.Object(
  {
    name: dnsLabelSchema(MAXIMUM_METRIC_NAME_LENGTH, "Name of the label."),
    column: Type.Optional(
      columnSchema("Its column: 0 or 1, true or false, a grade or an amount; that of its name unless set."),
    ),
  },
  { description: "What turned out to be true of a row." },
);

const metricSchema = Type.Object(
  {
    name: dnsLabelSchema(MAXIMUM_METRIC_NAME_LENGTH, "Name of the metric."),
    type: stringEnum(OFFLINE_METRIC_TYPES, {
      description:
        "What is computed; docs/metrics.md defines each. Ranking metrics look at the model's own order.",
    }),
    label: Type.Optional(
      dnsLabelSchema(MAXIMUM_METRIC_NAME_LENGTH, "The label that it is made of; the first one unless set."),
    ),
    k: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: "Rows of a ranking that count; 10 unless set.",
      }),
    ),
    threshold: Type.Optional(decimalSchema('From which score on the answer is yes; `"0.5"` unless set.')),
    atLeast: Type.Optional(decimalSchema("The lower bound of the metric must be no less than this.")),
    atMost: Type.Optional(decimalSchema("The upper bound of the metric must be no more than this.")),
    nonInferiorityMargin: Type.Optional(
      percentageSchema(
        "How much worse the metric may be than stable's on the same rows, as a share of stable's: the bound of the change must be on the good side of it. Does not apply to the first model of a ModelDeployment, which has nothing to be compared with.",
      ),
    ),
  },
  {
    description:
      "What is computed, and what it must be. One without a threshold is computed and decides nothing.",
  },
);

/** JSON Schema of it. */
export const validationSchema = Type.Object(
  {
    data: dataSchema,
    inputs: Type.Array(inputSchema, {
      minItems: 1,
      maxItems: 8,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      description: "The inputs of the model.",
    }),
    score: Type.Optional(scoreSchema),
    user: Type.Optional(
      columnSchema(
        "Column of who asked. Rows of one user depend on each other, and bounds take that in; without it requests are taken for independent.",
      ),
    ),
    request: Type.Optional(
      columnSchema(
        "Column that tells which rows were asked together; they follow each other, and are one list for ranking metrics. Without it each row is a request.",
      ),
    ),
    labels: Type.Array(labelSchema, {
      minItems: 1,
      maxItems: 8,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      description: "Labels of the set.",
    }),
    metrics: Type.Array(metricSchema, {
      minItems: 1,
      maxItems: MAXIMUM_METRICS,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      description: "Metrics and their thresholds. Each bound is wrong with a probability of 0.05.",
    }),
    resources: Type.Optional(
      Type.Object(
        {
          limits: Type.Optional(
            resourceListSchema(
              "Upper limits. With `nvidia.com/gpu` or `nvidia.com/mig-*` the models run on it.",
            ),
          ),
          requests: Type.Optional(
            resourceListSchema(
              "What the scheduler reserves: 250m of CPU, 128Mi of memory and 1Gi of ephemeral storage unless stated.",
            ),
          ),
        },
        { description: "Resources of the container that runs both models, one after the other's request." },
      ),
    ),
    timeout: Type.Optional(
      durationSchema({
        description: `Time for all of it, waiting for a node and fetching included, from 1m to 24h; ${DEFAULT_VALIDATION_TIMEOUT} unless set. What has not ended by then has failed.`,
      }),
    ),
  },
  {
    description:
      "Judges each new model on a labelled set, in a Job, before it gets any traffic: its release begins only when every threshold is passed. A release that has begun is not held up by a change here.",
  },
);

const list = (types: readonly string[]) => `['${types.join("', '")}']`;
const unless = (holds: string) => `!has(self.validation) || ${holds}`;

/** Rules over the spec. */
export const validationRules: readonly CelRule[] = [
  {
    rule: unless("self.runtime.name == 'onnxruntime'"),
    message:
      "spec.validation: needs spec.runtime.name onnxruntime, for it is Petrel's own server that runs the model",
  },
  {
    rule: unless("has(self.validation.data.digest) || self.validation.data.uri.startsWith('oci://')"),
    message:
      "spec.validation.data.digest: what this URI names can change; state the digest of the set (petrel digest PATH prints it)",
  },
  {
    rule: unless("has(self.validation.data.path) || !self.validation.data.uri.startsWith('oci://')"),
    message: "spec.validation.data.path: an image holds files; say which one of them is the set",
  },
  {
    rule: unless(
      "self.validation.metrics.all(m, !has(m.label) || self.validation.labels.exists(l, l.name == m.label))",
    ),
    message: "spec.validation.metrics.label: must be one of spec.validation.labels",
  },
  {
    rule: unless(`self.validation.metrics.all(m, !has(m.k) || m.type in ${list(RANKING_TYPES)})`),
    message: `spec.validation.metrics.k: goes with ${RANKING_TYPES.join(", ")}, and with no other`,
  },
  {
    rule: unless(`self.validation.metrics.all(m, !has(m.threshold) || m.type in ${list(DECISION_TYPES)})`),
    message: `spec.validation.metrics.threshold: goes with ${DECISION_TYPES.join(", ")}, and with no other`,
  },
  {
    rule: unless(
      `!has(self.validation.score) || !has(self.validation.score.probability) || self.validation.score.probability || self.validation.metrics.all(m, !(m.type in ${list(PROBABILITY_TYPES)}))`,
    ),
    message: `spec.validation.metrics.type: ${PROBABILITY_TYPES.join(", ")} need scores that are probabilities; leave them out, or spec.validation.score.probability`,
  },
  {
    rule: unless("self.validation.metrics.all(m, !has(m.atLeast) || !has(m.atMost))"),
    message: "spec.validation.metrics: atLeast and atMost exclude each other; remove one of them",
  },
  {
    rule: unless(
      `self.validation.metrics.all(m, !has(m.nonInferiorityMargin) || ${betweenNothingAndAll("m.nonInferiorityMargin")})`,
    ),
    message: "spec.validation.metrics.nonInferiorityMargin: must be more than 0% and less than 100%",
  },
  {
    rule: unless(
      "self.validation.metrics.exists(m, has(m.atLeast) || has(m.atMost) || has(m.nonInferiorityMargin))",
    ),
    message:
      "spec.validation.metrics: needs a threshold (atLeast, atMost or nonInferiorityMargin) of at least one metric, or every model would pass",
  },
  {
    rule: unless(
      "!has(self.validation.timeout) || (duration(self.validation.timeout) >= duration('1m') && duration(self.validation.timeout) <= duration('24h'))",
    ),
    message: "spec.validation.timeout: must be from 1m to 24h",
  },
];

/** How a new model is judged. */
export type ValidationSpec = Type.Static<typeof validationSchema>;
