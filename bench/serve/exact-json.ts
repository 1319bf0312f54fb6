/**
 * What it costs to read JSON without losing digits of 64-bit integers, against JSON.parse, which loses them: of bodies as
 * large as a server takes, of the kinds that cost the most.
 */
import { parseExactJson } from "../../src/serve/exact-json.ts";

const SIZE_BYTES = 16 * 2 ** 20;
const ROUNDS = 7;
const ELEMENTS = { "small integers": "1,", "long integers": "1234567890123456789,", "empty lists": "[]," };

/**
 * CPU time of this thread as a multiple of what JSON.parse takes for a body of that size, the same or one of small
 * integers, whichever is the dearer: the least of some rounds of each, by kind.
 */
export function exactJsonRatios(): ReadonlyMap<string, number> {
  return new Map(Object.entries(ELEMENTS).map(([kind, element]) => [kind, ratioOf(element)]));
}

function bodyOf(element: string): Buffer {
  const list = `${element.repeat(Math.floor(SIZE_BYTES / element.length))}1`;
  return Buffer.from(`{"a":"INT64","b":12345678901234567,"c":[${list}]}`);
}

function ratioOf(element: string): number {
  const [body, ordinary] = [bodyOf(element), bodyOf(ELEMENTS["small integers"])];
  const least = { exact: Number.POSITIVE_INFINITY, plain: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round++) {
    const plain = [body, ordinary].map((of) => cpuMicroseconds(() => JSON.parse(of.toString())));
    least.plain = Math.min(least.plain, Math.max(...plain));
    least.exact = Math.min(
      least.exact,
      cpuMicroseconds(() => parseExactJson(body)),
    );
  }
  return least.exact / least.plain;
}

function cpuMicroseconds(action: () => unknown): number {
  const start = process.threadCpuUsage();
  action();
  const { user, system } = process.threadCpuUsage(start);
  return user + system;
}
