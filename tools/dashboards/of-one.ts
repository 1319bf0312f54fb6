/**
 * What the dashboards of one ModelDeployment share: how it is chosen, and panels that several of them show.
 */
import type { Choice } from "./dashboard.ts";
import { graph, type LoosePanel } from "./panel.ts";
import { CHOSEN, share } from "./queries.ts";

/** Choices that lead to one ModelDeployment, offered where a metric has series of it. */
export function chosenDeployment(metric: string): readonly Choice[] {
  return [
    { name: "namespace", label: "Namespace", from: metric, of: "namespace" },
    {
      name: "model_deployment",
      label: "ModelDeployment",
      from: `${metric}{namespace="$namespace"}`,
      of: "model_deployment",
    },
  ];
}

/** What fails in each arm, over HTTP and over gRPC, whose failures Envoy counts by themselves. */
export const failedByArm: LoosePanel = graph(
  {
    title: "Failed by arm",
    description: "Share of the answers for each arm that are 5xx, or fail in gRPC.",
    unit: "percentunit",
  },
  {
    query: share(
      "arm",
      `envoy_cluster_upstream_rq_xx{${CHOSEN},envoy_response_code_class="5"}`,
      `envoy_cluster_upstream_rq_xx{${CHOSEN}}`,
    ),
    legend: "{{arm}}",
  },
  {
    query: share(
      "arm",
      `envoy_cluster_grpc_status{${CHOSEN},grpc_status=~"2|4|13|14|15"}`,
      `envoy_cluster_grpc_status{${CHOSEN}}`,
    ),
    legend: "{{arm}}, of calls of gRPC",
  },
);
