/**
 * WebHook: what a program of somebody else says of the step.
 */
import { gateKind, type JudgeInput, type Judgement, judgeKnown } from "./judgement.ts";
import { ofThisStep } from "./prometheus-query.ts";
import { knowledgeOf } from "./reading.ts";

/** The type `WebHook`. */
export const webHookGate = gateKind<object>(({ webHook }) => webHook, judgeWebHook);

/** Takes the answer. */
export function judgeWebHook({ name, step, evidence }: JudgeInput<object>): Judgement {
  const reading = ofThisStep(evidence.hooks.get(name), step);
  return judgeKnown(knowledgeOf(reading, "the web hook", step.nowMilliseconds), ({ outcome, message }) => {
    const text = `the web hook says ${outcome}${message === "" ? "" : `: ${message}`}`;
    const verdict = outcome === "Wait" ? "Undecided" : outcome;
    return { verdict, reason: `HookSays${outcome}`, message: text };
  });
}
