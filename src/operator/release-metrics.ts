/**
 * The latest release of each ModelDeployment as metrics: where it is, which traffic it has, and what each of its gates
 * rests on, number beside number.
 *
 * Only the latest one has series, so there are no more of them than ModelDeployments; its gates have theirs while it is
 * under way, and after it was given up, when people ask why. Nothing is left of a release that is gone.
 */
import { Gauge, type Registry } from "prom-client";
import { parseDurationMilliseconds } from "../api/duration.ts";
import type { GateFigure, GateStatus } from "../api/gate-status.ts";
import type { ModelRolloutSpec } from "../api/model-rollout-spec.ts";
import type { ModelRolloutStatus } from "../api/model-rollout-status.ts";
import { parsePercentage } from "../api/percentage.ts";
import { FULL_WEIGHT } from "../api/traffic-plan.ts";
import type { RolloutSummary } from "./projections/rollout.ts";

/** The latest release of a ModelDeployment. */
export interface LatestRelease {
  readonly namespace: string;
  readonly name: string;
  readonly spec: ModelRolloutSpec;
  readonly status: ModelRolloutStatus;
}

/** Labels of every series. */
const RELEASE_LABELS = ["namespace", "model_deployment", "rollout"] as const;

/** One series of a release: the labels that it has besides, and its value. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A metric of releases. */
interface ReleaseMetric {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  read(release: LatestRelease): readonly Sample[];
}

/** Of those that can be read, the one with the highest number of each ModelDeployment. */
export function latestReleases(rollouts: Iterable<RolloutSummary>): readonly LatestRelease[] {
  const latest = new Map<string, LatestRelease>();
  for (const { object, observed } of rollouts) {
    if (observed === undefined) continue;
    const { namespace = "" } = object.metadata;
    const { name, spec, status } = observed;
    const key = `${namespace}/${spec.modelDeployment}`;
    const known = latest.get(key);
    if (known === undefined || known.spec.number < spec.number)
      latest.set(key, { namespace, name, spec, status });
  }
  return [...latest.values()];
}

/** One value without further labels; none where it is not known. */
function single(value: number | undefined): readonly Sample[] {
  return value === undefined || Number.isNaN(value) ? [] : [[{}, value]];
}

function seconds(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time) / 1_000;
}

function ratio(percentage: string | undefined): number | undefined {
  return percentage === undefined ? undefined : parsePercentage(percentage) / FULL_WEIGHT;
}

/** Gates that are told of. */
function gatesOf({ status }: LatestRelease): readonly GateStatus[] {
  const isOver = status.phase === "Promoted" || status.phase === "Superseded";
  return isOver ? [] : (status.gates ?? []);
}

function ofGates(
  release: LatestRelease,
  read: (gate: GateStatus) => number | undefined,
  more: (gate: GateStatus) => Readonly<Record<string, string>> = () => ({}),
): readonly Sample[] {
  return gatesOf(release).flatMap((gate) =>
    single(read(gate)).map(([, value]): Sample => [{ gate: gate.name, ...more(gate) }, value]),
  );
}

/** A number of each figure of each gate. Figures that have none, or text that is none, have no series. */
function ofFigures(
  read: (figure: GateFigure) => string | number | undefined,
): Pick<ReleaseMetric, "labels" | "read"> {
  return {
    labels: ["gate", "figure", "unit"],
    read: (release) =>
      gatesOf(release).flatMap((gate) =>
        (gate.figures ?? []).flatMap((figure) => {
          const value = read(figure);
          const labels = { gate: gate.name, figure: figure.name, unit: figure.unit ?? "" };
          return single(value === undefined ? undefined : Number(value)).map(
            ([, number]): Sample => [labels, number],
          );
        }),
      ),
  };
}

const RELEASE_METRICS: readonly ReleaseMetric[] = [
  {
    name: "petrel_model_rollout_phase",
    help: "1 for the phase of the latest release of each ModelDeployment, with the model revision that it releases.",
    labels: ["model_revision", "phase"],
    read: ({ spec, status }) => [[{ model_revision: spec.revision, phase: status.phase ?? "Pending" }, 1]],
  },
  {
    name: "petrel_model_rollout_step",
    help: "Number of the step in progress; 0 before the first.",
    labels: [],
    read: ({ status }) => single(status.step),
  },
  {
    name: "petrel_model_rollout_steps",
    help: "Number of the last step.",
    labels: [],
    read: ({ status }) => single(status.steps),
  },
  {
    name: "petrel_model_rollout_weight_ratio",
    help: "Share of the traffic that the released revision is to have now.",
    labels: [],
    read: ({ status }) => single(ratio(status.weight)),
  },
  {
    name: "petrel_model_rollout_weight_in_effect_ratio",
    help: "The same share while every router gives it; absent while one does not yet.",
    labels: [],
    read: ({ status }) => single(status.weightInEffectAt === undefined ? undefined : ratio(status.weight)),
  },
  {
    name: "petrel_model_rollout_started_timestamp_seconds",
    help: "When the release was begun, since the Unix epoch.",
    labels: [],
    read: ({ status }) => single(seconds(status.startedAt)),
  },
  {
    name: "petrel_model_rollout_step_due_timestamp_seconds",
    help: "When the step in progress has lasted long enough, since the Unix epoch; what it waits for then is a gate or a person.",
    labels: [],
    read: ({ status }) => single(seconds(status.nextCheckAt)),
  },
  {
    name: "petrel_model_rollout_ended_timestamp_seconds",
    help: "When the verdict of the release fell, since the Unix epoch.",
    labels: [],
    read: ({ status }) => single(seconds(status.endedAt)),
  },
  {
    name: "petrel_model_rollout_gate_outcome",
    help: "1 for the outcome of each gate of the step in progress: Pass, Wait or Fail, and why in one word.",
    labels: ["gate", "outcome", "reason"],
    read: (release) =>
      ofGates(
        release,
        () => 1,
        ({ outcome, reason = "" }) => ({ outcome, reason }),
      ),
  },
  {
    name: "petrel_model_rollout_gate_estimate",
    help: "What a gate measured of the candidate, or how far it was from stable's.",
    ...ofFigures(({ estimate }) => estimate),
  },
  {
    name: "petrel_model_rollout_gate_lower_bound",
    help: "What a gate measured is no less than this.",
    ...ofFigures(({ lower }) => lower),
  },
  {
    name: "petrel_model_rollout_gate_upper_bound",
    help: "What a gate measured is no more than this.",
    ...ofFigures(({ upper }) => upper),
  },
  {
    name: "petrel_model_rollout_gate_threshold",
    help: "What a gate compares it with.",
    ...ofFigures(({ threshold }) => threshold),
  },
  {
    name: "petrel_model_rollout_gate_candidate_answers",
    help: "Answers of the candidate that it rests on.",
    ...ofFigures(({ candidateCount }) => candidateCount),
  },
  {
    name: "petrel_model_rollout_gate_stable_answers",
    help: "Answers of the stable revision that it rests on.",
    ...ofFigures(({ stableCount }) => stableCount),
  },
  {
    name: "petrel_model_rollout_gate_no_data_since_timestamp_seconds",
    help: "Since when a gate has had nothing to judge by, since the Unix epoch.",
    labels: ["gate"],
    read: (release) => ofGates(release, ({ noDataSince }) => seconds(noDataSince)),
  },
  {
    name: "petrel_model_rollout_gate_needed_requests",
    help: "Requests that a gate needs in all, to both revisions together; a plan, no promise.",
    labels: ["gate"],
    read: (release) => ofGates(release, ({ needs }) => needs?.requests),
  },
  {
    name: "petrel_model_rollout_gate_needed_seconds",
    help: "How long a gate still needs at the present traffic; a plan, no promise.",
    labels: ["gate"],
    read: (release) =>
      ofGates(release, ({ needs }) =>
        needs?.duration === undefined ? undefined : parseDurationMilliseconds(needs.duration) / 1_000,
      ),
  },
  {
    name: "petrel_model_rollout_gate_exceeds_deadline",
    help: "1 for a gate that needs longer, at the present traffic, than it has until its deadline.",
    labels: ["gate"],
    read: (release) =>
      ofGates(release, ({ needs }) =>
        needs?.exceedsDeadline === undefined ? undefined : Number(needs.exceedsDeadline),
      ),
  },
];

/** Shows the releases that `current` gives at each scrape. */
export function showReleases(registry: Registry, current: () => readonly LatestRelease[]): void {
  for (const { name, help, labels, read } of RELEASE_METRICS) {
    new Gauge({
      name,
      help: `${help} From the leader alone.`,
      labelNames: [...RELEASE_LABELS, ...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const release of current()) {
          const { namespace, name: rollout, spec } = release;
          const own = { namespace, model_deployment: spec.modelDeployment, rollout };
          for (const [more, value] of read(release)) this.set({ ...own, ...more }, value);
        }
      },
    });
  }
}
