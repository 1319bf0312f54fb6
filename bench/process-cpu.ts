/**
 * The CPU time of another process, as Linux counts it.
 */
import { readFileSync } from "node:fs";

/** Linux counts in these. */
const TICK_MILLISECONDS = 10;

/** CPU time that a process has used, of all its threads. */
export function cpuMilliseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The program's name stands in brackets and may hold spaces; user and system time are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MILLISECONDS;
}
