/**
 * What the operator reports of alarms: those that go on, and what followed from any.
 *
 * It is the operator's memory: what stands here was decided, so that an operator that starts anew neither does it again nor
 * forgets it. Numbers are texts: the API has no floating-point numbers that all clients keep alike. They are those of the
 * first look at an alarm; those that move are metrics of the collector.
 */
import Type from "typebox";
import { ANOMALY_REACTIONS, MAXIMUM_REACTIONS_PER_WEEK } from "./anomalies.ts";
import { stringEnum } from "./schema.ts";
import { MAXIMUM_UNDO_LENGTH } from "./undo-status.ts";

/** Most series of one deployment: its requests, load, latency, errors and labels, and 32 metrics; some more for a collector that is newer. */
export const MAXIMUM_SERIES = 64;
/** Longest name of a series. */
export const MAXIMUM_SERIES_LENGTH = 80;

/** Longest text that says of an alarm what it is. */
export const MAXIMUM_ALARM_TEXT = 256;

/** Longest text that says what followed from it. */
export const MAXIMUM_REACTION_TEXT = 512;

const time = (description: string) => Type.String({ format: "date-time", maxLength: 32, description });
const number = (description: string) => Type.String({ maxLength: 32, description });
const series = Type.String({
  maxLength: MAXIMUM_SERIES_LENGTH,
  description:
    "Name of the series: `requests`, `load`, `latency`, `errors`, `labels`, or `metric:` and the name of a metric.",
});

const alarmSchema = Type.Object(
  {
    series,
    since: time("Since when something is held to be wrong."),
    value: number("What it was when the alarm was first seen."),
    low: number("Lower end of the band in which it was expected."),
    high: number("Upper end of it."),
    reaction: Type.Optional(
      Type.String({
        maxLength: MAXIMUM_REACTION_TEXT,
        description: "What followed, or why nothing did; absent where the spec asks for nothing.",
      }),
    ),
  },
  { description: "An alarm that goes on." },
);

const reactionSchema = Type.Object(
  {
    type: stringEnum(ANOMALY_REACTIONS, { description: "What followed." }),
    at: time("When it was decided."),
    because: Type.String({ maxLength: MAXIMUM_ALARM_TEXT, description: "The alarm that it followed from." }),
    rollout: Type.Optional(
      Type.String({ maxLength: 63, description: "Name of the ModelRollout that is paused." }),
    ),
    isDone: Type.Optional(
      Type.Boolean({
        description:
          "The ModelRollout was seen to be paused by it: what becomes of that is for people to say.",
      }),
    ),
    request: Type.Optional(
      Type.String({
        maxLength: MAXIMUM_UNDO_LENGTH,
        description: "Name of the undo, in place of a request by a person.",
      }),
    ),
  },
  { description: "What followed from an alarm." },
);

/** JSON Schema of the status of anomalies. */
export const anomaliesStatusSchema = Type.Object(
  {
    alarms: Type.Optional(
      Type.Array(alarmSchema, {
        maxItems: MAXIMUM_SERIES,
        "x-kubernetes-list-type": "atomic",
        description: "Alarms that go on, as far as is known.",
      }),
    ),
    reactions: Type.Optional(
      Type.Array(reactionSchema, {
        maxItems: MAXIMUM_REACTIONS_PER_WEEK,
        "x-kubernetes-list-type": "atomic",
        description: "What followed from alarms in the last seven days, the latest last.",
      }),
    ),
  },
  { description: "Alarms of the series that are watched." },
);

/** Alarms, and what followed from any. */
export type AnomaliesStatus = Type.Static<typeof anomaliesStatusSchema>;
/** An alarm that goes on. */
export type StatedAlarm = Type.Static<typeof alarmSchema>;
/** What followed from an alarm. */
export type StatedReaction = Type.Static<typeof reactionSchema>;
