/**
 * Contract: what Petrel writes in forms of its own making, Leases and Events, is taken by the API server as
 * it is.
 */
import { expect } from "@jest/globals";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import type { Clock } from "../../src/core/clock.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { runLeaderElection } from "../../src/kube/leader-election.ts";
import { silentLogger } from "../fixtures/silent-logger.ts";
import { ANYBODY, type ContractCase, type ContractEnvironment, lease, reference } from "./contract-case.ts";

/** Cases of leader election and of events. */
export const recordingCases: readonly ContractCase[] = [
  {
    name: "a leader takes the Lease, keeps what others wrote into it, and gives it back",
    async run(environment) {
      const { port, namespace } = environment;
      await port.create(lease(environment, "leader", { labels: { kept: "yes" } }), ANYBODY);
      const lead = async () => {
        const held = await port.get(reference(environment, "lease", "leader"));
        expect(held["spec"]).toMatchObject({ holderIdentity: "one", leaseDurationSeconds: 15 });
      };
      const options = { ...parts(environment), namespace, name: "leader", identity: "one", lead };
      expect(await runLeaderElection(options, new AbortController().signal)).toBe("Stopped");
      const released = await port.get(reference(environment, "lease", "leader"));
      expect(released.metadata.labels).toEqual({ kept: "yes" });
      expect(released["spec"]).toMatchObject({ leaseTransitions: 1 });
      expect(released["spec"]).not.toMatchObject({ holderIdentity: "one" });
    },
  },
  {
    name: "an Event is stored, with a note as long as it may be",
    async run(environment) {
      const { port, namespace } = environment;
      const regarding = await port.create(lease(environment, "a"), ANYBODY);
      const recorder = new EventRecorder({
        ...parts(environment),
        reportingController: "petrel.dev/operator",
        reportingInstance: "operator-0",
      });
      recorder.record(regarding, {
        type: "Normal",
        reason: "Tried",
        action: "Trying",
        note: "ü".repeat(2_000),
      });
      await recorder.flush();
      expect(recorder.dropped).toBe(0);
      const { items } = await port.list(RESOURCE.event, { namespace });
      expect(items).toHaveLength(1);
      expect(items[0]).toMatchObject({ reason: "Tried", regarding: { kind: "Lease", name: "a" } });
    },
  },
];

function parts({ port }: ContractEnvironment) {
  const clock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule: () => () => {},
  };
  return { port, clock, random: () => 0.5, log: silentLogger };
}
