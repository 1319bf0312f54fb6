/**
 * The page that tells people of every quality metric, from the register: nothing stands on it that is not counted so.
 */
import type {
  Metric,
  MetricSettings,
  MetricType,
  MetricTypeName,
  SettingRule,
} from "../src/metrics/metric.ts";
import { METRIC_TYPES } from "../src/metrics/register.ts";

const INTRODUCTION = `<!-- Generated from src/metrics by \`npm run generate\`. Do not edit. -->

# Quality metrics

Each metric turns a settled request (the rows that were shown, their scores as far as known, their labels) into sums.
Sums add over requests, replicas, arms, groups of users and time; the value is a function of the sums and is never
averaged. A request of which no label came counts as 0: leaving out users without a click biases a comparison. Of these,
\`spec.quality\` of a \`ModelDeployment\` takes means over all requests, those of lists in the displayed order, where a
request whose order is not known counts as 0, and metrics of scores, over the rows that tokens describe
([feedback](feedback.md#metrics-of-scores)); and \`spec.validation\` takes what a labelled set can tell.

- **Gates.** A metric *gates* when arms can be compared by the mean outcome of a request, over groups of users. The others
  describe: people click what is displayed first, so labels follow each arm's own order, and each arm shows other rows.
- **Rows.** At most 1,000 rows and 1,000 labels of a request are looked at. A row or label with a number that cannot be
  meant (not a number, a value beyond 10^12, a position before 1) is refused and counted. A row without the label is a negative one.
- **Memory.** Each metric keeps a fixed number of sums, named below. Those that are marked as inner are not given to
  Prometheus one by one.
`;

/** The least that a type needs to be made. */
const REQUIRED: Partial<Record<MetricTypeName, Partial<MetricSettings>>> = {
  LabelRatio: { label: "cart", cap: 5 },
  RevenuePerRequest: { cap: 500 },
  DCG: { cap: 5 },
  CatalogueCoverage: { catalogueSize: 10_000 },
};

/** The page, in Markdown. */
export function metricsPage(): string {
  const types = Object.values(METRIC_TYPES);
  const made = types.map((type) => ({ type, metric: madeOf(type) }));
  const overview = made.map(
    ({ type, metric }) =>
      `| [\`${type.type}\`](#${type.type.toLowerCase()}) | ${type.title} | ${type.unit} | ${type.higherIsBetter ? "higher" : "lower"} | ${gateWord(metric)} |`,
  );
  return [
    INTRODUCTION,
    "| type | metric | unit | better | gates |",
    "| --- | --- | --- | --- | --- |",
    ...overview,
    "",
    ...made.map(({ type, metric }) => section(type, metric)),
  ].join("\n");
}

function madeOf({ type, create }: MetricType): Metric {
  return create({ name: "metric", type, ...REQUIRED[type] }, { probability: true, higherIsBetter: true });
}

function gateWord({ gate }: Metric): string {
  if (gate.type === "Descriptive") return "no";
  return gate.zeroOrOne ? "yes, 0 or 1" : "yes";
}

function section(type: MetricType, metric: Metric): string {
  const { gate } = metric;
  return [
    `## ${type.type}`,
    "",
    `**${type.title}.** ${type.definition}`,
    "",
    ...(type.needsProbability ? ["Needs scores that are probabilities.", ""] : []),
    gate.type === "Outcome"
      ? `Gates by the mean outcome of a request${gate.zeroOrOne ? ", 0 or 1" : ""}.`
      : `Does not gate: ${gate.reason}.`,
    "",
    "| setting | default | meaning |",
    "| --- | --- | --- |",
    ...type.settings.map((rule) => `| \`${rule.field}\` | ${defaultWord(rule)} | ${rule.meaning} |`),
    "",
    `Not taken: ${type.forks.join(" ")}`,
    "",
    `Source: ${type.source}.`,
    "",
    `${metric.sums.length} sums:`,
    "",
    ...sumLines(metric),
    "",
  ].join("\n");
}

function defaultWord(rule: SettingRule): string {
  if (rule.required) return "required";
  return rule.default === undefined ? "none" : `\`${rule.default}\``;
}

/** One line for each name of sums. */
function sumLines({ sums }: Metric): string[] {
  const byName = Map.groupBy(sums, ({ name }) => name);
  return [...byName].map(([name, [first]]) => {
    const by = Object.keys(first?.labels ?? {}).map((label) => ` by ${label}`);
    return `- \`${name}\`${by.join("")}${first?.exported ? "" : " (inner)"}: ${first?.help ?? ""}`;
  });
}
