/**
 * The machine that figures are of.
 */
import { arch, cpus, release } from "node:os";

/** Its processors and its system, in one line. */
export function machine(): string {
  return `${cpus().length} x ${cpus()[0]?.model.trim()}, Linux ${release()} ${arch()}`;
}
