/**
 * What a gate concludes of what it sees at one look. Pure, and without memory: what becomes of it, with time, deadline
 * and what was latched before, is for {@link settleGate} to say.
 */
import type { GateFigure } from "../../../api/gate-status.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";
import type { GateEvidence, StepView } from "./gate-evidence.ts";
import type { Knowledge } from "./reading.ts";

/** What is still needed, as far as can be told. */
export interface Need {
  /** To both revisions together, from the beginning. */
  readonly requests?: number;
  /** Until then, at the present traffic; infinite without any. */
  readonly milliseconds?: number;
}

/** A conclusion. */
export interface Judgement {
  /**
   * `Pass` only by knowledge. `Undecided`: there is enough to judge by, and it does not say yes. `TooLittle`: there is
   * something, and not enough yet. `NoData`: there is nothing that may be judged by. `Fail`: known to be bad.
   */
  readonly verdict: "Pass" | "Undecided" | "TooLittle" | "NoData" | "Fail";
  /** In one word. */
  readonly reason: string;
  /** One sentence, with the numbers. */
  readonly message: string;
  readonly figures?: readonly GateFigure[];
  readonly needs?: Need;
  /** A `Pass` that is decided once, and holds for the rest of the release. */
  readonly isFinal?: boolean;
  /** When time alone may change it, in milliseconds since the Unix epoch. */
  readonly changesAtMilliseconds?: number;
}

/** What a gate is shown. */
export interface JudgeInput<Settings> {
  /** Name of the gate. */
  readonly name: string;
  readonly settings: Settings;
  readonly step: StepView;
  readonly evidence: GateEvidence;
  /** How many gates look for harm and share the probability of a false alarm. */
  readonly harmGates: number;
  /** It holds no step, and is decided in the holdback. */
  readonly isDeferred?: boolean;
}

/** A type of gate that people declare: an entry of the register. */
export interface GateKind {
  /** It shares the probability of a false alarm with the others that do. */
  readonly looksForHarm: boolean;
  judge(input: JudgeInput<GateSpec>): Judgement;
}

/**
 * A type of gate.
 *
 * @param settingsOf reads the settings of a spec that the schema let in; undefined where they are missing.
 */
export function gateKind<Settings>(
  settingsOf: (spec: GateSpec) => Settings | undefined,
  judge: (input: JudgeInput<Settings>) => Judgement,
  looksForHarm = false,
): GateKind {
  return {
    looksForHarm,
    judge(input) {
      const settings = settingsOf(input.settings);
      if (settings !== undefined) return judge({ ...input, settings });
      return noData({ reason: `the gate has no settings of its type ${input.settings.type}` }, "NoSettings");
    },
  };
}

/** A gate that is always on where requests are counted. */
export interface CountGate {
  readonly name: string;
  judge(input: JudgeInput<object>): Judgement;
  /**
   * Whether there is anything of the kind to judge by, ever.
   *
   * @param isCompared whether a gate of the release compares the arms.
   */
  applies(evidence: GateEvidence, isCompared: boolean): boolean;
}

/** Nothing to judge by. */
export function noData({ reason }: { readonly reason: string }, word = "NoData"): Judgement {
  return { verdict: "NoData", reason: word, message: reason };
}

/** Judges what is known; that it becomes old is a change that time alone brings. */
export function judgeKnown<Value>(
  knowledge: Knowledge<Value>,
  judge: (value: Value) => Judgement,
): Judgement {
  if (!knowledge.isKnown) return noData(knowledge);
  const judgement = judge(knowledge.value);
  const { changesAtMilliseconds = Number.POSITIVE_INFINITY } = judgement;
  return {
    ...judgement,
    changesAtMilliseconds: Math.min(changesAtMilliseconds, knowledge.staleAtMilliseconds),
  };
}
