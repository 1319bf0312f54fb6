/**
 * The contract of the controllers, on those of the simulation.
 */
import { describe, test } from "@jest/globals";
import { DeploymentController } from "../simulation/cluster/deployment-controller.ts";
import { GarbageCollector } from "../simulation/cluster/garbage-collector.ts";
import { hasEnded, isTerminating, podReference } from "../simulation/cluster/pod.ts";
import { World } from "../simulation/world.ts";
import type { ControllerEnvironment } from "./controller-case.ts";
import { controllerCases } from "./controller-cases.ts";

/** Far more than any case takes: only controllers that go round in circles get there. */
const MAXIMUM_STEPS = 1_000;

function simulatedEnvironment(): ControllerEnvironment {
  const world = new World();
  const deployments = new DeploymentController(world);
  const controllers = [deployments, new GarbageCollector(world)];
  return {
    port: world.portFor("contract"),
    namespace: "contract",
    async until(isSo) {
      for (let step = 0; step < MAXIMUM_STEPS; step += 1) {
        if (await isSo()) return;
        const [task] = controllers.flatMap((controller) => controller.tasks());
        // A question may itself be a step: it makes pods ready that it found.
        if (task !== undefined) await task.run();
        else if (!(await isSo())) throw new Error("the controllers are done, and this has not come about");
      }
      throw new Error(`the controllers do not come to an end within ${MAXIMUM_STEPS} steps`);
    },
    async podsAskedFor() {
      // Without ReplicaSets between, what is asked for is what is there.
      return world.objects("Pod").filter((pod) => !isTerminating(pod) && !hasEnded(pod)).length;
    },
    async limitPods(count) {
      deployments.maximumPods = count;
    },
    async writePodStatus(pod, status) {
      await world.writeAsComponent("kubelet", podReference(pod), { status });
    },
  };
}

describe("controllers", () => {
  test.each(controllerCases)("$name", ({ run }) => run(simulatedEnvironment()));
});
