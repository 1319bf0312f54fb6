/**
 * What a gate is: something that has to be so before a step of a rollout may end.
 *
 * A gate is pure over the observation. It must never pass for want of knowledge: what it does not know, it waits for.
 */
import type { Observation } from "../../observation.ts";

/** What a gate looks at. */
export interface GateInput {
  readonly observation: Observation;
  /** Name of the candidate. */
  readonly revision: string;
  /** Share of the traffic in the present step, in parts of 10,000. */
  readonly weight: number;
}

/** What a gate says. */
export interface GateFinding {
  /** `Pass` lets the step end, `Wait` does not yet, `Fail` gives the release up. */
  readonly outcome: "Pass" | "Wait" | "Fail";
  /** For people. */
  readonly message: string;
}

/** A gate. */
export interface Gate {
  readonly name: string;
  judge(input: GateInput): GateFinding;
}
