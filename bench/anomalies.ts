/**
 * How many alarms each detector of anomalies raises on real series, against how many it was allowed: one in seven days.
 * All of them count as false, though some of the series have real flash crowds.
 *
 * Run: node bench/anomalies.ts CSV... (a header, then lines of which the second field is the value of a minute)
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { AnomalyDetector } from "../src/stats/anomaly-detector.ts";

const DAYS_PER_FALSE_ALARM = 7;
const MINUTES_PER_LOOK = 5;
const LOOKS_PER_DAY = (24 * 60) / MINUTES_PER_LOOK;

for (const file of process.argv.slice(2)) {
  const lines = readFileSync(file, "utf8").trim().split("\n").slice(1);
  const minutes = lines.map((line) => Number(line.split(",")[1]));
  const looks = Array.from({ length: Math.floor(minutes.length / MINUTES_PER_LOOK) }, (_, look) => {
    const part = minutes.slice(look * MINUTES_PER_LOOK, (look + 1) * MINUTES_PER_LOOK);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const days = looks.length / LOOKS_PER_DAY;
  const alarms = (["RobustScore", "Seasonal", "ChangePoint"] as const).map((type) => {
    const detector = new AnomalyDetector({
      type,
      looksPerDay: LOOKS_PER_DAY,
      daysPerFalseAlarm: DAYS_PER_FALSE_ALARM,
    });
    const begun = new Set<number>();
    for (const value of looks) {
      const anomaly = detector.look(value);
      if (anomaly !== undefined) begun.add(anomaly.sinceLook);
    }
    return `${type} ${begun.size}`;
  });
  const allowed = (days / DAYS_PER_FALSE_ALARM).toFixed(1);
  console.log(`${basename(file)}: ${days.toFixed(0)} days, ${allowed} allowed; ${alarms.join(", ")}`);
}
