/**
 * The Events that a change of a drill is worth: one for a change, none for an attempt.
 */
import type { DrillReport, EventIntent } from "../decision.ts";

const ACTIONS: Readonly<Partial<Record<string, readonly [reason: string, action: string]>>> = {
  Control: ["DrillBegan", "BeginDrill"],
  Injecting: ["DrillFault", "AskForFault"],
  Reverting: ["DrillFaultTakenBack", "TakeFaultBack"],
};

/** Events for what has become of a drill. */
export function eventsOfDrill({ drill, status: after }: DrillReport): readonly EventIntent[] {
  const { name, status: before } = drill;
  const { verdict, phase = "Pending", message = "" } = after;
  const tell = (type: EventIntent["type"], reason: string, action: string): readonly EventIntent[] => [
    { type, reason, action, note: `FailoverDrill ${name}: ${message}` },
  ];
  if (verdict !== undefined) {
    if (before.verdict !== undefined) return [];
    const isWell = verdict.outcome === "Passed" || verdict.reason === "AbortedByPerson";
    return tell(isWell ? "Normal" : "Warning", `Drill${verdict.outcome}`, "EndDrill");
  }
  const [reason, action] = before.phase === phase ? [] : (ACTIONS[phase] ?? []);
  return reason === undefined || action === undefined ? [] : tell("Normal", reason, action);
}
