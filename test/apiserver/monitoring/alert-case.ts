/**
 * What an alert is tried with: series, and when it fires or is silent. Written as promtool reads it.
 */

/** Names of the files of rules in the chart. */
export const RULE_FILES = ["requests", "models", "rollouts", "petrel"] as const;

/** One trial of one or more alerts. */
export interface AlertCase {
  readonly name: string;
  readonly file: (typeof RULE_FILES)[number];
  /** Time between two samples; a minute unless given. */
  readonly interval?: string;
  /** Time between two evaluations; a minute unless given. */
  readonly evaluation?: string;
  /** Series and their values, in promtool's notation. */
  readonly series: Readonly<Record<string, string>>;
  /** Alerts at times: the labels of each that fires, without its severity; none where it is silent. */
  readonly alerts: readonly (readonly [
    time: string,
    alert: string,
    ...fire: Readonly<Record<string, string>>[],
  ])[];
}

/** Labels of a ModelDeployment. */
export const RANKER = { namespace: "shop", model_deployment: "ranker" } as const;

/** A series with the labels of a target and those of its own. */
export function series(name: string, component: string, labels: Readonly<Record<string, string>>): string {
  const all = { pod: `${component}-1`, petrel_component: component, ...labels };
  return `${name}{${Object.entries(all)
    .map(([label, value]) => `${label}="${value}"`)
    .join(",")}}`;
}
