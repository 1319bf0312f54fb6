/**
 * Parts of queries that several panels share.
 */

/** Rates over what Grafana deems fit for the range that is shown. */
const WINDOW = "$__rate_interval";

/** Series of the chosen ModelDeployment. */
export const CHOSEN = 'namespace="$namespace",model_deployment="$model_deployment"';

/** Sum of rates. */
export function rate(by: string, series: string, window = WINDOW): string {
  return `sum by (${by}) (rate(${series}[${window}]))`;
}

/** A quantile of a histogram. */
export function quantile(share: number, by: string, series: string, window = WINDOW): string {
  const labels = by === "" ? "le" : `${by}, le`;
  return `histogram_quantile(${share}, sum by (${labels}) (rate(${series}[${window}])))`;
}

/**
 * What Envoy counts for an arm, with the model revision that the arm has at that router. The two come from the same
 * pod.
 */
export function byRevision(series: string): string {
  const arms = `(petrel_router_arm_weight_ratio{${CHOSEN}} >= bool 0)`;
  const join = "* on (namespace, pod, model_deployment, arm) group_left (model_revision)";
  return `sum by (arm, model_revision) (rate(${series}[${WINDOW}]) ${join} ${arms})`;
}

/** A share of rates; 0 where nothing of the part was ever counted, for Envoy has no series of what never happened. */
export function share(by: string, part: string, whole: string): string {
  const all = rate(by, whole);
  return `(${rate(by, part)} or 0 * ${all}) / ${all}`;
}
