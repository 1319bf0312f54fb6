/**
 * A volume for the claim of a collector, as a provisioner would make one: the test cluster has none.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scenario } from "./scenario.ts";

/** The pod whose claim it is for. */
const COLLECTOR_POD = "petrel-collector-0";

/** A folder of this machine as the volume of a scenario's collector. */
export class EvidenceVolume {
  readonly #scenario: Scenario;
  readonly #folder: string;

  /** @param folder to make, one of its own unless given. */
  constructor(scenario: Scenario, folder?: string) {
    this.#scenario = scenario;
    this.#folder = folder ?? mkdtempSync(join(tmpdir(), "petrel-evidence-"));
    mkdirSync(this.#folder, { recursive: true });
    chmodSync(this.#folder, 0o777);
  }

  /** Makes it known to the cluster. */
  async make(): Promise<void> {
    await this.#scenario.apply({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: this.#name },
      spec: {
        storageClassName: "",
        accessModes: ["ReadWriteOnce"],
        capacity: { storage: "10Gi" },
        hostPath: { path: this.#folder },
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: { namespace: this.#scenario.namespace, name: `evidence-${COLLECTOR_POD}` },
      },
    });
  }

  /** After the scenario was disposed of. */
  async remove(): Promise<void> {
    await this.#scenario.cluster.kubectl(["delete", "persistentvolume", this.#name, "--wait=false"]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #name(): string {
    return `${this.#scenario.namespace}-evidence`;
  }
}
