/**
 * What a sidecar looks at in the requests of the model servers beside it: scores, features, how old those are, and
 * whether they drift from what they were.
 *
 * It changes no prediction, so it is no part of the model revision. It shapes pods: a field added here must be optional
 * and without a default, or an upgrade restarts all pods that are observed.
 */
import Type from "typebox";
import { keyReferenceSchema } from "./key-reference.ts";
import { countsScoresInCel } from "./quality-metrics.ts";
import { requestHeaderSchema } from "./request-header.ts";
import {
  type CelRule,
  decimalSchema,
  durationSchema,
  matching,
  resourceListSchema,
  stringEnum,
} from "./schema.ts";

/** The name of the score in metrics, which no feature may have. */
export const SCORE_COLUMN = "score";

/** Most features: with the score, as many columns as the sidecar takes. */
const MAXIMUM_FEATURES = 63;
const LAST_PLACE = 1_000_000;

function tensorSchema(description: string) {
  return Type.String({ minLength: 1, maxLength: 256, description });
}

function columnSchema(description: string) {
  return Type.Integer({ minimum: 0, maximum: LAST_PLACE, description });
}

/** JSON Schema of what a model answers. */
export const responseSchema = Type.Object(
  {
    scores: tensorSchema("Output of the model that has the score of each row."),
    column: Type.Optional(
      columnSchema("Which number of a row is the score, from 0; the first one unless set."),
    ),
    probability: Type.Optional(
      Type.Boolean({
        description: "Whether the score is a probability: then one below 0 or above 1 is out of range.",
      }),
    ),
  },
  { description: "What in an answer is the score. For `observe` and metrics of scores." },
);

const featureSchema = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 63,
      ...matching(
        "^[A-Za-z0-9][A-Za-z0-9._-]*$",
        "must be of letters, digits, points, hyphens and underscores, with a letter or digit first",
      ),
      description: "Name of the feature in metrics.",
    }),
    input: tensorSchema("Input of the model that it is in."),
    column: Type.Optional(
      columnSchema("Which number of a row of that input it is, from 0; the first one unless set."),
    ),
    minimum: Type.Optional(decimalSchema('Values below are out of range, such as `"0"`.')),
    maximum: Type.Optional(decimalSchema('Values above are out of range, such as `"99.5"`.')),
  },
  { description: "A number of each row of the inputs. A text counts as missing." },
);

const featureTimeSchema = Type.Object(
  {
    header: Type.Optional(requestHeaderSchema("Header of requests, in lower case.")),
    input: Type.Optional(tensorSchema("Input of the model.")),
    column: Type.Optional(
      columnSchema("Which number of a row of that input, from 0; the first one unless set."),
    ),
  },
  { description: "When the features were made, in seconds since 1970: in a header, or in an input." },
);

const driftSchema = Type.Object(
  {
    reference: Type.Object(
      {
        type: stringEnum(["FirstValues", "File"], {
          description:
            "`FirstValues`: what came first after each start of a pod. `File`: lines of JSON as a training log has them, the same for all pods.",
        }),
        firstValues: Type.Optional(
          Type.Object(
            {
              count: Type.Integer({
                minimum: 100,
                maximum: 100_000,
                description: "So many values of each column, from requests of different users.",
              }),
            },
            { description: "Settings of the type `FirstValues`." },
          ),
        ),
        file: Type.Optional(
          keyReferenceSchema(
            "Settings of the type `File`: where the file is. Read when a pod starts; until it is there, nothing is observed.",
          ),
        ),
      },
      { description: "What values are compared with." },
    ),
    window: Type.Optional(
      durationSchema({
        description:
          "How long values are gathered before they are compared, from 1m to 168h, 1h unless set. A window goes on until it has `minimumValues`.",
      }),
    ),
    minimumValues: Type.Optional(
      Type.Integer({
        minimum: 100,
        maximum: 1_000_000_000,
        description: "Fewest values of a window, 100 unless set.",
      }),
    ),
    falseAlarmEvery: Type.Optional(
      durationSchema({
        description:
          "Where nothing drifts, each pod raises one alarm in so long a time, or fewer. From 1h to 87600h, 720h unless set, and not shorter than `window`.",
      }),
    ),
  },
  { description: "Looks for scores and features that are not distributed as they were." },
);

/** JSON Schema of what is observed. */
export const observeSchema = Type.Object(
  {
    features: Type.Optional(
      Type.Array(featureSchema, {
        minItems: 1,
        maxItems: MAXIMUM_FEATURES,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        description: "Features whose values are counted.",
      }),
    ),
    featureTime: Type.Optional(featureTimeSchema),
    drift: Type.Optional(driftSchema),
    resources: Type.Optional(
      Type.Object(
        {
          limits: Type.Optional(
            resourceListSchema(
              "Upper limits: 256Mi of memory (512Mi before a container of your own) unless memory is stated here or in `requests`.",
            ),
          ),
          requests: Type.Optional(
            resourceListSchema(
              "What the scheduler reserves: 50m of CPU, 160Mi of memory (250m and 320Mi before a container of your own) and 64Mi of ephemeral storage unless stated.",
            ),
          ),
        },
        { description: "Resources of one sidecar, as in a container." },
      ),
    ),
  },
  {
    description:
      "Puts a sidecar beside each model server, which counts what inputs and outputs are like: metrics on port 9091. Requests never wait for what it counts. A change replaces the pods, one by one, without a new revision.",
  },
);

const has = (field: string) => `has(self.quality) && has(self.quality.${field})`;
const features = "self.quality.observe.features";
const time = "self.quality.observe.featureTime";
const drift = "self.quality.observe.drift";
const observes = has("observe");

/** Rules over the spec, where there is `quality`. */
export const observeRules: readonly CelRule[] = [
  {
    rule: `!(${has("response")}) || has(self.quality.observe) || ${countsScoresInCel}`,
    message:
      "spec.quality.response: goes with spec.quality.observe or a metric of scores such as LogLoss, for nothing else reads it",
  },
  {
    rule: `!(${observes}) || has(self.quality.response) || has(${features})`,
    message:
      "spec.quality.observe: needs spec.quality.response, features, or both; without either there is nothing to see",
  },
  {
    rule: `!(${observes}) || !has(${features}) || ${features}.all(f, f.name != '${SCORE_COLUMN}')`,
    message: `spec.quality.observe.features: none may be called ${SCORE_COLUMN}, which is the name of the model's score; give it another name`,
  },
  {
    rule: `!(${observes}) || !has(${features}) || ${features}.all(f, !has(f.minimum) || !has(f.maximum) || double(f.minimum) <= double(f.maximum))`,
    message: "spec.quality.observe.features: the minimum must be at most the maximum",
  },
  {
    rule: `!(${observes}) || !has(${time}) || (has(${time}.header) != has(${time}.input) && !(has(${time}.header) && has(${time}.column)))`,
    message: "spec.quality.observe.featureTime: must have a header, or an input and its column, and not both",
  },
  {
    rule: `!(${observes}) || !has(${drift}) || (has(${drift}.reference.firstValues) == (${drift}.reference.type == 'FirstValues') && has(${drift}.reference.file) == (${drift}.reference.type == 'File'))`,
    message:
      "spec.quality.observe.drift.reference: must have the field that type names, firstValues for FirstValues or file for File, and not the other one",
  },
  {
    rule: `!(${observes}) || !has(${drift}) || !has(${drift}.window) || (duration(${drift}.window) >= duration('1m') && duration(${drift}.window) <= duration('168h'))`,
    message: "spec.quality.observe.drift.window: must be from 1m to 168h",
  },
  {
    rule: `!(${observes}) || !has(${drift}) || !has(${drift}.falseAlarmEvery) || (duration(${drift}.falseAlarmEvery) >= duration('1h') && duration(${drift}.falseAlarmEvery) <= duration('87600h'))`,
    message: "spec.quality.observe.drift.falseAlarmEvery: must be from 1h to 87600h",
  },
  {
    rule: `!(${observes}) || !has(${drift}) || duration(has(${drift}.window) ? ${drift}.window : '1h') <= duration(has(${drift}.falseAlarmEvery) ? ${drift}.falseAlarmEvery : '720h')`,
    message:
      "spec.quality.observe.drift.falseAlarmEvery: must not be shorter than the window, which is 1h unless set",
  },
];

/** Where the score of each row of an answer stands, for whoever reads it. */
export interface ScorePlace {
  /** Name of the output. */
  readonly output: string;
  /** Which number of a row, from 0. */
  readonly column: number;
}

/** What in an answer is the score. */
export type ResponseSpec = Type.Static<typeof responseSchema>;
/** What a sidecar looks at. */
export type ObserveSpec = Type.Static<typeof observeSchema>;
