/**
 * How a new model revision takes the traffic over. Nothing of it shapes pods or predictions: a change takes effect
 * with the next release.
 */
import Type from "typebox";
import { percentageSchema } from "./percentage.ts";
import { GATING_METRIC_TYPES, gatesInCel, labelOfMetricInCel } from "./quality-metrics.ts";
import { gateRules, gatesSchema } from "./rollout-gates.ts";
import { type CelRule, durationSchema, stringEnum } from "./schema.ts";
import { shadowRules, shadowSchema } from "./shadow.ts";

/** Most steps of a canary. */
export const MAXIMUM_STEPS = 20;

const canaryStepSchema = Type.Object(
  {
    weight: percentageSchema(
      "Share of the requests that the new revision answers in this step, such as `10%` or `0.5%`; more in each step, and less than 100%.",
    ),
    minDuration: Type.Optional(
      durationSchema({
        description:
          "How long the step lasts at least, counted from when every router gives the new revision this share. At most 720h.",
      }),
    ),
    pause: Type.Optional(
      Type.Boolean({
        description:
          "After `minDuration` the step goes on until a person approves it: `spec.approvedStep` of the ModelRollout.",
      }),
    ),
  },
  { description: "A share of the traffic, and for how long." },
);

/** JSON Schema of a strategy, in a ModelDeployment and in the ModelRollout that carries it out. */
export const rolloutStrategySchema = Type.Object(
  {
    type: stringEnum(["BlueGreen", "Canary", "Shadow", "Recreate"], {
      description:
        "`BlueGreen` moves all traffic at once, when all replicas of the new revision are ready. `Canary` moves it in steps. `Shadow` mirrors requests to the new revision first, and moves all traffic once that has passed. `Recreate` takes the old revision away first: nothing answers until the new one is ready; for devices that are too few for both.",
    }),
    canary: Type.Optional(
      Type.Object(
        {
          steps: Type.Array(canaryStepSchema, {
            minItems: 1,
            maxItems: MAXIMUM_STEPS,
            "x-kubernetes-list-type": "atomic",
            description: "Steps in their order. All the traffic follows after the last one by itself.",
          }),
        },
        { description: "Settings of the type `Canary`." },
      ),
    ),
    shadow: Type.Optional(shadowSchema),
  },
  { description: "How the traffic moves." },
);

/** JSON Schema of a holdback, in a ModelDeployment and in the ModelRollout that carries it out. */
export const holdbackSchema = Type.Object(
  {
    weight: percentageSchema(
      "Share of the requests that the old revision goes on to answer, such as `5%`; more than 0% and less than 50%.",
    ),
    for: durationSchema({
      description:
        "How long, counted from when every router gives the new revision the rest. From 1m to 720h. A quality gate whose label takes longer than a step lasts is decided in this time, if the label takes no longer than that.",
    }),
  },
  {
    description:
      "After the last step the old revision keeps a share of the traffic as a control, with the replicas for that alone, so that slow labels can still show harm. On harm the traffic goes back to it, as its replicas come.",
  },
);

/** JSON Schema of the rollout settings of a ModelDeployment. */
export const rolloutSchema = Type.Object(
  {
    strategy: rolloutStrategySchema,
    gates: Type.Optional(gatesSchema),
    holdback: Type.Optional(holdbackSchema),
    onNewRevision: Type.Optional(
      stringEnum(["Supersede", "Queue"], {
        description:
          "`Supersede` unless set. When the spec asks for yet another revision in mid-rollout: `Supersede` gives the present one up and begins with the new one, `Queue` finishes it first, if it has traffic. In a holdback `Supersede` has the new one come up beside both, and ends that once it can begin: it is then released beside the revision that has all the traffic. `Queue` waits for its end. A return to the revision that serves always ends the rollout.",
      }),
    ),
  },
  {
    description:
      "How a new model revision takes the traffic over: all at once, when all its replicas are ready, unless set.",
  },
);

const STEPS = "self.rollout.strategy.canary.steps";
const NO_STEPS = "!has(self.rollout) || !has(self.rollout.strategy.canary)";
const share = (step: string) => `double(${step}.weight.replace('%', ''))`;

const HOLDBACK = "self.rollout.holdback";
const NO_HOLDBACK = `!has(self.rollout) || !has(${HOLDBACK})`;
const heldBack = `double(${HOLDBACK}.weight.replace('%', ''))`;

const GATES = "self.rollout.gates";
const NO_GATES = "!has(self.rollout) || !has(self.rollout.gates)";
/** Rules over the rollout settings of a spec. */
export const rolloutRules: readonly CelRule[] = [
  {
    rule: "!has(self.rollout) || (self.rollout.strategy.type == 'Canary') == has(self.rollout.strategy.canary)",
    message:
      "spec.rollout.strategy.canary: belongs to the type Canary, and that type needs it; set strategy.type to Canary, or leave canary out",
  },
  {
    rule: `${NO_STEPS} || ${STEPS}.all(step, ${share("step")} > 0.0 && ${share("step")} < 100.0)`,
    message:
      "spec.rollout.strategy.canary.steps[].weight: must be more than 0% and less than 100%; all the traffic follows after the last step by itself",
  },
  {
    rule: `${NO_STEPS} || (${STEPS}.map(step, ${share("step")}).isSorted() && ${STEPS}.all(step, ${STEPS}.exists_one(other, ${share("other")} == ${share("step")})))`,
    message:
      "spec.rollout.strategy.canary.steps[].weight: must grow from step to step; put the smallest share first",
  },
  {
    rule: `${NO_STEPS} || ${STEPS}.all(step, has(step.minDuration) || (has(step.pause) && step.pause))`,
    message:
      "spec.rollout.strategy.canary.steps[]: needs minDuration, or pause: true; without either the step would end as it begins",
  },
  {
    rule: `${NO_STEPS} || ${STEPS}.all(step, !has(step.minDuration) || duration(step.minDuration) <= duration('720h'))`,
    message: "spec.rollout.strategy.canary.steps[].minDuration: must be at most 720h",
  },
  {
    rule: "!has(self.rollout) || !has(self.rollout.gates) || size(self.rollout.gates) == 0 || self.rollout.strategy.type == 'Canary'",
    message:
      "spec.rollout.gates: need the type Canary; gates hold the steps of a canary, and the other types have none",
  },
  {
    rule: `${NO_GATES} || ${GATES}.all(gate, !has(gate.quality) || (has(self.quality) && self.quality.metrics.exists(m, m.name == gate.quality.metric)))`,
    message:
      "spec.rollout.gates[].quality.metric: must be one of spec.quality.metrics; without that nothing is counted that the gate could judge by",
  },
  {
    rule: `${NO_GATES} || !has(self.quality) || ${GATES}.all(gate, !has(gate.quality) || self.quality.metrics.all(m, m.name != gate.quality.metric || ${gatesInCel("m")}))`,
    message: `spec.rollout.gates[].quality.metric: must be of a type by which revisions can be compared: ${GATING_METRIC_TYPES.join(", ")}; people click what is displayed first, so labels follow the own order of each revision, and NDCG, MAP, MRR, HitRate and metrics of scores only describe it`,
  },
  {
    rule: `${NO_GATES} || ${NO_STEPS} || !has(self.quality) || ${GATES}.all(gate, !has(gate.quality) || self.quality.metrics.all(m, m.name != gate.quality.metric || self.quality.labels.all(l, l.name != ${labelOfMetricInCel("m")} || (has(${HOLDBACK}) && duration(l.matures) <= duration(${HOLDBACK}.for)) || ${STEPS}.all(step, (has(step.pause) && step.pause) || !has(step.minDuration) || duration(l.matures) <= duration(step.minDuration)))))`,
    message:
      "spec.rollout.gates[].quality.metric: its label takes longer than a step lasts, so the step would wait for the label whatever it says; make minDuration at least as long as spec.quality.labels[].matures, gate on a faster label, or have a spec.rollout.holdback that is at least as long, in which the gate is then decided",
  },
  {
    rule: `${NO_HOLDBACK} || self.rollout.strategy.type == 'Canary'`,
    message:
      "spec.rollout.holdback: needs the type Canary; what moves all at once has no old revision to compare with",
  },
  {
    rule: `${NO_HOLDBACK} || (${heldBack} > 0.0 && ${heldBack} < 50.0)`,
    message:
      "spec.rollout.holdback.weight: must be more than 0% and less than 50%; most of the traffic is for the new revision",
  },
  {
    rule: `${NO_HOLDBACK} || ${NO_STEPS} || ${STEPS}.all(step, ${share("step")} + ${heldBack} < 100.0)`,
    message:
      "spec.rollout.holdback.weight: must leave the new revision more than the last step does; make the last step or the holdback smaller",
  },
  {
    rule: `${NO_HOLDBACK} || (duration(${HOLDBACK}.for) >= duration('1m') && duration(${HOLDBACK}.for) <= duration('720h'))`,
    message: "spec.rollout.holdback.for: must be from 1m to 720h",
  },
  ...shadowRules,
  ...gateRules("self.rollout.gates", "has(self.rollout) && has(self.rollout.gates)"),
];

/** How a new model revision takes the traffic over. */
export type RolloutSpec = Type.Static<typeof rolloutSchema>;
/** What the old revision keeps for a time after the steps. */
export type HoldbackSpec = Type.Static<typeof holdbackSchema>;
/** How the traffic moves. */
export type RolloutStrategy = Type.Static<typeof rolloutStrategySchema>;
