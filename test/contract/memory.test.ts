/**
 * The contract on the in-memory API server.
 */
import { describe, test } from "@jest/globals";
import { MemoryApiServer } from "../memory-cluster/api-server.ts";
import { VirtualClock } from "../memory-cluster/virtual-clock.ts";
import type { ContractEnvironment } from "./contract-case.ts";
import { CONTRACT } from "./contract-cases.ts";

function memoryEnvironment(): ContractEnvironment {
  const clock = new VirtualClock();
  const server = new MemoryApiServer(clock);
  return {
    port: server,
    namespace: "contract",
    elapse: (milliseconds) => clock.advance(milliseconds),
    async expireHistory() {
      server.compact();
    },
    async collectedUntil(isDone) {
      await server.collectGarbage();
      if (!(await isDone())) throw new Error("the garbage collector is done, and this has not come about");
    },
  };
}

describe.each(Object.entries(CONTRACT))("%s", (_topic, cases) => {
  test.each(cases)("$name", async ({ run }) => {
    await run(memoryEnvironment());
  });
});
