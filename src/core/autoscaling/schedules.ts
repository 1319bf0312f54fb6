/**
 * Declared events: at times that people wrote down there are so many replicas at least, early enough to be ready. Pure.
 *
 * A schedule is never guessed at: a pattern or a time zone that cannot be read is an error.
 */
import { Cron } from "croner";

/** An event that returns. */
export interface ScheduledReplicas {
  readonly name: string;
  /** Five fields of cron: minute, hour, day of the month, month, day of the week. */
  readonly schedule: string;
  /** Of the IANA database, such as `Asia/Shanghai`. */
  readonly timeZone: string;
  readonly durationMilliseconds: number;
  readonly minReplicas: number;
}

/** A pattern or a time zone is none. The message names the schedule. */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
}

/** What schedules ask for at a time. */
export interface ScheduledFloor {
  readonly replicas: number;
  /** Names of those that ask for any. */
  readonly active: readonly string[];
}

/**
 * What schedules ask for: the most of those that have begun, or begin within the lead, and are not over.
 *
 * @param leadMilliseconds in which a replica that is asked for now is ready.
 * @throws {ScheduleError} for a schedule that cannot be read.
 */
export function scheduledFloor(
  schedules: readonly ScheduledReplicas[],
  nowMilliseconds: number,
  leadMilliseconds: number,
): ScheduledFloor {
  const active = schedules.filter((schedule) => isActive(schedule, nowMilliseconds, leadMilliseconds));
  return {
    replicas: active.reduce((most, { minReplicas }) => Math.max(most, minReplicas), 0),
    active: active.map(({ name }) => name),
  };
}

function isActive(schedule: ScheduledReplicas, nowMilliseconds: number, leadMilliseconds: number): boolean {
  // The latest start up to then is the one that lasts longest. A start at that very time counts, hence the millisecond.
  const start = latestStart(schedule, nowMilliseconds + leadMilliseconds + 1);
  return start !== undefined && nowMilliseconds < start + schedule.durationMilliseconds;
}

function latestStart(
  { name, schedule, timeZone }: ScheduledReplicas,
  beforeMilliseconds: number,
): number | undefined {
  try {
    // Without a function to call it sets no timer.
    const cron = new Cron(schedule, { mode: "5-part", timezone: timeZone, paused: true });
    return cron.previousRuns(1, new Date(beforeMilliseconds))[0]?.getTime();
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new ScheduleError(
      `expected schedule ${JSON.stringify(name)} to be five fields of cron in a time zone, got ` +
        `${JSON.stringify(schedule)} in ${JSON.stringify(timeZone)}: ${cause}`,
    );
  }
}
