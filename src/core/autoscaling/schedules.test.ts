import { describe, expect, test } from "@jest/globals";
import { readSchedule, type ScheduledReplicas, ScheduleError, scheduledFloor } from "./schedules.ts";

const HOUR = 3_600_000;
const SALE: ScheduledReplicas = {
  ...{ name: "sale", schedule: "0 20 10 11 *", timeZone: "Asia/Shanghai" },
  ...{ durationMilliseconds: 28 * HOUR, minReplicas: 16 },
};
const floorAt = (schedules: readonly ScheduledReplicas[], time: string, lead = 0) =>
  scheduledFloor(schedules.map(readSchedule), Date.parse(time), lead);

describe("a sale in Shanghai", () => {
  test.each([
    ["before", "2026-11-10T11:59:59.999Z", 0, 0],
    ["at its first moment", "2026-11-10T12:00:00Z", 0, 16],
    ["in its last moment", "2026-11-11T15:59:59.999Z", 0, 16],
    ["after", "2026-11-11T16:00:00Z", 0, 0],
    ["as early as a replica takes", "2026-11-10T11:53:00Z", 420_000, 16],
    ["no earlier", "2026-11-10T11:52:59.999Z", 420_000, 0],
    ["until its end, whatever the lead", "2026-11-11T16:00:00Z", 420_000, 0],
  ])("%s", (_, time, lead, replicas) => {
    expect(floorAt([SALE], time, lead)).toBe(replicas);
  });
});

test("of several the one that asks for most counts", () => {
  const evening = {
    ...SALE,
    name: "evening",
    schedule: "0 18 * * *",
    durationMilliseconds: 4 * HOUR,
    minReplicas: 6,
  };
  expect(floorAt([evening, SALE], "2026-11-10T12:30:00Z")).toBe(16);
  expect(floorAt([evening, SALE], "2026-11-09T12:30:00Z")).toBe(6);
  expect(floorAt([], "2026-11-09T12:30:00Z")).toBe(0);
});

test("one that begins anew before it is over goes on", () => {
  const always = { ...SALE, schedule: "0 * * * *", durationMilliseconds: 2 * HOUR };
  expect(floorAt([always], "2026-11-09T12:59:59Z")).toBe(16);
});

describe("when the clocks change in New York", () => {
  const early = { ...SALE, schedule: "30 2 * * *", timeZone: "America/New_York", durationMilliseconds: HOUR };

  test.each([
    ["in winter it is 07:30Z", "2026-03-07T07:30:00Z", 16],
    ["in summer it is 06:30Z", "2026-03-09T06:30:00Z", 16],
    ["and no longer 07:30Z", "2026-03-09T07:30:00Z", 0],
    ["on the day without that hour it is an hour later", "2026-03-08T07:30:00Z", 16],
  ])("%s", (_, time, replicas) => {
    expect(floorAt([early], time)).toBe(replicas);
  });
});

test.each([
  ["a sixth field", { schedule: "0 0 20 10 11 *" }],
  ["a field out of range", { schedule: "0 25 * * *" }],
  ["a name for a pattern", { schedule: "soon" }],
  ["an unknown time zone", { timeZone: "Mars/Olympus" }],
])("refuses %s", (_, wrong) => {
  const call = () => floorAt([{ ...SALE, ...wrong }], "2026-11-10T12:00:00Z");
  expect(call).toThrow(ScheduleError);
  expect(call).toThrow(/^expected schedule "sale" to be five fields of cron in a time zone, got /);
});

test("what is remembered of a schedule is the same, in whichever order times are asked about", () => {
  const evening = { ...SALE, schedule: "30 18 * * 1-5", timeZone: "America/New_York" };
  const times = Array.from({ length: 400 }, (_, at) => Date.parse("2026-03-01T00:00:00Z") + at * 3_137_011);
  const remembered = readSchedule(evening);
  const shuffled = times.toSorted((left, right) => (left % 7_919) - (right % 7_919));
  for (const time of [...times, ...shuffled, ...times.toReversed()])
    expect(remembered.latestStart(time)).toBe(readSchedule(evening).latestStart(time));
});

test("a date that there is not never begins", () => {
  const never = readSchedule({ ...SALE, schedule: "0 0 31 2 *" });
  for (const time of ["2026-11-10T12:00:00Z", "2030-03-01T00:00:00Z", "2020-02-29T00:00:00Z"])
    expect(never.latestStart(Date.parse(time))).toBeUndefined();
});
