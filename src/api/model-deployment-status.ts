/**
 * What the operator reports: the status of a ModelDeployment.
 *
 * It is also the operator's memory: whatever cannot be derived from the spec and the children stands here,
 * so that a restarted operator takes the right next step. It changes on transitions only.
 */
import Type from "typebox";
import { anomaliesStatusSchema } from "./anomaly-status.ts";
import { autoscalingStatusSchema } from "./autoscaling-status.ts";
import { conditionSchema } from "./conditions.ts";
import { verdictSchema } from "./model-rollout-status.ts";
import { percentageSchema } from "./percentage.ts";
import { dnsLabelSchema } from "./schema.ts";
import { standbyStatusSchema } from "./standby-status.ts";
import { trafficPlanSchema } from "./traffic-plan.ts";
import { MAXIMUM_UNDO_LENGTH, servedStatusSchema, undoStatusSchema } from "./undo-status.ts";
import { validationStatusSchema } from "./validation-status.ts";

/** Longest value that is reported of a request to refresh; whoever wants to know when it is obeyed keeps to it. */
export const MAXIMUM_REFRESH_LENGTH = 64;

const revisionName = (description: string) => Type.String({ maxLength: 63, description });

const poolStatusSchema = Type.Object(
  {
    name: dnsLabelSchema(40, "Name of the pool."),
    revision: revisionName("Name of the ControllerRevision that its pods serve."),
    replicas: Type.Integer({ minimum: 0, maximum: 1000, description: "Replicas asked for." }),
    readyReplicas: Type.Integer({ minimum: 0, maximum: 1000, description: "Replicas that are ready." }),
    message: Type.Optional(
      Type.String({ maxLength: 1024, description: "Why replicas are missing, in the words of who knows." }),
    ),
  },
  { description: "The replicas of one model revision in one pool." },
);

/** JSON Schema of the status. */
export const modelDeploymentStatusSchema = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({
        minimum: 0,
        description:
          "Generation of the spec that this status speaks of; 0 before the operator has looked at it.",
      }),
    ),
    observedRefresh: Type.Optional(
      Type.String({
        maxLength: MAXIMUM_REFRESH_LENGTH,
        description: "Value of the annotation `petrel.dev/refresh` that this status speaks of.",
      }),
    ),
    replicas: Type.Optional(
      // More than can be asked for: while pods are replaced, old and new ones count.
      Type.Integer({ minimum: 0, maximum: 2000, description: "Pods of the first pool, for autoscalers." }),
    ),
    selector: Type.Optional(
      Type.String({
        maxLength: 512,
        description: "Label selector of the pods of the first pool, for autoscalers.",
      }),
    ),
    conditions: Type.Optional(
      Type.Array(conditionSchema, {
        maxItems: 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        description: "Conditions, by type.",
      }),
    ),
    revisions: Type.Optional(
      Type.Object(
        {
          stable: Type.Optional(revisionName("The model revision that serves.")),
          candidate: Type.Optional(revisionName("The model revision on its way to the traffic.")),
          next: Type.Optional(
            revisionName(
              "The model revision that comes up without traffic, to end the holdback of the candidate.",
            ),
          ),
        },
        { description: "Names of ControllerRevisions by their role." },
      ),
    ),
    served: Type.Optional(servedStatusSchema),
    undo: Type.Optional(undoStatusSchema),
    validation: Type.Optional(validationStatusSchema),
    anomalies: Type.Optional(anomaliesStatusSchema),
    autoscaling: Type.Optional(autoscalingStatusSchema),
    standby: Type.Optional(standbyStatusSchema),
    rollout: Type.Optional(
      Type.Object(
        {
          number: Type.Integer({
            minimum: 1,
            maximum: 2_147_483_647,
            description: "Number of the latest release.",
          }),
          name: Type.Optional(
            Type.String({
              maxLength: 63,
              description: "Name of its ModelRollout, while the spec asks for what it releases.",
            }),
          ),
          revision: Type.Optional(revisionName("The model revision that it releases.")),
          retry: Type.Optional(
            Type.String({
              maxLength: MAXIMUM_REFRESH_LENGTH,
              description: "Value of the annotation `petrel.dev/retry` when it was begun.",
            }),
          ),
          undo: Type.Optional(
            Type.String({
              maxLength: MAXIMUM_UNDO_LENGTH,
              description: "The request to undo that it carries out.",
            }),
          ),
          heldBack: Type.Optional(
            percentageSchema(
              "Share of the traffic that the stable revision keeps as a control, with replicas for that alone: the release is in its holdback, or is taken back from there, and the candidate is what serves.",
            ),
          ),
          returning: Type.Optional(
            verdictSchema(
              "The verdict that ends the holdback, as the ModelRollout has it: it holds though somebody deletes that.",
            ),
          ),
        },
        { description: "The latest release." },
      ),
    ),
    experiment: Type.Optional(
      Type.Object(
        { name: Type.String({ maxLength: 253, description: "Name of the ModelExperiment." }) },
        { description: "The experiment whose turn it is; absent while there is none." },
      ),
    ),
    drill: Type.Optional(
      Type.Object(
        {
          name: Type.String({ maxLength: 253, description: "Name of the FailoverDrill." }),
          uid: Type.String({ maxLength: 64, description: "Its uid." }),
        },
        { description: "The drill whose turn it is: no other one may touch the traffic plan." },
      ),
    ),
    pools: Type.Optional(
      Type.Array(poolStatusSchema, {
        maxItems: 32,
        "x-kubernetes-list-type": "atomic",
        description: "Replicas by revision and pool.",
      }),
    ),
    traffic: Type.Optional(trafficPlanSchema),
    acknowledgedEpoch: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "The epoch of the traffic plan that every live router's Envoy has acknowledged.",
      }),
    ),
  },
  {
    description: "What runs.",
    // To kstatus an object without any status is up to date: Flux and Helm would not wait for the operator's first look.
    // The API server shows this until then; no generation is 0.
    default: { observedGeneration: 0 },
  },
);

/** The status. Every field but `observedGeneration` is absent before the first reconcile. */
export type ModelDeploymentStatus = Type.Static<typeof modelDeploymentStatusSchema>;
/** The replicas of one model revision in one pool. */
export type PoolStatus = Type.Static<typeof poolStatusSchema>;
