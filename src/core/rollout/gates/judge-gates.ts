/**
 * All gates of a release by what was read from outside, settled, in the order in which they are reported: those that are
 * always on where requests are counted, or those of mirrored requests, then those that people declared.
 */
import type { GateStatus } from "../../../api/gate-status.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";
import { DEFAULT_SHADOW_DEADLINE, type ShadowSpec } from "../../../api/shadow.ts";
import { countPolicy } from "./count-policy.ts";
import { judgedInHoldback } from "./deferred-gates.ts";
import type { GateEvidence, StepView } from "./gate-evidence.ts";
import { comparesArms } from "./gate-questions.ts";
import { COUNT_GATES, GATE_KINDS, SHADOW_GATES } from "./register.ts";
import { type GatePolicy, type SettledGate, settleGate } from "./settle-gate.ts";

/** What the gates of a release are judged by. */
export interface GatesInput {
  /** As the release was begun with. */
  readonly declared: readonly GateSpec[];
  /** What the stored status says of them. */
  readonly before: readonly GateStatus[];
  /** How requests are mirrored before the first step; absent where they are not. */
  readonly shadow?: ShadowSpec | undefined;
  readonly step: StepView;
  readonly evidence: GateEvidence;
  /** Names of those whose labels take longer than a step: they are decided in the holdback. */
  readonly deferred?: ReadonlySet<string>;
}

/** Judges and settles them. */
export function judgeGates(input: GatesInput): readonly SettledGate[] {
  const { shadow, step } = input;
  return shadow !== undefined && (step.mirror ?? 0) > 0 ? judgeMirroring(input, shadow) : judgeStep(input);
}

/** Types of gates that people declare which look at something else than what a share of the traffic brings. */
const WITHOUT_TRAFFIC: readonly GateSpec["type"][] = ["PrometheusQuery", "WebHook"];

/** While requests are mirrored there are no labels of the candidate, no users and no first tries. */
function judgeMirroring(
  { declared, before, step, evidence }: GatesInput,
  shadow: ShadowSpec,
): readonly SettledGate[] {
  const gates = SHADOW_GATES.filter(({ applies }) => applies(shadow));
  const harmGates = gates.filter(({ looksForHarm }) => looksForHarm).length;
  const stored = (name: string) => before.find((status) => status.name === name);
  const policy = { deadline: shadow.deadline ?? DEFAULT_SHADOW_DEADLINE };
  const mirrored = gates.map((gate) => {
    const judgement = gate.judge({ name: gate.name, settings: shadow, step, evidence, harmGates });
    return settleGate(gate.name, policy, judgement, stored(gate.name), step);
  });
  const others = declared
    .filter(({ type }) => WITHOUT_TRAFFIC.includes(type))
    .map((settings) => {
      const { name, type } = settings;
      const judgement = GATE_KINDS[type].judge({ name, settings, step, evidence, harmGates });
      return settleGate(name, settings, judgement, stored(name), step);
    });
  return [...mirrored, ...others];
}

function judgeStep({
  declared: all,
  before,
  step,
  evidence,
  deferred = NONE,
}: GatesInput): readonly SettledGate[] {
  const declared = step.isHoldback === true ? judgedInHoldback(all) : all;
  const harmGates = declared.filter(({ type }) => GATE_KINDS[type].looksForHarm).length;
  const isCompared = comparesArms(declared);
  const policy = step.isHoldback === true ? WATCHED : countPolicy(declared);
  const stored = (name: string) => before.find((status) => status.name === name);
  const counts = COUNT_GATES.filter(
    // What failed once is not forgotten because its evidence is gone.
    (gate) => gate.applies(evidence, isCompared) || stored(gate.name)?.latched === true,
  ).map((gate) => {
    const judgement = gate.judge({ name: gate.name, settings: {}, step, evidence, harmGates });
    return settleGate(gate.name, policy, judgement, stored(gate.name), step);
  });
  const others = declared.map((settings) => {
    const { name, type } = settings;
    const isDeferred = deferred.has(name);
    const judgement = GATE_KINDS[type].judge({ name, settings, step, evidence, harmGates, isDeferred });
    const isWatched = isDeferred || step.isHoldback === true;
    const settled = settleGate(name, isWatched ? WATCHED : settings, judgement, stored(name), step);
    return isDeferred ? { ...settled, status: { ...settled.status, deferred: true } } : settled;
  });
  return [...counts, ...others];
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Of a gate that holds no step: it fails by what is seen alone. Labels that are slow by nature give nothing up by not
 * being there yet.
 */
const WATCHED: GatePolicy = { onNoData: "Wait", deadline: "0s", failsByVerdictAlone: true };
