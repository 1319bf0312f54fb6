/**
 * What a gate is to a campaign: something that is shown the traffic look by look and may raise an alarm. Petrel's own
 * gates and those it is compared with are all this.
 */
import type { EpochEvidence } from "../../src/stats/evidence.ts";

/** Requests and clicks of one arm. */
export interface ArmSums {
  readonly requests: number;
  readonly clicks: number;
}

/** What came since the look before, and all evidence so far. */
export interface Look {
  /** Minutes since the start, at the end of this look. */
  readonly minute: number;
  /** The candidate's share of the traffic as it is set. */
  readonly share: number;
  readonly candidate: ArmSums;
  readonly stable: ArmSums;
  /** Of all epochs so far; the last one is the present one. */
  readonly evidence: readonly EpochEvidence[];
}

/** A gate by its name; `start` makes a fresh one for a run. It answers true when it raises the alarm. */
export interface Gate {
  readonly name: string;
  readonly start: () => (look: Look) => boolean;
}
