/**
 * The controllers of workloads, of Deployments and of Jobs: parts of one process in a cluster, so one part here.
 */
import type { Controller, Task } from "../task.ts";

/** Several controllers in one. */
export class WorkloadControllers implements Controller {
  readonly name = "controller-manager";
  readonly #controllers: readonly Controller[];

  constructor(...controllers: readonly Controller[]) {
    this.#controllers = controllers;
  }

  tasks(): readonly Task[] {
    return this.#controllers.flatMap((controller) => controller.tasks());
  }
}
