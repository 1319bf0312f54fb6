/**
 * The latest release of one ModelDeployment: how far it is, and what each gate rests on.
 */
import type { DashboardText } from "./dashboard.ts";
import { chosenDeployment, failedByArm } from "./of-one.ts";
import { graph, stat, table } from "./panel.ts";
import { CHOSEN, quantile } from "./queries.ts";

const RELEASE = `${CHOSEN},rollout="$rollout"`;
const GATE = `${RELEASE},gate=~"$gate"`;
const FIGURE = "{{gate}} {{figure}} {{unit}}";
const metric = (name: string, series = RELEASE) => `petrel_model_rollout_${name}{${series}}`;

export const rollout: DashboardText = {
  name: "rollout",
  title: "Petrel / Rollout",
  description: "How far a release is, which share it has, and what each of its gates rests on.",
  choices: [
    ...chosenDeployment("petrel_model_rollout_phase"),
    { name: "rollout", label: "Rollout", from: `petrel_model_rollout_phase{${CHOSEN}}`, of: "rollout" },
    {
      name: "gate",
      label: "Gate",
      from: `petrel_model_rollout_gate_outcome{${RELEASE}}`,
      of: "gate",
      many: true,
    },
  ],
  panels: [
    table(
      {
        title: "Phase",
        description: "Where it is, and which model revision it releases.",
        unit: "short",
        width: 8,
      },
      ["model_revision", "phase"],
      metric("phase"),
    ),
    stat(
      { title: "Step", description: "Number of the step in progress.", unit: "short", width: 4 },
      metric("step"),
    ),
    stat({ title: "Of", description: "Number of the last step.", unit: "short", width: 4 }, metric("steps")),
    stat(
      { title: "Age", description: "Since it was begun.", unit: "s", width: 4 },
      `time() - ${metric("started_timestamp_seconds")}`,
    ),
    stat(
      {
        title: "Step is due in",
        description: "When the step has lasted long enough; below 0 it waits for a gate or a person.",
        unit: "s",
        width: 4,
      },
      `${metric("step_due_timestamp_seconds")} - time()`,
    ),
    graph(
      {
        title: "Share of the traffic",
        description: "What the release is to have, what all routers give it, and what each router gives.",
        unit: "percentunit",
      },
      { query: metric("weight_ratio"), legend: "wanted" },
      { query: metric("weight_in_effect_ratio"), legend: "in effect everywhere" },
      { query: `petrel_router_arm_weight_ratio{${CHOSEN},arm="Candidate"}`, legend: "{{pod}}" },
    ),
    table(
      {
        title: "Gates",
        description: "Pass lets the step end, Wait does not yet, Fail ends the release.",
        unit: "short",
      },
      ["gate", "outcome", "reason"],
      metric("gate_outcome", GATE),
    ),
    graph(
      {
        title: "What gates measured",
        description: "Estimate, the bounds that the evidence leaves open, and the threshold.",
        unit: "short",
        width: 24,
      },
      { query: metric("gate_estimate", GATE), legend: `${FIGURE}: estimate` },
      { query: metric("gate_lower_bound", GATE), legend: `${FIGURE}: no less than` },
      { query: metric("gate_upper_bound", GATE), legend: `${FIGURE}: no more than` },
      { query: metric("gate_threshold", GATE), legend: `${FIGURE}: threshold` },
    ),
    graph(
      { title: "Answers that gates rest on", description: "Of the candidate and of stable.", unit: "short" },
      { query: metric("gate_candidate_answers", GATE), legend: `${FIGURE}: candidate` },
      { query: metric("gate_stable_answers", GATE), legend: `${FIGURE}: stable` },
    ),
    graph(
      {
        title: "Requests that gates need",
        description: "In all, to both revisions together. A plan, no promise.",
        unit: "short",
      },
      { query: metric("gate_needed_requests", GATE), legend: "{{gate}}" },
    ),
    graph(
      {
        title: "Time that gates need",
        description: "At the present traffic, and 1 for those that have less until their deadline.",
        unit: "s",
      },
      { query: metric("gate_needed_seconds", GATE), legend: "{{gate}}" },
      { query: metric("gate_exceeds_deadline", GATE), legend: "{{gate}} exceeds its deadline" },
    ),
    graph(
      {
        title: "Without data for",
        description: "How long a gate has had nothing to judge by; empty while all have.",
        unit: "s",
      },
      { query: `time() - ${metric("gate_no_data_since_timestamp_seconds", GATE)}`, legend: "{{gate}}" },
    ),
    failedByArm,
    graph(
      { title: "Latency by arm, 99%", description: "From a router's request to the answer.", unit: "ms" },
      { query: quantile(0.99, "arm", `envoy_cluster_upstream_rq_time_bucket{${CHOSEN}}`), legend: "{{arm}}" },
    ),
  ],
};
