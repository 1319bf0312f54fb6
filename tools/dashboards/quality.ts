/**
 * The quality of one ModelDeployment's models: what labels say, whether they come, and what models see and answer.
 */
import type { DashboardText } from "./dashboard.ts";
import { chosenDeployment } from "./of-one.ts";
import { graph, table } from "./panel.ts";
import { CHOSEN, quantile, rate } from "./queries.ts";

const NAMESPACE = 'namespace="$namespace"';
const COLUMN = `${CHOSEN},column=~"$column"`;
const OF = "{{column}} {{arm}} {{model_revision}}";
const ARM = "{{arm}} {{arm_name}}";
const HOUR = "1h";
const ADDED = rate("metric, arm", `petrel_quality_sum_total{${CHOSEN}}`, HOUR);
const TAKEN = rate("metric, arm", `petrel_quality_taken_total{${CHOSEN}}`, HOUR);

export const quality: DashboardText = {
  name: "quality",
  title: "Petrel / Model quality",
  description:
    "What labels say of the models of a ModelDeployment and of the arms of its experiment, whether labels come, and how inputs and scores drift.",
  choices: [
    ...chosenDeployment("petrel_quality_requests_total"),
    {
      name: "column",
      label: "Score or feature",
      from: `petrel_model_values_total{${CHOSEN}}`,
      of: "column",
      many: true,
    },
  ],
  panels: [
    table(
      {
        title: "Experiment",
        description: "The one that goes on, or else the one that was made last, and where it is.",
        unit: "short",
        width: 24,
      },
      ["experiment", "phase", "reason"],
      `petrel_model_experiment_phase{${CHOSEN}}`,
    ),
    graph(
      {
        title: "Arms of the experiment: shares",
        description: "Share of the traffic that each arm is to have, and what each router gives.",
        unit: "percentunit",
      },
      { query: `petrel_model_experiment_arm_weight_ratio{${CHOSEN}}`, legend: `${ARM} wanted` },
      {
        query: `petrel_router_arm_weight_ratio{${CHOSEN},arm=~"Arm.|Holdout"}`,
        legend: "{{arm}} {{pod}}",
      },
    ),
    graph(
      {
        title: "Arms of the experiment: change from the control",
        description:
          "Of each metric, with the bounds that the evidence leaves open. They hold however often one looks.",
        unit: "percentunit",
      },
      { query: `petrel_model_experiment_change_ratio{${CHOSEN}}`, legend: `${ARM} {{metric}}` },
      {
        query: `petrel_model_experiment_change_lower_bound_ratio{${CHOSEN}}`,
        legend: `${ARM} {{metric}}: no less than`,
      },
      {
        query: `petrel_model_experiment_change_upper_bound_ratio{${CHOSEN}}`,
        legend: `${ARM} {{metric}}: no more than`,
      },
    ),
    graph(
      {
        title: "Quality, last hour",
        description:
          "Mean of each metric over the requests of an hour. Labels that have not come yet are missing; both arms miss them alike.",
        unit: "short",
      },
      {
        query: `(${ADDED} - (${TAKEN} or 0 * ${ADDED})) / on (arm) group_left () ${rate("arm", `petrel_quality_requests_total{${CHOSEN}}`, HOUR)}`,
        legend: "{{metric}} {{arm}}",
      },
    ),
    graph(
      {
        title: "Quality, last day",
        description: "The same over a day, without the hours of the day in it.",
        unit: "short",
      },
      { query: `petrel:quality:mean1d{${CHOSEN}}`, legend: "{{metric}} {{arm}}" },
    ),
    graph(
      {
        title: "Metrics of scores",
        description:
          "Over the last six hours whose labels have matured, of the revision that makes the arm's scores now. Of several collectors each has other users.",
        unit: "short",
      },
      { query: `petrel_quality_score_value{${CHOSEN}}`, legend: "{{metric}} {{arm}} {{pod}}" },
    ),
    graph(
      { title: "Requests that count", description: "By arm, a second.", unit: "reqps" },
      { query: rate("arm", `petrel_quality_requests_total{${CHOSEN}}`), legend: "{{arm}}" },
    ),
    graph(
      { title: "Labels", description: "Those that were stored, a second.", unit: "cps" },
      { query: rate("label", `petrel_label_delay_seconds_count{${CHOSEN}}`), legend: "{{label}}" },
    ),
    graph(
      {
        title: "Time from prediction to label",
        description: "Half, and nine of ten, came no later.",
        unit: "s",
      },
      ...[0.5, 0.9].map((share) => ({
        query: quantile(share, "label", `petrel_label_delay_seconds_bucket{${CHOSEN}}`, HOUR),
        legend: `{{label}} ${share * 100}%`,
      })),
    ),
    graph(
      {
        title: "What became of labels",
        description: "All of the namespace, a second: accepted, or why not.",
        unit: "cps",
      },
      { query: rate("result", `petrel_collect_feedback_events_total{${NAMESPACE}}`), legend: "{{result}}" },
    ),
    graph(
      {
        title: "Joined with impressions",
        description:
          "Labels that found their request, a second, in the namespace; and those that came too late.",
        unit: "cps",
      },
      {
        query: rate("model_deployment", `petrel_label_join_matched_total{${NAMESPACE}}`),
        legend: "{{model_deployment}} joined",
      },
      { query: rate("", `petrel_label_join_expired_total{${NAMESPACE}}`), legend: "expired" },
    ),
    graph(
      {
        title: "Evidence in doubt",
        description:
          "Routers that the collector hears nothing of, and parts of the access log that were given up.",
        unit: "short",
      },
      { query: `max(petrel_collect_silent_routers{${NAMESPACE}})`, legend: "silent routers" },
      {
        query: `sum(increase(petrel_router_impression_losses_total{${NAMESPACE}}[${HOUR}]))`,
        legend: "given up in the last hour",
      },
    ),
    graph(
      {
        title: "Anomalies",
        description: "1 while a detector holds that a series is not what it was.",
        unit: "short",
      },
      {
        query: `max by (series, detector) (petrel_anomaly_alarm{${CHOSEN}})`,
        legend: "{{series}} {{detector}}",
      },
    ),
    graph(
      { title: "Mean", description: "Of each score and feature, one row of each request.", unit: "short" },
      {
        query: `${rate("column, arm, model_revision", `petrel_model_value_sum{${COLUMN}}`)} / ${rate("column, arm, model_revision", `petrel_model_value_count{${COLUMN}}`)}`,
        legend: OF,
      },
    ),
    graph(
      {
        title: "Distribution",
        description: "One of ten is below, half is below, nine of ten are below.",
        unit: "short",
      },
      ...[0.1, 0.5, 0.9].map((share) => ({
        query: quantile(share, "column, arm, model_revision", `petrel_model_value_bucket{${COLUMN}}`),
        legend: `${OF} ${share * 100}%`,
      })),
    ),
    graph(
      { title: "Missing", description: "Share of the requests in which it is missing.", unit: "percentunit" },
      {
        query: `${rate("column", `petrel_model_values_total{${COLUMN},kind="missing"}`)} / ${rate("column", `petrel_model_values_total{${COLUMN},kind=~"number|missing|infinite"}`)}`,
        legend: "{{column}}",
      },
    ),
    graph(
      {
        title: "Out of range",
        description: "Share of the numbers that are beyond the range of the settings.",
        unit: "percentunit",
      },
      {
        query: `${rate("column", `petrel_model_values_total{${COLUMN},kind=~"below|above"}`)} / ${rate("column", `petrel_model_values_total{${COLUMN},kind="number"}`)}`,
        legend: "{{column}}",
      },
    ),
    graph(
      {
        title: "Drift: PSI",
        description: "Of the last window, by pod, and the value beyond which it is an alarm.",
        unit: "short",
      },
      { query: `petrel_model_drift_psi{${COLUMN}}`, legend: `${OF} {{pod}}` },
      { query: `petrel_model_drift_psi_threshold{${COLUMN}}`, legend: `${OF} {{pod}} threshold` },
    ),
    graph(
      { title: "Drift: alarms", description: "1 while the last window is an alarm, by test.", unit: "short" },
      {
        query: `max by (column, arm, test) (petrel_model_drift_alarm{${COLUMN}})`,
        legend: "{{column}} {{arm}} {{test}}",
      },
    ),
    graph(
      {
        title: "Age of the newest request",
        description: "How long a model server has seen none.",
        unit: "s",
      },
      {
        query: `time() - max by (arm, model_revision) (petrel_model_last_request_timestamp_seconds{${CHOSEN}})`,
        legend: "{{arm}} {{model_revision}}",
      },
    ),
    graph(
      {
        title: "Observed",
        description: "Requests that sidecars saw, and those that were dropped on the way, a second.",
        unit: "reqps",
      },
      { query: rate("pod", `petrel_sidecar_events_total{${CHOSEN}}`), legend: "{{pod}}" },
      { query: rate("pod", `petrel_sidecar_events_missed_total{${CHOSEN}}`), legend: "{{pod}} missed" },
    ),
  ],
};
