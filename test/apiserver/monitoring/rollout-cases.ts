/**
 * Trials of the alerts on releases.
 */
import { type AlertCase, RANKER, series } from "./alert-case.ts";

const OWN = { ...RANKER, rollout: "ranker-7" };
const release = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  series(`petrel_model_rollout_${name}`, "operator", { ...OWN, ...labels });
const phase = (name: string) => release("phase", { model_revision: "ranker-b", phase: name });
/** As `max` and comparisons leave them: all labels of the series. */
const TARGET = { pod: "operator-1", petrel_component: "operator" };
const FIRES = { ...TARGET, ...OWN };

export const ROLLOUT_CASES: readonly AlertCase[] = [
  ...["Pending", "Promoting", "Returning"].map(
    (name): AlertCase => ({
      name: `an hour of ${name}`,
      file: "rollouts",
      series: { [phase(name)]: "1x120" },
      alerts: [
        ["50m", "PetrelRolloutStuck"],
        ["70m", "PetrelRolloutStuck", { ...FIRES, model_revision: "ranker-b", phase: name }],
      ],
    }),
  ),
  {
    name: "a release that goes on, for days",
    file: "rollouts",
    interval: "10m",
    evaluation: "10m",
    series: {
      [phase("Progressing")]: "1x500",
      [release("step_due_timestamp_seconds")]: "200000x500",
    },
    alerts: [
      ["72h", "PetrelRolloutStuck"],
      ["72h", "PetrelRolloutStepOverdue"],
      ["72h", "PetrelRolloutWaitsForPerson"],
      // The 200,000 seconds and a day.
      ["80h", "PetrelRolloutStepOverdue", FIRES],
    ],
  },
  {
    name: "a release that a person paused is not overdue, and waits for that person",
    file: "rollouts",
    interval: "10m",
    evaluation: "10m",
    series: { [phase("Paused")]: "1x300", [release("step_due_timestamp_seconds")]: "0x300" },
    alerts: [
      ["20h", "PetrelRolloutWaitsForPerson"],
      ["30h", "PetrelRolloutStepOverdue"],
      ["30h", "PetrelRolloutWaitsForPerson", { ...FIRES, model_revision: "ranker-b", phase: "Paused" }],
    ],
  },
  ...["Progressing", "HoldingBack"].map(
    (name): AlertCase => ({
      name: `a gate that sees nothing, ${name}`,
      file: "rollouts",
      series: {
        [phase(name)]: "1x120",
        [release("gate_no_data_since_timestamp_seconds", { gate: "ctr" })]: "600x120",
      },
      alerts: [
        ["30m", "PetrelGateWithoutData"],
        ["50m", "PetrelGateWithoutData", { ...FIRES, gate: "ctr" }],
      ],
    }),
  ),
  {
    name: "a release that was given up waits for no data",
    file: "rollouts",
    series: {
      [phase("Aborted")]: "1x120",
      [release("gate_no_data_since_timestamp_seconds", { gate: "ctr" })]: "600x120",
    },
    alerts: [["90m", "PetrelGateWithoutData"]],
  },
  {
    name: "a gate that needs longer than it has",
    file: "rollouts",
    series: { [release("gate_exceeds_deadline", { gate: "ctr" })]: "0x30 1x90" },
    alerts: [
      ["60m", "PetrelGateNeedsTooLong"],
      ["100m", "PetrelGateNeedsTooLong", { ...FIRES, gate: "ctr" }],
    ],
  },
];
