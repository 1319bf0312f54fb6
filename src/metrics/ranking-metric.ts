/**
 * Metrics of lists: a mean over requests of a number that follows from where the rows with the label stood. What all of
 * them read, and why most of them do not gate.
 */
import type { GateUse, MetricType, RowOrder, SettingRule } from "./metric.ts";
import { type RankedHit, rankedHits } from "./ranked-hits.ts";
import { requestMean } from "./request-mean.ts";
import { UNCAPPED } from "./revenue-per-request.ts";

/** How many places count unless said otherwise. */
const DEFAULT_PLACES = 10;

/** Why no metric of the model's own order gates, nor one that is divided by what a request could have had. */
const ORDERS_DIFFER: GateUse = {
  type: "Descriptive",
  reason: "people click what is displayed first, so each arm's labels follow its own order",
};

const CAP: SettingRule = { field: "cap", meaning: "Most that one request counts. A gate needs it." };

function gateOfAmount(cap: number | undefined): GateUse {
  return cap === undefined ? UNCAPPED : { type: "Outcome", zeroOrOne: false };
}

/** What is a ranking metric's own. */
export interface RankingMetric
  extends Pick<MetricType, "type" | "title" | "definition" | "forks" | "source" | "unit"> {
  /** The order that is looked at unless said otherwise. */
  readonly defaultOrder: RowOrder;
  /** Whether it is an amount, with a cap: arms can be compared by it in the displayed order. */
  readonly isAmount?: true;
  /** What a request's number is, for the help of the sums. */
  readonly what: string;
  /** The number of a request whose rows with the label stood there, by rank; 0 for one without such rows. */
  number(hits: readonly RankedHit[], k: number): number;
}

/** The type of a ranking metric. */
export function rankingMetric({ defaultOrder, isAmount, what, number, ...entry }: RankingMetric): MetricType {
  return {
    ...entry,
    higherIsBetter: true,
    needsProbability: false,
    settings: [
      { field: "label", default: "click", meaning: "Label of a relevant row; its value is the gain." },
      { field: "k", default: DEFAULT_PLACES, meaning: "Number of places from the top that count." },
      {
        field: "order",
        default: defaultOrder,
        meaning:
          "`Model`: by the score, rows of one score as the model answered them. `Displayed`: as the client says.",
      },
      ...(isAmount ? [CAP] : []),
    ],
    create(settings, { higherIsBetter }) {
      const { label = "click", k = DEFAULT_PLACES, order = defaultOrder, cap } = settings;
      return requestMean(settings, {
        labels: [label],
        gate: isAmount && order === "Displayed" ? gateOfAmount(cap) : ORDERS_DIFFER,
        what: isAmount ? `${what}, capped` : what,
        needsOrder: true,
        number(request) {
          const hits = rankedHits(request, label, order, higherIsBetter);
          return hits === undefined
            ? "Unordered"
            : Math.min(number(hits, k), cap ?? Number.POSITIVE_INFINITY);
        },
      });
    },
  };
}
