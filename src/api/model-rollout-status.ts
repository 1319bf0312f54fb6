/**
 * The status of a ModelRollout: how a release goes, and what came of it. The operator alone writes it.
 */
import Type from "typebox";
import { conditionFields } from "./conditions.ts";
import { gateStatusSchema } from "./gate-status.ts";
import { MAXIMUM_HISTORY } from "./model-rollout-spec.ts";
import { percentageSchema } from "./percentage.ts";
import { stringEnum } from "./schema.ts";

/** Where a rollout is. */
export const ROLLOUT_PHASES = [
  /** The new revision comes up; it has no traffic yet. */
  "Pending",
  /** A step is in progress, or the next one is prepared. */
  "Progressing",
  /** A person is awaited: who paused it, or who approves the step. */
  "Paused",
  /** The steps are passed: the new revision serves, and the old one keeps a share as a control. */
  "HoldingBack",
  /** Given up in its holdback: the traffic goes back to the old revision as its replicas come. */
  "Returning",
  /** The new revision gets all the traffic, and that is not in effect everywhere yet. */
  "Promoting",
  /** The new revision is the stable one. Over. */
  "Promoted",
  /** Given up; the stable revision has all the traffic. Over, until a retry. */
  "Aborted",
  /** The spec, or a person who undid, asked for something else. Over. */
  "Superseded",
] as const;

/** Why a rollout came to its end, as the API has it. */
const VERDICT_REASONS = [
  /** Every step was passed. */
  "StepsPassed",
  /** A person decided so. */
  "DecidedByPerson",
  /** The stable revision had no ready replica for so long that waiting protected nobody. */
  "StableBroken",
  /** Nobody knows the stable revision any more: its ControllerRevision is gone. */
  "StableLost",
  /** A gate failed. */
  "GateFailed",
  /** The spec asks for another revision. */
  "NewRevision",
  /** The spec asks for the stable revision again. */
  "ReturnedToStable",
  /** A person had the traffic taken back. */
  "Undone",
] as const;

/** Most entries of `status.shares`. A candidate that loses its share again and again is judged by the latest ones. */
export const MAXIMUM_SHARES = 64;

const time = (description: string) => Type.String({ format: "date-time", maxLength: 32, description });

const historyEntrySchema = Type.Object(
  {
    step: Type.Integer({ minimum: 1, maximum: MAXIMUM_HISTORY, description: "Number of the step, from 1." }),
    weight: percentageSchema("Share of the traffic in this step."),
    mirrored: Type.Optional(
      percentageSchema("Share of the requests of which a copy went to the new revision in this step."),
    ),
    startedAt: time("When the step was begun."),
    inEffectAt: Type.Optional(
      time(
        "Since when every router gives the new revision this share without a break; `minDuration` counts from here.",
      ),
    ),
    endedAt: Type.Optional(time("When the step was passed.")),
  },
  { description: "One step." },
);

/** What ends a release: once it has fallen, or that is to fall. */
export const verdictSchema = (description: string) =>
  Type.Object(
    {
      outcome: stringEnum(["Promoted", "Aborted", "Superseded"], { description: "What came of it." }),
      reason: stringEnum(VERDICT_REASONS, { description: "Why, in one word." }),
      message: Type.String({ maxLength: 1024, description: "Why, for people." }),
      at: time("When it fell."),
    },
    { description },
  );

const shareSchema = Type.Object(
  {
    weight: percentageSchema("Share of the traffic."),
    firstEpoch: Type.Integer({ minimum: 1, description: "The first plan that gave it." }),
    lastEpoch: Type.Integer({ minimum: 1, description: "The last one so far." }),
    drawnBy: stringEnum(["Request", "User"], {
      description: "Whether each request is drawn by itself, or each user with all requests.",
    }),
  },
  { description: "Plans of the traffic, one after the other, that gave one share." },
);

/** JSON Schema of the status. */
export const modelRolloutStatusSchema = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: "Generation of the spec that this status speaks of." }),
    ),
    phase: Type.Optional(stringEnum(ROLLOUT_PHASES, { description: "Where it is." })),
    message: Type.Optional(
      Type.String({ maxLength: 1024, description: "What is awaited, or what came of it, for people." }),
    ),
    step: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAXIMUM_HISTORY,
        description:
          "Number of the step in progress; 0 before the first. After the last of the strategy come the holdback, if there is one, and all the traffic.",
      }),
    ),
    steps: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MAXIMUM_HISTORY, description: "Number of the last step." }),
    ),
    weight: Type.Optional(percentageSchema("Share of the traffic that the new revision is to have now.")),
    weightInEffectAt: Type.Optional(
      time("Since when every router gives the new revision this share; absent while one does not yet."),
    ),
    startedAt: Type.Optional(time("When the operator first looked at it.")),
    endedAt: Type.Optional(time("When its verdict fell.")),
    nextCheckAt: Type.Optional(time("When the step in progress has lasted long enough.")),
    stableLostAt: Type.Optional(time("Since when the stable revision has had no ready replica.")),
    history: Type.Optional(
      Type.Array(historyEntrySchema, {
        maxItems: MAXIMUM_HISTORY,
        "x-kubernetes-list-type": "atomic",
        description: "The steps so far, the latest last.",
      }),
    ),
    shares: Type.Optional(
      Type.Array(shareSchema, {
        maxItems: MAXIMUM_SHARES,
        "x-kubernetes-list-type": "atomic",
        description:
          "By which plans of the traffic the new revision had a share, the latest last: what was counted under these is the evidence of this release.",
      }),
    ),
    mirrored: Type.Optional(
      Type.Object(
        {
          share: percentageSchema("Share of the requests."),
          firstEpoch: Type.Integer({ minimum: 1, description: "The first plan of the traffic that did so." }),
          lastEpoch: Type.Integer({
            minimum: 1,
            description: "The last one so far, without another between.",
          }),
        },
        {
          description:
            "By which plans of the traffic copies of requests went to the new revision: what was told under these is compared.",
        },
      ),
    ),
    gates: Type.Optional(
      Type.Array(gateStatusSchema, {
        maxItems: 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        description: "What each gate says of the step in progress; once a gate failed, what it failed by.",
      }),
    ),
    passedGates: Type.Optional(
      Type.Array(gateStatusSchema, {
        maxItems: 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        description: "What each gate said when it let the latest step end; it stays for those who ask why.",
      }),
    ),
    returning: Type.Optional(
      verdictSchema(
        "The verdict that ends the holdback: it falls once the old revision can carry all the traffic, which goes back to it as its replicas come. It is never taken back.",
      ),
    ),
    verdict: Type.Optional(verdictSchema("What came of it. It is never taken back.")),
    conditions: Type.Optional(
      Type.Array(conditionFields("One of Progressing, Promoted."), {
        maxItems: 8,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        description: "Conditions, by type.",
      }),
    ),
  },
  { description: "How it goes." },
);

/** How a release goes. Every field is absent before the operator has looked at it. */
export type ModelRolloutStatus = Type.Static<typeof modelRolloutStatusSchema>;
/** Where a release is. */
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];
/** What came of a release. */
export type RolloutVerdict = NonNullable<ModelRolloutStatus["verdict"]>;
/** Plans of the traffic that mirrored one share of the requests to the candidate. */
export type MirroredShare = NonNullable<ModelRolloutStatus["mirrored"]>;
/** Plans of the traffic that gave the candidate one share. */
export type RolloutShare = NonNullable<ModelRolloutStatus["shares"]>[number];
/** One step of a release. */
export type RolloutHistoryEntry = NonNullable<ModelRolloutStatus["history"]>[number];
