/**
 * A schedule of autoscaling that means nothing: no such minute or hour, or no such time zone. The API server cannot tell; the
 * operator takes no replica away while there is one.
 */
import { autoscalingSettings } from "../../../core/autoscaling/autoscaling-settings.ts";
import type { Lint } from "./lint.ts";

/** The lint `unreadable-schedule`. */
export const unreadableSchedule: Lint = {
  name: "unreadable-schedule",
  find({ autoscaling }) {
    if (autoscaling === undefined) return [];
    return autoscalingSettings(autoscaling).unreadable.map((message) => ({
      path: ["spec", "autoscaling", "schedules"],
      message,
      remedy: "write five fields of cron and a time zone of the IANA database",
    }));
  },
};
