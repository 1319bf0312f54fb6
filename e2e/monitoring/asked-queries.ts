/**
 * All that the chart asks of Prometheus: each query of each panel, what readers of dashboards choose from, each rule. And
 * which of these may be empty in a run of minutes, with what shows that this is the reason. Pure.
 */
import type { Dashboard } from "@grafana/schema";
import { asString, valueAt } from "../../src/api/json.ts";
import type { RuleGroup } from "../../test/apiserver/monitoring/rendered-rules.ts";

/** One query. */
export interface AskedQuery {
  /** Where it stands: `DASHBOARD / PANEL`, `DASHBOARD / $CHOICE`, or the name of a rule. */
  readonly place: string;
  readonly query: string;
  /** Of a rule that is an alert an empty answer is the good one. */
  readonly kind: "Panel" | "Choice" | "Recorded" | "Alert";
}

/** Why there may be nothing. */
export interface Excuse {
  readonly why: string;
  /** Is not empty while that is so. */
  readonly proof: string;
}

/** A query without an answer, and what says that this must not be. */
export interface Unanswered extends AskedQuery {
  /** What was empty as well, although it should not have been; absent where there is no excuse. */
  readonly lacking?: readonly string[];
}

/** Whether a query has an answer. */
export type HasAnswer = (query: string) => Promise<boolean>;

const youngerThan = (seconds: number, component: string): string =>
  `time() - max(process_start_time_seconds{petrel_component="${component}"}) < ${seconds}`;
const runs = (component: string): string => `up{petrel_component="${component}"} == 1`;

/** The first value is of whole windows of five minutes, and only once routers have told of all of it. */
const NO_WINDOW_YET: Excuse = {
  why: "the first window of five minutes is not over yet",
  proof: youngerThan(900, "collector"),
};
const NO_LOG: Excuse = { why: "no training log is declared", proof: runs("sidecar") };

const NO_EXPERIMENT: Excuse = {
  why: "no experiment is made of this ModelDeployment; there may be others in the cluster, which the operator counts",
  proof: "sum(petrel_model_experiments) >= 0",
};

/** By place. */
export const EXCUSED_QUERIES: Readonly<Record<string, Excuse>> = {
  "quality / Anomalies": NO_WINDOW_YET,
  "quality / Experiment": NO_EXPERIMENT,
  "quality / Arms of the experiment: shares": NO_EXPERIMENT,
  "quality / Arms of the experiment: change from the control": NO_EXPERIMENT,
  "quality / Metrics of scores": {
    why: "scores are told of whole half hours, once their labels have matured",
    proof: youngerThan(3_600, "collector"),
  },
};

/** By name of a series that only alerts ask for. */
export const EXCUSED_SERIES: Readonly<Record<string, Excuse>> = {
  petrel_anomaly_alarm: NO_WINDOW_YET,
  petrel_training_log_lag_seconds: NO_LOG,
};

/** Puts in what a reader has chosen. */
export type Chosen = Readonly<Record<string, string>>;

/**
 * Every query of dashboards and rules.
 *
 * @param chosen by name of the choice, without its `$`, and `__rate_interval`.
 */
export function askedQueries(
  dashboards: ReadonlyMap<string, Dashboard>,
  groups: readonly RuleGroup[],
  chosen: Chosen,
): readonly AskedQuery[] {
  const ofDashboards = [...dashboards].flatMap(([name, { panels = [], templating }]): AskedQuery[] => [
    ...panels.flatMap((panel) =>
      ("targets" in panel ? (panel.targets ?? []) : []).map(
        ({ expr }): AskedQuery => ({
          place: `${name} / ${panel.title}`,
          query: withChosen(String(expr), chosen),
          kind: "Panel",
        }),
      ),
    ),
    ...(templating?.list ?? []).flatMap((choice): AskedQuery[] => {
      if (choice.type !== "query") return [];
      const text = asString(valueAt(choice.query, "query")) ?? "";
      return [
        { place: `${name} / $${choice.name}`, query: withChosen(valuesOf(text), chosen), kind: "Choice" },
      ];
    }),
  ]);
  const ofRules = groups.flatMap(({ rules }) =>
    rules.map(({ alert, record = "", expr }): AskedQuery => {
      return alert === undefined
        ? { place: record, query: record, kind: "Recorded" }
        : { place: alert, query: expr, kind: "Alert" };
    }),
  );
  return [...ofDashboards, ...ofRules];
}

/** `label_values(SERIES, LABEL)` of Grafana as a query. */
function valuesOf(text: string): string {
  const [, series, label] = /^label_values\((.+),\s*(\w+)\)$/.exec(text) ?? [];
  if (series === undefined) throw new Error(`expected label_values(SERIES, LABEL), got ${text}`);
  return `count by (${label}) (${series})`;
}

function withChosen(query: string, chosen: Chosen): string {
  return query.replaceAll(/\$(\w+)/g, (_, name: string) => {
    const value = chosen[name];
    if (value === undefined) throw new Error(`nothing is chosen for $${name}`);
    return value;
  });
}

const WORDS: ReadonlySet<string> = new Set(["and", "or", "unless", "offset", "bool"]);

/** Names of the series that a query reads. */
export function seriesIn(query: string): readonly string[] {
  const bare = query
    .replaceAll(/"[^"]*"/g, "")
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, " ")
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");
  const names = [...bare.matchAll(/(?<![\w:.])([a-zA-Z_:][\w:]*)(?![\w:]|\s*\()/g)].map(([name]) => name);
  return [...new Set(names)].filter((name) => !WORDS.has(name)).toSorted();
}

/** Those queries that have no answer and should. An alert that is silent must have something to look at. */
export async function unanswered(
  queries: readonly AskedQuery[],
  hasAnswer: HasAnswer,
): Promise<readonly Unanswered[]> {
  const found: Unanswered[] = [];
  for (const query of queries) {
    if (await hasAnswer(query.query)) continue;
    const needed = query.kind === "Alert" ? seriesIn(query.query) : undefined;
    const excuse = EXCUSED_QUERIES[query.place];
    if (needed === undefined && excuse === undefined) {
      found.push(query);
      continue;
    }
    const lacking: string[] = [];
    for (const proof of needed ?? [excuse?.proof ?? ""]) {
      if (await hasAnswer(proof)) continue;
      const instead = EXCUSED_SERIES[proof]?.proof;
      if (instead === undefined || !(await hasAnswer(instead))) lacking.push(instead ?? proof);
    }
    if (lacking.length > 0) found.push({ ...query, lacking });
  }
  return found;
}
