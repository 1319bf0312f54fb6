/**
 * What the operator reports of an experiment: where it is, what it found for each arm, and what came of it.
 *
 * It is the operator's memory as well: times, plans of the traffic and the verdict stand here, so that an operator that
 * starts anew goes on with the same. Numbers are texts: the API has no floating-point numbers that all clients keep alike.
 */
import Type from "typebox";
import { EXPERIMENT_ARMS } from "./arm.ts";
import { conditionFields } from "./conditions.ts";
import { percentageSchema } from "./percentage.ts";
import { METRIC_DIRECTIONS, QUALITY_METRIC_TYPES } from "./quality-metrics.ts";
import { stringEnum } from "./schema.ts";

/** Where an experiment is. */
export const EXPERIMENT_PHASES = [
  /** The arms have no traffic: something is in the way, or their replicas come up. `reason` says which. */
  "Waiting",
  /** The arms have their shares, or routers are about to give them. */
  "Running",
  /** The time is over, stable has all the traffic, and the last labels come. */
  "Concluding",
  /** Over. */
  "Ended",
] as const;

/** Why an experiment waits. */
export const WAITING_REASONS = [
  /** The arms' replicas are not all ready yet, or an arm has lost all of them. */
  "ReplicasNotReady",
  /** Another experiment of the ModelDeployment comes first. */
  "AnotherExperiment",
  /** A new revision is released, or is about to be. */
  "ReleaseInProgress",
  /** The stable revision does not have all the traffic yet. */
  "StableNotServing",
  /** The ModelDeployment does not count what the experiment is to judge by. */
  "MetricUnusable",
  /** An arm has the model of the stable revision, or of another arm. */
  "ModelNotOther",
  /** The ModelDeployment has models judged before any traffic, and arms are not judged so. */
  "NotValidated",
  /** No pool can run the arms. */
  "NoPool",
  /** Pods of an earlier version are still counted in another way. */
  "CountedDifferently",
  /** There is no such ModelDeployment. */
  "ModelDeploymentMissing",
] as const;

/** Why an experiment came to its end. */
const VERDICT_REASONS = [
  /** The planned time is over, and the labels have come. */
  "DurationPassed",
  /** A person stopped it. */
  "StoppedByPerson",
  /** An arm does harm, by the primary metric or a guardrail. */
  "HarmShown",
  /** Requests did not come to the arms as planned: no comparison means anything. */
  "ArmsSkewed",
  /** A new revision was released: the two never share the traffic. */
  "ReleaseBegan",
  /** Another revision is the stable one. */
  "StableChanged",
  /** The ModelDeployment does not count any more what the experiment judges by, or counts another thing by its name. */
  "MetricChanged",
  /** The ModelDeployment is gone. */
  "ModelDeploymentGone",
] as const;

/** What is said of an arm and a metric. */
export const ARM_FINDINGS = [
  /** Better than the control. */
  "Better",
  /** Worse than the control. */
  "Worse",
  /** Neither is shown. */
  "NotShown",
  /** Too few answers or labels to say anything. */
  "TooLittle",
  /** The numbers cannot be, or are not known. */
  "NoVerdict",
] as const;

/** Most entries of `status.shares`. An experiment that loses its shares again and again is judged by the latest ones. */
export const MAXIMUM_EXPERIMENT_SHARES = 64;

const time = (description: string) => Type.String({ format: "date-time", maxLength: 32, description });
const number = (description: string) => Type.String({ maxLength: 32, description });
const count = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });

const findingSchema = Type.Object(
  {
    metric: Type.String({ maxLength: 63, description: "Name of the metric." }),
    role: stringEnum(["Primary", "Guardrail"], { description: "What it is for." }),
    finding: stringEnum(ARM_FINDINGS, {
      description:
        "`Better` and `Worse` hold at all looks at once, for all arms together. Of a guardrail only `Worse` is looked for.",
    }),
    change: Type.Optional(number("Relative change from the control: 0.04 is 4 % more.")),
    lower: Type.Optional(number("It is no less than this, as far as is known.")),
    upper: Type.Optional(number("It is no more than this, as far as is known.")),
    armAnswers: Type.Optional(count("Answers of the arm that it rests on.")),
    controlAnswers: Type.Optional(count("Answers of the control that it rests on.")),
    message: Type.String({ maxLength: 512, description: "The same for people." }),
  },
  { description: "What a metric says of an arm." },
);

const armStatusSchema = Type.Object(
  {
    name: Type.String({ maxLength: 20, description: "Name of the arm." }),
    arm: stringEnum(EXPERIMENT_ARMS, {
      description: "What it is called in metrics, logs and the traffic plan.",
    }),
    revision: Type.String({ maxLength: 63, description: "Name of the ControllerRevision that it serves." }),
    weight: percentageSchema("Share of the traffic that it is to have now."),
    replicas: Type.Integer({ minimum: 0, maximum: 1000, description: "Replicas asked for." }),
    readyReplicas: Type.Integer({ minimum: 0, maximum: 1000, description: "Replicas that are ready." }),
    findings: Type.Optional(
      Type.Array(findingSchema, {
        maxItems: 9,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["metric"],
        description: "What is found so far, the primary metric first.",
      }),
    ),
  },
  { description: "One arm." },
);

const judgedMetricSchema = Type.Object(
  {
    metric: Type.String({ maxLength: 63, description: "Name of the metric." }),
    type: stringEnum(QUALITY_METRIC_TYPES, { description: "What is counted." }),
    label: Type.String({ maxLength: 63, description: "The label that it is made of." }),
    better: stringEnum(METRIC_DIRECTIONS, { description: "Which values are better." }),
  },
  { description: "What a metric is." },
);

const shareSchema = Type.Object(
  {
    firstEpoch: Type.Integer({ minimum: 1, description: "The first plan that gave the arms their shares." }),
    lastEpoch: Type.Integer({ minimum: 1, description: "The last one so far." }),
    drawnBy: stringEnum(["Request", "User"], {
      description: "Whether each request is drawn by itself, or each user with all requests.",
    }),
  },
  { description: "Plans of the traffic, one after the other, that gave the arms their shares." },
);

const verdictSchema = Type.Object(
  {
    outcome: stringEnum(["Completed", "Stopped", "Interrupted"], {
      description:
        "`Completed` as planned; `Stopped` by a person, by harm or by arms that cannot be compared; `Interrupted` by what became of the ModelDeployment.",
    }),
    reason: stringEnum(VERDICT_REASONS, { description: "Why, in one word." }),
    message: Type.String({ maxLength: 1024, description: "Why, and what was found, for people." }),
    at: time("When it fell."),
  },
  { description: "What came of it. It is never taken back, and promotes nothing." },
);

/** JSON Schema of the status. */
export const modelExperimentStatusSchema = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: "Generation of the spec that this status speaks of." }),
    ),
    phase: Type.Optional(stringEnum(EXPERIMENT_PHASES, { description: "Where it is." })),
    reason: Type.Optional(
      Type.String({ maxLength: 63, description: "Why it waits, or why it ended, in one word." }),
    ),
    message: Type.Optional(
      Type.String({ maxLength: 1024, description: "What is awaited, or what came of it, for people." }),
    ),
    stable: Type.Optional(Type.String({ maxLength: 63, description: "The revision that is the control." })),
    metrics: Type.Optional(
      Type.Array(judgedMetricSchema, {
        maxItems: 9,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["metric"],
        description:
          "What it judges by, as the ModelDeployment had it when the arms first got their shares. Once one of them is another, the experiment ends.",
      }),
    ),
    startedAt: Type.Optional(time("When the arms first got their shares.")),
    endsAt: Type.Optional(time("When they are to lose them.")),
    sharesInEffectAt: Type.Optional(
      time("Since when every router gives the arms their shares; absent while one does not."),
    ),
    concludesAt: Type.Optional(time("When the slowest label of the last answers has had its time.")),
    evidenceAt: Type.Optional(
      time("Since when the findings are these: when the evidence that first said so was read."),
    ),
    arms: Type.Optional(
      Type.Array(armStatusSchema, {
        maxItems: EXPERIMENT_ARMS.length,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        description: "The arms, in the order of the spec.",
      }),
    ),
    shares: Type.Optional(
      Type.Array(shareSchema, {
        maxItems: MAXIMUM_EXPERIMENT_SHARES,
        "x-kubernetes-list-type": "atomic",
        description: "What was counted under these plans is the evidence of this experiment.",
      }),
    ),
    verdict: Type.Optional(verdictSchema),
    conditions: Type.Optional(
      Type.Array(conditionFields("One of Running, Ended."), {
        maxItems: 8,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        description: "Conditions, by type.",
      }),
    ),
  },
  { description: "How it goes." },
);

/** How an experiment goes. Every field is absent before the operator has looked at it. */
export type ModelExperimentStatus = Type.Static<typeof modelExperimentStatusSchema>;
/** Where an experiment is. */
export type ExperimentPhase = (typeof EXPERIMENT_PHASES)[number];
/** Why an experiment waits. */
export type WaitingReason = (typeof WAITING_REASONS)[number];
/** What came of an experiment. */
export type ExperimentVerdict = NonNullable<ModelExperimentStatus["verdict"]>;
/** One arm. */
export type ExperimentArmStatus = NonNullable<ModelExperimentStatus["arms"]>[number];
/** What a metric says of an arm. */
export type ArmFinding = Type.Static<typeof findingSchema>;
/** What a metric is that an experiment judges by. */
export type JudgedMetric = Type.Static<typeof judgedMetricSchema>;
/** Plans of the traffic that gave the arms their shares. */
export type ExperimentShare = Type.Static<typeof shareSchema>;
