/**
 * All ModelDeployments at a glance, and whether Petrel itself is well.
 */
import type { DashboardText } from "./dashboard.ts";
import { graph, stat, table } from "./panel.ts";
import { quantile, rate } from "./queries.ts";

const OF = 'namespace=~"$namespace",model_deployment!=""';
const condition = (text: string) => `petrel_model_deployment_condition{namespace=~"$namespace",${text}}`;
const BOTH = "namespace, model_deployment";
const LEGEND = "{{namespace}}/{{model_deployment}}";

export const fleet: DashboardText = {
  name: "fleet",
  title: "Petrel / Fleet",
  description: "All ModelDeployments at a glance, and the parts of Petrel.",
  choices: [
    {
      name: "namespace",
      label: "Namespace",
      from: "petrel_model_deployment_condition",
      of: "namespace",
      many: true,
    },
  ],
  panels: [
    stat(
      {
        title: "Ready",
        description: "ModelDeployments of which all that was asked for serves.",
        unit: "short",
      },
      `count(${condition('condition="Ready",status="True"')}) or vector(0)`,
    ),
    stat(
      {
        title: "Not answering",
        description: "ModelDeployments without a replica that answers.",
        unit: "short",
      },
      `count(${condition('condition="Available",status="False"')}) or vector(0)`,
    ),
    stat(
      {
        title: "Releases under way",
        description: "In all namespaces, those that wait for a person included.",
        unit: "short",
      },
      'sum(petrel_model_rollouts{phase=~"Pending|Progressing|Paused|HoldingBack|Returning|Promoting"})',
    ),
    stat(
      { title: "Alerts", description: "Alerts of Petrel that fire now.", unit: "short" },
      'count(ALERTS{alertname=~"Petrel.+",alertstate="firing"}) or vector(0)',
    ),
    table(
      { title: "Ready, and why not", description: "The condition Ready with its reason.", unit: "short" },
      ["namespace", "name", "status", "reason"],
      condition('condition="Ready"'),
    ),
    table(
      {
        title: "Latest releases",
        description: "Where the latest release of each ModelDeployment is.",
        unit: "short",
      },
      ["namespace", "model_deployment", "rollout", "model_revision", "phase"],
      'petrel_model_rollout_phase{namespace=~"$namespace"}',
    ),
    graph(
      { title: "Requests", description: "What clients asked, a second.", unit: "reqps" },
      { query: rate(BOTH, `envoy_http_downstream_rq_completed{${OF}}`), legend: LEGEND },
    ),
    graph(
      {
        title: "Failed",
        description: "Share of the answers over the last hour that are 5xx, or fail in gRPC.",
        unit: "percentunit",
      },
      { query: 'petrel:failed_requests:ratio_rate1h{namespace=~"$namespace"}', legend: LEGEND },
    ),
    graph(
      {
        title: "Latency, 99%",
        description: "99% of the answers took no longer, tries and waiting included.",
        unit: "ms",
      },
      { query: quantile(0.99, BOTH, `envoy_http_downstream_rq_time_bucket{${OF}}`), legend: LEGEND },
    ),
    graph(
      {
        title: "Too slow",
        description: "Share of the answers over the last hour that took longer than the objective.",
        unit: "percentunit",
      },
      { query: 'petrel:slow_requests:ratio_rate1h{namespace=~"$namespace"}', legend: LEGEND },
    ),
    graph(
      {
        title: "Reconciles",
        description: "What the operators do, a second; errors are tried again.",
        unit: "ops",
      },
      {
        query: rate("controller, result", 'controller_runtime_reconcile_total{petrel_component="operator"}'),
        legend: "{{controller}} {{result}}",
      },
    ),
    graph(
      {
        title: "Operator's queue",
        description: "Keys that wait for a reconcile, and which operator leads.",
        unit: "short",
      },
      { query: 'sum by (name) (workqueue_depth{petrel_component="operator"})', legend: "{{name}} wait" },
      {
        query: 'max by (pod) (leader_election_master_status{petrel_component="operator"})',
        legend: "{{pod}} leads",
      },
    ),
    graph(
      {
        title: "Plans not in effect",
        description:
          "Plans that a router has not brought into its Envoy, by router; some seconds after each change.",
        unit: "short",
      },
      {
        query:
          'sum by (namespace, pod) (petrel_router_wanted_epoch{namespace=~"$namespace"} != bool petrel_router_acknowledged_epoch)',
        legend: "{{namespace}}/{{pod}}",
      },
    ),
    graph(
      { title: "Envoy's memory", description: "What Envoy has allocated, by router.", unit: "bytes" },
      {
        query:
          'max by (namespace, pod) (envoy_server_memory_allocated{namespace=~"$namespace",petrel_component="router"})',
        legend: "{{namespace}}/{{pod}}",
      },
    ),
    graph(
      { title: "Collectors' files", description: "Size of the evidence, without its log.", unit: "bytes" },
      {
        query: 'max by (namespace, pod) (petrel_collect_store_bytes{namespace=~"$namespace"})',
        legend: "{{namespace}}/{{pod}}",
      },
    ),
    graph(
      {
        title: "Waiting for collectors",
        description:
          "Access log that routers keep for a collector that is away, and events that wait in collectors.",
        unit: "short",
      },
      {
        query: 'sum by (namespace) (petrel_router_impression_waiting_bytes{namespace=~"$namespace"})',
        legend: "{{namespace}} bytes at routers",
      },
      {
        query: 'sum by (namespace) (petrel_collect_queue_events{namespace=~"$namespace"})',
        legend: "{{namespace}} events at collectors",
      },
    ),
  ],
};
