/**
 * `AnomalyDetected`: whether a watched series is not what it was before. It takes nothing from any other condition: requests
 * are answered, and a release goes on, unless the spec says what is to follow.
 *
 * It is false only where somebody looked: what could not be asked, or was not looked at, is unknown.
 */
import { alarmText } from "../anomaly/alarm-words.ts";
import type { AnomalyPlan } from "../anomaly/plan-anomalies.ts";
import type { Observation } from "../observation.ts";
import { reportedMessage } from "./condition-words.ts";
import type { Finding } from "./plan-conditions.ts";

const TYPE = "AnomalyDetected";
const REASONS = ["AnomalyDetected", "NoAnomaly", "SeriesLearning", "AnomaliesUnknown"] as const;

/** Nothing without `spec.quality.anomalies`. */
export function anomalyFinding(
  { deployment }: Observation,
  { knowledge, status }: AnomalyPlan,
): readonly Finding[] {
  if (knowledge === undefined) return [];
  const said = (value: Finding["status"], reason: (typeof REASONS)[number], message: string): Finding[] => [
    { type: TYPE, status: value, reason, message: reportedMessage(message) },
  ];
  const alarms = (status?.alarms ?? []).map((alarm) =>
    alarm.reaction === undefined ? alarmText(alarm) : `${alarmText(alarm)} (${alarm.reaction})`,
  );
  const lastKnown = alarms.length === 0 ? "" : `; last known: ${alarms.join("; ")}`;
  if (knowledge.type === "NotAsked") {
    // An operator that has just begun to lead knows in a moment; until then what was known stands.
    const before = deployment.status.conditions?.find(({ type }) => type === TYPE);
    const reason = REASONS.find((known) => known === before?.reason);
    if (before !== undefined && reason !== undefined) return said(before.status, reason, before.message);
    return said("Unknown", "AnomaliesUnknown", "the collector was not asked yet");
  }
  if (knowledge.type === "Unknown")
    return said("Unknown", "AnomaliesUnknown", `${knowledge.reason}${lastKnown}`);
  const { watched, unjudged, unknown, alarms: told } = knowledge.watched;
  const unlooked = `nobody looked at ${unknown.join(", ")} for half an hour: see EvidenceReady, and the log of the collector`;
  if (told.length > 0) {
    const rest = unknown.length === 0 ? [] : [unlooked];
    return said("True", "AnomalyDetected", [...alarms, ...rest].join("; "));
  }
  if (unknown.length > 0) return said("Unknown", "AnomaliesUnknown", `${unlooked}${lastKnown}`);
  if (unjudged.length === watched) {
    return said(
      "Unknown",
      "SeriesLearning",
      "what is usual in the series is still learned, or they have no values",
    );
  }
  const rest = unjudged.length === 0 ? "" : `; still learned, or without values: ${unjudged.join(", ")}`;
  return said("False", "NoAnomaly", `${watched - unjudged.length} series are as expected${rest}`);
}
