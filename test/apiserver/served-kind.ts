/**
 * A real API server that knows one of our kinds, for tests of its schema: what it accepts, and how objects of it may change.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";

/** The API server knows a kind a moment after its definition. */
const TRIES = 60;
const TRY_MILLISECONDS = 500;

/** The API server with the kind. */
export class ServedKind {
  readonly #controlPlane: ControlPlane;

  private constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
  }

  /**
   * Starts one.
   *
   * @param crd file with the CustomResourceDefinition.
   * @param name by which kubectl knows the kind.
   */
  static async start(crd: string, name: string): Promise<ServedKind> {
    const controlPlane = await startControlPlane();
    await controlPlane.kubectl(["apply", "-f", crd]);
    for (let attempt = 1; ; attempt++) {
      try {
        await controlPlane.kubectl(["explain", `${name}.spec`]);
        return new ServedKind(controlPlane);
      } catch (error) {
        if (attempt === TRIES) throw error;
        await pause(TRY_MILLISECONDS);
      }
    }
  }

  /** Makes an object, as a strict client does. */
  create(object: unknown, ...more: readonly string[]): Promise<string> {
    const args = ["create", "--validate=strict", "-f", "-", ...more];
    return this.#controlPlane.kubectl(args, { input: JSON.stringify(object) });
  }

  /** Asks whether it could be made. */
  tryOut(object: unknown): Promise<string> {
    return this.create(object, "--dry-run=server");
  }

  /** Changes fields of the spec of an object. */
  patch(kind: string, name: string, spec: object): Promise<string> {
    const change = JSON.stringify({ spec });
    return this.#controlPlane.kubectl(["patch", kind, name, "--type=merge", "--patch", change]);
  }

  /** kubectl, for whatever else. */
  kubectl(args: readonly string[]): Promise<string> {
    return this.#controlPlane.kubectl([...args]);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#controlPlane.stop();
  }
}
