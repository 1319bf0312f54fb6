/**
 * One ModelDeployment: what its clients get, what its arms and its model servers do.
 */
import type { DashboardText } from "./dashboard.ts";
import { chosenDeployment, failedByArm } from "./of-one.ts";
import { graph, stat, table } from "./panel.ts";
import { byRevision, CHOSEN, quantile, rate } from "./queries.ts";

const ARM = "{{arm}} {{model_revision}}";
const POD = "{{pod}}";

export const deployment: DashboardText = {
  name: "deployment",
  title: "Petrel / ModelDeployment",
  description: "What the clients of one ModelDeployment get, and what its arms and model servers do.",
  choices: chosenDeployment("petrel_router_wanted_epoch"),
  panels: [
    stat(
      { title: "Requests", description: "A second.", unit: "reqps" },
      rate("", `envoy_http_downstream_rq_completed{${CHOSEN}}`),
    ),
    stat(
      { title: "Failed", description: "Share over the last hour.", unit: "percentunit" },
      `petrel:failed_requests:ratio_rate1h{${CHOSEN}}`,
    ),
    stat(
      { title: "Latency, 99%", description: "Tries and waiting included.", unit: "ms" },
      quantile(0.99, "", `envoy_http_downstream_rq_time_bucket{${CHOSEN}}`),
    ),
    stat(
      { title: "Model servers", description: "Those that are ready, of all arms.", unit: "short" },
      `sum(petrel_serve_ready{${CHOSEN}})`,
    ),
    graph(
      { title: "Answers by status", description: "What clients got, by class of status.", unit: "reqps" },
      {
        query: rate("envoy_response_code_class", `envoy_http_downstream_rq_xx{${CHOSEN}}`),
        legend: "{{envoy_response_code_class}}xx",
      },
    ),
    graph(
      { title: "Latency", description: "Of all answers, tries and waiting included.", unit: "ms" },
      ...[0.5, 0.95, 0.99].map((part) => ({
        query: quantile(part, "", `envoy_http_downstream_rq_time_bucket{${CHOSEN}}`),
        legend: `${part * 100}%`,
      })),
    ),
    graph(
      {
        title: "Share of the traffic",
        description: "Of each arm in the plan that is in effect, at its router with the least.",
        unit: "percentunit",
      },
      { query: `min by (arm, model_revision) (petrel_router_arm_weight_ratio{${CHOSEN}})`, legend: ARM },
    ),
    graph(
      { title: "Answers by arm", description: "What was answered for each arm.", unit: "reqps" },
      { query: byRevision(`envoy_cluster_upstream_rq_xx{${CHOSEN}}`), legend: ARM },
    ),
    failedByArm,
    graph(
      {
        title: "Latency of model servers, 99%",
        description: "From a router's request to the answer, for each arm.",
        unit: "ms",
      },
      { query: quantile(0.99, "arm", `envoy_cluster_upstream_rq_time_bucket{${CHOSEN}}`), legend: "{{arm}}" },
    ),
    graph(
      {
        title: "Tries after the first",
        description: "A second, for each arm. They hide what a model server does wrong from clients.",
        unit: "reqps",
      },
      { query: rate("arm", `envoy_cluster_upstream_rq_retry{${CHOSEN}}`), legend: "{{arm}}" },
    ),
    graph(
      {
        title: "Model servers that pass their checks",
        description: "As the router sees it that sees the fewest, and those that are ejected.",
        unit: "short",
      },
      { query: `min by (arm) (envoy_cluster_membership_healthy{${CHOSEN}})`, legend: "{{arm}} healthy" },
      {
        query: `max by (arm) (envoy_cluster_outlier_detection_ejections_active{${CHOSEN}})`,
        legend: "{{arm}} ejected",
      },
    ),
    graph(
      { title: "Requests that wait", description: "In the queue of each model server.", unit: "short" },
      { query: `sum by (pod) (petrel_serve_queue_requests{${CHOSEN}})`, legend: POD },
    ),
    graph(
      {
        title: "Requests of model servers",
        description: "By model revision and code, a second.",
        unit: "reqps",
      },
      {
        query: rate("model_revision, code", `petrel_serve_requests_total{${CHOSEN}}`),
        legend: "{{model_revision}} {{code}}",
      },
    ),
    graph(
      { title: "Memory of model servers", description: "Of each process.", unit: "bytes" },
      {
        query: `max by (pod) (process_resident_memory_bytes{${CHOSEN},petrel_component="model-server"})`,
        legend: POD,
      },
    ),
    table(
      { title: "Conditions", description: "As the operator tells them.", unit: "short" },
      ["condition", "status", "reason"],
      'petrel_model_deployment_condition{namespace="$namespace",name="$model_deployment"}',
    ),
  ],
};
