/**
 * All that gates see beside the objects of the API: what routers and collectors counted for a release, and what others
 * answered. A part of the observation; who gathers it fills it in, and a gate without its part waits.
 */
import type { EvidenceCell, GateMetric } from "../../../stats/evidence.ts";
import type { FirstTries } from "../../../stats/first-tries.ts";
import type { NewUsers } from "../../../stats/sample-ratio.ts";
import type { ShadowCounts } from "../../../stats/shadow-counts.ts";
import type { ExperimentCounts } from "../../experiment/experiment-question.ts";
import type { CollectorCounts, CountedRequests } from "./collector-counts.ts";
import type { Reading } from "./reading.ts";

/** What was counted in one epoch of the traffic plan, or in several in which the candidate had one weight. */
export interface CountedEpochs {
  /** The first one. */
  readonly epoch: number;
  /** The last one, where they are several. */
  readonly lastEpoch?: number;
}

/**
 * Answers of one arm for one metric, of epochs in which the candidate of this release had a constant weight. Cells of the
 * same arm and epoch add.
 */
export interface ArmCell extends EvidenceCell, CountedEpochs {
  readonly arm: "Candidate" | "Stable";
}

/** What the collectors know of one metric. */
export interface MetricEvidence {
  readonly metric: GateMetric;
  /** How long the slowest label of the metric takes. */
  readonly maturesMilliseconds: number;
  /** All answers of the release, and all labels that have come for them. */
  readonly arrived: readonly ArmCell[];
  /** Answers older than the maturity alone, and of their labels those that came within it. */
  readonly matured: readonly ArmCell[];
}

/** What the collectors know of a release. Slots of which any part is in doubt are left out of all of it. */
export interface CollectedEvidence {
  readonly metrics: ReadonlyMap<string, MetricEvidence>;
  /** Why metrics that were asked for are not among them, by name. */
  readonly unusable?: ReadonlyMap<string, string>;
  /** To both arms together, over the last minutes. */
  readonly requestsPerSecond: number;
  /** Answers that were counted in the last minutes, under the plans of this release. */
  readonly recentRequests: readonly CountedRequests[];
  /**
   * Who came to which arm, candidate first: requests by share where each of them is drawn by itself, else users by the arm
   * that first answered them in an epoch. Absent where nobody counts these, or compares the arms.
   */
  readonly drawn?: { readonly of: "Requests" | "Users"; readonly epochs: readonly NewUsers[] };
  /**
   * Answers of which is told whether their arm was computed again from user and salt, those of which it was, and how many
   * of these had another one. Absent where each request is drawn by itself.
   */
  readonly assignedArms?: { readonly told: number; readonly checked: number; readonly misplaced: number };
}

/**
 * First tries of requests at one arm in one minute, or in ten where these are long ago: retries and what went to another
 * pool are left out.
 */
export interface ServiceMinute {
  readonly firstTries: number;
  /** Of these, those that failed by the server's fault. */
  readonly errors: number;
  /** Of these, how many took how long: a count for each bucket of {@link ServiceFigures.latencyEdgesMilliseconds}. */
  readonly latencies: readonly number[];
  /** First tries of requests that came to the arm for another reason than chance: load, and nothing else. 0 unless given. */
  readonly uncompared?: number;
}

/** The service of one arm. */
export interface ArmService {
  /** Pods that have been ready for long enough to be warm. Minutes in which a pod of either arm was not are left out. */
  readonly warmPods: number;
  /** Whole minutes of the present step, the same for both arms. */
  readonly minutes: readonly ServiceMinute[];
}

/** How both arms served in the present step. */
export interface ServiceFigures {
  /** Ascending; the first bucket is below the first edge, the last one from the last edge on. */
  readonly latencyEdgesMilliseconds: readonly number[];
  readonly candidate: ArmService;
  readonly stable: ArmService;
}

/** What came of mirrored requests in the present step. */
export interface ShadowEvidence {
  readonly counts: ShadowCounts;
  /** How originals and copies of the pairs were served. */
  readonly service: ServiceFigures;
}

/** What a web hook answered. */
export interface HookAnswer {
  readonly outcome: "Pass" | "Wait" | "Fail";
  readonly message: string;
}

/** The evidence of one release. */
export interface GateEvidence {
  /** Absent where nobody collects anything of this ModelDeployment. */
  readonly collected?: Reading<CollectedEvidence>;
  /** The plans of the release draw users, not requests. */
  readonly drawsUsers?: boolean;
  readonly service?: Reading<ServiceFigures>;
  /** Absent where nothing is mirrored. */
  readonly shadow?: Reading<ShadowEvidence>;
  /** The number that each query gave, by name of the gate. */
  readonly queries: ReadonlyMap<string, Reading<number>>;
  readonly hooks: ReadonlyMap<string, Reading<HookAnswer>>;
}

/** What was read for a release, as it came. */
export interface ReadEvidence extends Pick<GateEvidence, "queries" | "hooks"> {
  readonly counts?: Reading<CollectorCounts>;
  /** By the routers. */
  readonly firstTries?: Reading<FirstTries>;
  /** By the collector, of mirrored requests. */
  readonly mirrored?: Reading<ShadowCounts>;
  /** By the collector, of the arms of an experiment. */
  readonly experiment?: Reading<ExperimentCounts>;
}

/** The present step, as gates see it. */
export interface StepView {
  readonly nowMilliseconds: number;
  /** Share of the traffic, in parts of 10,000. */
  readonly weight: number;
  /** Share of the requests that are mirrored instead, likewise; 0 in every other step, and unless given. */
  readonly mirror?: number;
  /** The plans of the traffic that give this share, the latest without another between; absent before there is one. */
  readonly epochs?: { readonly first: number; readonly last: number };
  /** All the traffic follows after this step, or all but what stable keeps in a holdback. */
  readonly isLast: boolean;
  /** Stable keeps its share as a control: nothing waits for a gate, and all that is looked for is harm. */
  readonly isHoldback?: boolean;
  /** Since when every router gives this share; absent while one does not. */
  readonly inEffectAtMilliseconds?: number;
  /** When the step has lasted its time; deadlines count from here. */
  readonly dueAtMilliseconds?: number;
}
