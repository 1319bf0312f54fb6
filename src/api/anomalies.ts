/**
 * How the series of a ModelDeployment are watched, and what is to follow from an alarm.
 *
 * Nothing follows unless the spec says so: an alarm tells people, and a false one must not move traffic by itself.
 */
import Type from "typebox";
import { type CelRule, durationSchema, stringEnum } from "./schema.ts";

/** What may follow from an alarm. */
export const ANOMALY_REACTIONS = ["PauseRollout", "Undo"] as const;

/** How long nothing more follows, how often in a week, and how long a promotion is held to be the cause, unless the spec says. */
export const REACTION_DEFAULTS = { cooldown: "6h", maxPerWeek: 1, promotedWithin: "2h" } as const;

/** Most reactions in a week that can be allowed. */
export const MAXIMUM_REACTIONS_PER_WEEK = 7;

const reactionSchema = Type.Object(
  {
    type: stringEnum(ANOMALY_REACTIONS, {
      description:
        "`PauseRollout`: a release that is under way when an alarm begins is paused; a person resumes it. `Undo`: when a metric gets worse, or latency or errors rise, soon after a promotion, the traffic is taken back to the revision that served before, as by `petrel undo`.",
    }),
    cooldown: Type.Optional(
      durationSchema({
        description: `For so long after a reaction nothing more follows from any alarm: from 10m to 168h, ${REACTION_DEFAULTS.cooldown} unless set.`,
      }),
    ),
    maxPerWeek: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAXIMUM_REACTIONS_PER_WEEK,
        description: `Most reactions in any 7 days; ${REACTION_DEFAULTS.maxPerWeek} unless set.`,
      }),
    ),
    promotedWithin: Type.Optional(
      durationSchema({
        description: `Goes with \`Undo\`: only what began within this time after the promotion of what serves is undone, from 10m to 168h; ${REACTION_DEFAULTS.promotedWithin} unless set.`,
      }),
    ),
  },
  { description: "What follows when an alarm begins; nothing unless set. Each alarm is decided about once." },
);

/** JSON Schema of it. */
export const anomaliesSchema = Type.Object(
  {
    falseAlarmEvery: durationSchema({
      description:
        "Time in which the series of this ModelDeployment may raise one false alarm, all together: from 24h to 8760h. 720h is one in 30 days.",
    }),
    reaction: Type.Optional(reactionSchema),
  },
  {
    description:
      "Watches the requests, the load, the labels, and the latency, the errors and each metric of the stable revision, every five minutes, for what they have not done before. The condition `AnomalyDetected` says what is found, and the collector shows it as `petrel_anomaly_*`.",
  },
);

const [ANOMALIES, REACTION] = ["self.quality.anomalies", "self.quality.anomalies.reaction"];
const withoutReaction = `!has(self.quality) || !has(${ANOMALIES}) || !has(${REACTION})`;

function isWithin(field: string, least: string, most: string): string {
  return `(duration(${field}) >= duration('${least}') && duration(${field}) <= duration('${most}'))`;
}

/** Rules over the spec. */
export const anomaliesRules: readonly CelRule[] = [
  {
    rule: `!has(self.quality) || !has(${ANOMALIES}) || ${isWithin(`${ANOMALIES}.falseAlarmEvery`, "24h", "8760h")}`,
    message: "spec.quality.anomalies.falseAlarmEvery: must be from 24h to 8760h",
  },
  ...["cooldown", "promotedWithin"].map((field) => ({
    rule: `${withoutReaction} || !has(${REACTION}.${field}) || ${isWithin(`${REACTION}.${field}`, "10m", "168h")}`,
    message: `spec.quality.anomalies.reaction.${field}: must be from 10m to 168h`,
  })),
  {
    rule: `${withoutReaction} || !has(${REACTION}.promotedWithin) || ${REACTION}.type == 'Undo'`,
    message: "spec.quality.anomalies.reaction.promotedWithin: goes with type Undo",
  },
];

/** What follows when an alarm begins. */
export type AnomalyReactionSpec = Type.Static<typeof reactionSchema>;
