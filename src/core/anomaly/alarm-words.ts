/**
 * How an alarm is told. Nothing in the words moves while it goes on: a status is written on transitions only.
 */
import type { SeriesAlarm } from "../../anomaly/watched-answer.ts";
import { MAXIMUM_ALARM_TEXT, type StatedAlarm } from "../../api/anomaly-status.ts";
import { reportedTime } from "../conditions/condition-words.ts";
import { numberText } from "../rollout/gates/figure-text.ts";
import { truncateUtf8 } from "../short-text.ts";

/** An alarm as the status keeps it, when it is first seen. */
export function statedAlarm({ series, since, value, low, high }: SeriesAlarm): StatedAlarm {
  const [stated = "", lower = "", upper = ""] = [value, low, high].map(numberText);
  return { series, since: reportedTime(since * 1_000), value: stated, low: lower, high: upper };
}

/** Whether both are the same alarm. */
export function isSameAlarm(
  left: Pick<StatedAlarm, "series" | "since">,
  right: Pick<StatedAlarm, "series" | "since">,
): boolean {
  return left.series === right.series && left.since === right.since;
}

/** Whether a text of {@link alarmText} is about this alarm, whatever its numbers were when it was first seen. */
export function isAbout(text: string, { series, since }: Pick<StatedAlarm, "series" | "since">): boolean {
  return text.startsWith(`${series} was `) && text.endsWith(`, since ${since}`);
}

/** `metric:ctr was 0.012, expected 0.03 to 0.05, since 2026-01-01T00:00:00Z`. */
export function alarmText({ series, value, low, high, since }: StatedAlarm): string {
  return truncateUtf8(
    `${series} was ${value}, expected ${low} to ${high}, since ${since}`,
    MAXIMUM_ALARM_TEXT,
  );
}
