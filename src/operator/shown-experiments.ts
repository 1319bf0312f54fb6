/**
 * One experiment of each ModelDeployment as metrics: where it is, which shares its arms are to have, and how far each is from
 * the control.
 *
 * Only one has series, so there are no more of them than ModelDeployments: the one that goes on, or else the one that was made
 * last, whose result people still look at. Nothing is left of an experiment that is gone.
 */
import { Gauge, type Registry } from "prom-client";
import type { ArmFinding, ExperimentArmStatus } from "../api/experiment-status.ts";
import { parsePercentage } from "../api/percentage.ts";
import { FULL_WEIGHT } from "../api/traffic-plan.ts";
import { currentExperiment } from "../core/experiment/current-experiment.ts";
import type { ObservedExperiment } from "../core/observation.ts";
import type { ExperimentSummary } from "./projections/experiment.ts";

/** An experiment that is shown. */
export interface ShownExperiment {
  readonly namespace: string;
  readonly experiment: ObservedExperiment;
}

/** Of each ModelDeployment the one whose turn it is, or else the one that was made last. */
export function shownExperiments(experiments: Iterable<ExperimentSummary>): readonly ShownExperiment[] {
  const all = new Map<string, { readonly namespace: string; readonly made: ObservedExperiment[] }>();
  for (const { namespace, observed } of experiments) {
    if (observed === undefined) continue;
    const key = `${namespace}/${observed.spec.modelDeployment}`;
    const known = all.get(key) ?? { namespace, made: [] };
    known.made.push(observed);
    all.set(key, known);
  }
  return [...all.values()].flatMap(({ namespace, made }) => {
    const latest = made.toSorted((left, right) =>
      left.creationTimestamp < right.creationTimestamp ? 1 : -1,
    )[0];
    const experiment = currentExperiment(made) ?? latest;
    return experiment === undefined ? [] : [{ namespace, experiment }];
  });
}

/** One series of an experiment: the labels that it has besides, and its value. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface ExperimentMetric {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  read(experiment: ObservedExperiment): readonly Sample[];
}

const ARM_LABELS = ["arm", "arm_name"] as const;

function ofArms(
  { status }: ObservedExperiment,
  read: (arm: ExperimentArmStatus, labels: Readonly<Record<string, string>>) => readonly Sample[],
): readonly Sample[] {
  return (status.arms ?? []).flatMap((one) => read(one, { arm: one.arm, arm_name: one.name }));
}

/** A number of each finding. Those without it have no series. */
function ofFindings(
  read: (finding: ArmFinding) => string | undefined,
): Pick<ExperimentMetric, "labels" | "read"> {
  return {
    labels: [...ARM_LABELS, "metric", "role"],
    read: (experiment) =>
      ofArms(experiment, ({ findings = [] }, labels) =>
        findings.flatMap((finding): readonly Sample[] => {
          const value = Number(read(finding));
          const { metric, role } = finding;
          return Number.isNaN(value) ? [] : [[{ ...labels, metric, role }, value]];
        }),
      ),
  };
}

const EXPERIMENT_METRICS: readonly ExperimentMetric[] = [
  {
    name: "petrel_model_experiment_phase",
    help: "1 for the phase of one experiment of each ModelDeployment, with the reason to wait or to have ended.",
    labels: ["phase", "reason"],
    read: ({ status: { phase = "Waiting", reason = "" } }) => [[{ phase, reason }, 1]],
  },
  {
    name: "petrel_model_experiment_arm_weight_ratio",
    help: "Share of the traffic that an arm of the experiment is to have now.",
    labels: [...ARM_LABELS, "model_revision"],
    read: (experiment) =>
      ofArms(experiment, ({ revision, weight }, labels) => [
        [{ ...labels, model_revision: revision }, parsePercentage(weight) / FULL_WEIGHT],
      ]),
  },
  {
    name: "petrel_model_experiment_change_ratio",
    help: "Relative change of a metric from the control to the arm: 0.04 is 4 % more.",
    ...ofFindings(({ change }) => change),
  },
  {
    name: "petrel_model_experiment_change_lower_bound_ratio",
    help: "The change is no less than this.",
    ...ofFindings(({ lower }) => lower),
  },
  {
    name: "petrel_model_experiment_change_upper_bound_ratio",
    help: "The change is no more than this.",
    ...ofFindings(({ upper }) => upper),
  },
];

/** Shows the experiments that `current` gives at each scrape. */
export function showExperiments(registry: Registry, current: () => readonly ShownExperiment[]): void {
  for (const { name, help, labels, read } of EXPERIMENT_METRICS) {
    new Gauge({
      name,
      help: `${help} From the leader alone.`,
      labelNames: ["namespace", "model_deployment", "experiment", ...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const { namespace, experiment } of current()) {
          const { modelDeployment } = experiment.spec;
          const own = { namespace, model_deployment: modelDeployment, experiment: experiment.name };
          for (const [more, value] of read(experiment)) this.set({ ...own, ...more }, value);
        }
      },
    });
  }
}
