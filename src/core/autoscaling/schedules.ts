/**
 * Declared events: at times that people wrote down there are so many replicas at least, early enough to be ready. Pure.
 *
 * A schedule is never guessed at: a pattern or a time zone that cannot be read is an error.
 */
import { Cron } from "croner";

/** An event that returns, as people declare it. */
export interface ScheduledReplicas {
  readonly name: string;
  /** Five fields of cron: minute, hour, day of the month, month, day of the week. */
  readonly schedule: string;
  /** Of the IANA database, such as `Asia/Shanghai`. */
  readonly timeZone: string;
  readonly durationMilliseconds: number;
  readonly minReplicas: number;
}

/** One that was read. */
export interface Schedule extends Pick<ScheduledReplicas, "durationMilliseconds" | "minReplicas"> {
  /** The latest start before a time; undefined where there is none. */
  readonly latestStart: (beforeMilliseconds: number) => number | undefined;
}

/** A pattern or a time zone is none. The message names the schedule. */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
}

/**
 * Reads one.
 *
 * @throws {ScheduleError} for a pattern or a time zone that is none.
 */
export function readSchedule({
  name,
  schedule,
  timeZone,
  durationMilliseconds,
  minReplicas,
}: ScheduledReplicas): Schedule {
  try {
    // Without a function to call it sets no timer.
    const cron = new Cron(schedule, { mode: "5-part", timezone: timeZone, paused: true });
    const starts = new LatestStarts(cron);
    // A time zone is looked at only when a time is.
    starts.before(0);
    return { durationMilliseconds, minReplicas, latestStart: (time) => starts.before(time) };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new ScheduleError(
      `expected schedule ${JSON.stringify(name)} to be five fields of cron in a time zone, got ` +
        `${JSON.stringify(schedule)} in ${JSON.stringify(timeZone)}: ${cause}`,
    );
  }
}

/** Starts of a pattern. It is asked about every moment, and to look for a start of another year takes long. */
class LatestStarts {
  readonly #cron: Cron;
  /** The start before each time after the first one and up to the second. */
  #known: { readonly start: number | undefined; readonly after: number; readonly upTo: number } | undefined;

  constructor(cron: Cron) {
    this.#cron = cron;
  }

  before(milliseconds: number): number | undefined {
    const known = this.#known;
    if (known !== undefined && milliseconds > known.after && milliseconds <= known.upTo) return known.start;
    const start = this.#cron.previousRuns(1, new Date(milliseconds))[0]?.getTime();
    const next = this.#cron.nextRun(new Date(start ?? milliseconds))?.getTime();
    this.#known = {
      ...{ start, after: start ?? Number.NEGATIVE_INFINITY },
      upTo: next ?? Number.POSITIVE_INFINITY,
    };
    return start;
  }
}

/**
 * Replicas that schedules ask for: the most of those that have begun, or begin within the lead, and are not over.
 *
 * @param leadMilliseconds in which a replica that is asked for now is ready.
 */
export function scheduledFloor(
  schedules: readonly Schedule[],
  nowMilliseconds: number,
  leadMilliseconds: number,
): number {
  const isOn = ({ latestStart, durationMilliseconds }: Schedule) => {
    // The latest start up to then is the one that lasts longest. A start at that very time counts, hence the millisecond.
    const start = latestStart(nowMilliseconds + leadMilliseconds + 1);
    return start !== undefined && nowMilliseconds < start + durationMilliseconds;
  };
  return schedules.filter(isOn).reduce((most, { minReplicas }) => Math.max(most, minReplicas), 0);
}
