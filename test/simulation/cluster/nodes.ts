/**
 * The machines of the simulated cluster. They are no objects of the API here: only pods show what becomes of them.
 */
import type { SeededRandom } from "../seeded-random.ts";

/** One machine. */
export interface Node {
  readonly name: string;
  readonly cpuMillicores: number;
  readonly gpus: number;
  /** Silent since it lost its network or its power: nothing on it moves, and nothing new gets there. */
  isLost: boolean;
}

/** Some machines: enough for everything, or so few that rollouts have to wait. */
export function makeNodes(random: SeededRandom): readonly Node[] {
  const isTight = random.chance(0.15);
  const node = (name: string, cpuMillicores: number, gpus: number): Node => ({
    name,
    cpuMillicores,
    gpus,
    isLost: false,
  });
  return [
    node("node-a", isTight ? 4_000 : 64_000, 0),
    node("node-b", isTight ? 4_000 : 64_000, 0),
    node("node-gpu", 16_000, isTight ? 2 : 16),
  ];
}
