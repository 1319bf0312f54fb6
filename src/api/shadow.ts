/**
 * Mirroring before the first step of a release: the candidate answers copies of requests, and nobody gets its answers.
 *
 * What passes lets the release go on; what does not by its deadline gives it up.
 */
import Type from "typebox";
import { percentageSchema } from "./percentage.ts";
import { latencySchema } from "./rollout-gates.ts";
import { type CelRule, decimalSchema, durationSchema, stringEnum } from "./schema.ts";

/** Share of the requests that is mirrored unless set. */
export const DEFAULT_MIRRORED_SHARE = "1%";
/** Pairs that are needed unless set. */
export const DEFAULT_MINIMUM_PAIRS = 1_000;
/** Share of the copies that the candidate has to answer unless set. */
export const DEFAULT_MINIMUM_ANSWERED = "95%";
/** How long the mirroring may wait once it has lasted its time, unless set. */
export const DEFAULT_SHADOW_DEADLINE = "24h";
/** The largest share: each copy is work for the candidate, which has the replicas for its share alone. */
const LARGEST_SHARE = 10;
/** With fewer pairs than this the bounds of a mean are not what they say. */
export const LEAST_PAIRS = 200;

/** By what two answers agree. */
export const AGREEMENTS = ["Score", "Best", "Order"] as const;

const agreementSchema = Type.Object(
  {
    by: stringEnum(AGREEMENTS, {
      description:
        "When two answers agree: `Score` when no score of a row differs by more than `tolerance`, `Best` when the same row has the highest score, `Order` when all rows are in the same order. The last two count requests of two rows and more.",
    }),
    min: percentageSchema("The smallest share of the pairs that has to agree, such as `95%`."),
    tolerance: Type.Optional(
      decimalSchema(
        'For `Score`: 1, 2 or 5 of a power of ten from `"0.000001"` to `"50"`, such as `"0.01"`.',
      ),
    ),
  },
  { description: "How often both revisions have to say the same." },
);

/** JSON Schema of the mirroring. */
export const shadowSchema = Type.Object(
  {
    share: Type.Optional(
      percentageSchema(
        `Share of the requests of which a copy goes to the new revision, at most ${LARGEST_SHARE}%; ${DEFAULT_MIRRORED_SHARE} unless set.`,
      ),
    ),
    minDuration: durationSchema({
      description:
        "How long requests are mirrored at least, counted from when every router does so. From 1m to 720h.",
    }),
    minPairs: Type.Optional(
      Type.Integer({
        minimum: LEAST_PAIRS,
        maximum: 1_000_000_000,
        description: `Fewest requests of which both answers are known, ${DEFAULT_MINIMUM_PAIRS} unless set.`,
      }),
    ),
    minAnswered: Type.Optional(
      percentageSchema(
        `The smallest share of the mirrored requests that the new revision has to have answered well, ${DEFAULT_MINIMUM_ANSWERED} unless set.`,
      ),
    ),
    deadline: Type.Optional(
      durationSchema({
        description: `How long it may go on after \`minDuration\` without passing; then the release is given up. From 1m to 2160h, ${DEFAULT_SHADOW_DEADLINE} unless set.`,
      }),
    ),
    agreement: Type.Optional(agreementSchema),
    rankCorrelation: Type.Optional(
      Type.Object(
        {
          min: decimalSchema(
            'The least that the mean of Kendall\'s tau-b over requests of two rows and more may be, above -1 and below 1, such as `"0.9"`.',
          ),
        },
        { description: "How far both revisions have to put rows in the same order." },
      ),
    ),
    latency: Type.Optional(latencySchema),
  },
  {
    description:
      "Before the first share of the traffic: copies of requests go to the new revision, and its answers to nobody. They are compared with those of stable. Settings of the type `Shadow`, or a beginning for the type `Canary`.",
  },
);

const SHADOW = "self.rollout.strategy.shadow";
const NONE = `!has(self.rollout) || !has(${SHADOW})`;
const share = (text: string) => `double(${text}.replace('%', ''))`;
const between = (path: string) => `${share(path)} > 0.0 && ${share(path)} < 100.0`;
const WHERE = "spec.rollout.strategy.shadow";

/** Rules over the spec of a ModelDeployment. */
export const shadowRules: readonly CelRule[] = [
  {
    rule: `!has(self.rollout) || (has(${SHADOW}) ? self.rollout.strategy.type in ['Shadow', 'Canary'] : self.rollout.strategy.type != 'Shadow')`,
    message: `${WHERE}: belongs to the types Shadow and Canary, and Shadow needs it; set strategy.type to one of these, or leave shadow out`,
  },
  {
    rule: `${NONE} || (has(self.quality) && has(self.quality.response))`,
    message: `${WHERE}: needs spec.quality with response and observe; by these model servers know which output to compare, and whom to tell`,
  },
  {
    rule: `${NONE} || has(${SHADOW}.agreement) || has(${SHADOW}.rankCorrelation) || has(${SHADOW}.latency)`,
    message: `${WHERE}: needs agreement, rankCorrelation or latency; without any of them it holds nothing`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.share) || (${share(`${SHADOW}.share`)} > 0.0 && ${share(`${SHADOW}.share`)} <= ${LARGEST_SHARE}.0)`,
    message: `${WHERE}.share: must be more than 0% and at most ${LARGEST_SHARE}%; each copy is work for the new revision`,
  },
  {
    rule: `${NONE} || (duration(${SHADOW}.minDuration) >= duration('1m') && duration(${SHADOW}.minDuration) <= duration('720h'))`,
    message: `${WHERE}.minDuration: must be from 1m to 720h`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.minAnswered) || (${between(`${SHADOW}.minAnswered`)})`,
    message: `${WHERE}.minAnswered: must be more than 0% and less than 100%; a copy may always be lost on its way`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.deadline) || (duration(${SHADOW}.deadline) >= duration('1m') && duration(${SHADOW}.deadline) <= duration('2160h'))`,
    message: `${WHERE}.deadline: must be from 1m to 2160h`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.agreement) || (${between(`${SHADOW}.agreement.min`)})`,
    message: `${WHERE}.agreement.min: must be more than 0% and less than 100%; that all agree can never be shown`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.agreement) || has(${SHADOW}.agreement.tolerance) == (${SHADOW}.agreement.by == 'Score')`,
    message: `${WHERE}.agreement.tolerance: belongs to Score, which needs it; leave it out by Best and Order, which look at the order alone`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.agreement) || !has(${SHADOW}.agreement.tolerance) || (${SHADOW}.agreement.tolerance.matches('^(0[.]0{0,5}[125]0*|[125]0?([.]0*)?)$'))`,
    message: `${WHERE}.agreement.tolerance: must be 1, 2 or 5 of a power of ten from 0.000001 to 50, such as 0.01 or 0.05; differences are counted up to these`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.rankCorrelation) || (double(${SHADOW}.rankCorrelation.min) > -1.0 && double(${SHADOW}.rankCorrelation.min) < 1.0)`,
    message: `${WHERE}.rankCorrelation.min: must be above -1 and below 1; that all orders are the same can never be shown`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.latency) || has(${SHADOW}.latency.max) || has(${SHADOW}.latency.maxAboveStable)`,
    message: `${WHERE}.latency: needs max, maxAboveStable, or both; without either it holds nothing`,
  },
  {
    rule: `${NONE} || !has(${SHADOW}.latency) || !has(${SHADOW}.latency.max) || (duration(${SHADOW}.latency.max) >= duration('1ms') && duration(${SHADOW}.latency.max) <= duration('10m'))`,
    message: `${WHERE}.latency.max: must be from 1ms to 10m`,
  },
];

/** The mirroring of a release. */
export type ShadowSpec = Type.Static<typeof shadowSchema>;
