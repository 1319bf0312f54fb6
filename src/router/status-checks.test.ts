import { expect, test } from "@jest/globals";
import type { RouterStatus } from "./router.ts";
import { statusChecks } from "./status-checks.ts";

function check(path: string, status: Partial<RouterStatus>): string | undefined {
  const down: RouterStatus = {
    isStarted: false,
    isReady: false,
    state: "Down",
    desired: new Map(),
    acknowledgements: new Map(),
    lostPeers: [],
  };
  return statusChecks(() => ({ ...down, ...status }))[path]?.();
}

test.each<[string, Partial<RouterStatus>, string | undefined]>([
  ["/startupz", {}, "the API has not been seen yet"],
  ["/startupz", { isStarted: true }, undefined],
  ["/readyz", { isStarted: true }, "Down: not ready"],
  ["/readyz", { isReady: true }, undefined],
])("%s of %j is %j", (path, status, problem) => {
  expect(check(path, status)).toBe(problem);
});
