/**
 * Plans that need credentials, rendered with what lies in this pod. Each is rendered once as long as neither it nor
 * the files change.
 */
import type { TrafficPlan } from "../api/traffic-plan.ts";
import type { RenderSettings } from "../render/envoy/traffic-configuration.ts";
import { resolveDoor } from "./door-credentials.ts";
import type { CredentialDirectory } from "./mounted-credentials.ts";
import { type DesiredTraffic, renderPlan } from "./progress.ts";

/** What became of a plan. Empty while the pod was made without what the plan needs. */
export type ResolvedTraffic = Pick<DesiredTraffic, "traffic" | "credentialProblem">;

/** Where a router finds credentials. */
export type CredentialStore = Pick<CredentialDirectory, "mounted" | "read" | "refresh">;

/** Resolves plans. */
export class ResolvedPlans {
  readonly #store: CredentialStore;
  readonly #settings: Pick<RenderSettings, "layout" | "address">;
  #resolved = new WeakMap<TrafficPlan, ResolvedTraffic>();

  constructor(store: CredentialStore, settings: Pick<RenderSettings, "layout" | "address">) {
    this.#store = store;
    this.#settings = settings;
  }

  /** Looks whether files have changed. Resolves with whether any may have. */
  async refresh(): Promise<boolean> {
    const hasChanged = await this.#store.refresh();
    if (hasChanged) this.#resolved = new WeakMap();
    return hasChanged;
  }

  /** Renders a plan if all that it needs is there. */
  resolve(modelDeployment: string, plan: TrafficPlan): ResolvedTraffic {
    const known = this.#resolved.get(plan);
    if (known !== undefined) return known;
    const resolved = this.#resolveAnew(modelDeployment, plan);
    this.#resolved.set(plan, resolved);
    return resolved;
  }

  #resolveAnew(modelDeployment: string, plan: TrafficPlan): ResolvedTraffic {
    const resolution = resolveDoor(plan, this.#store);
    switch (resolution.type) {
      case "Complete":
        return { traffic: renderPlan(modelDeployment, resolution.plan, this.#settings) };
      case "NotMounted":
        return {};
      case "Unusable":
        return { credentialProblem: resolution.problem };
    }
  }
}
