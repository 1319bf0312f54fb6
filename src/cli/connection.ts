/**
 * The cluster that a verb talks to: kubectl's own flags, kubeconfig and context, with the rights of that person.
 */
import type { Command } from "commander";
import { type Clock, systemClock } from "../core/clock.ts";
import { errorMessage } from "../core/log.ts";
import { type Endpoint, loadEndpoint } from "../kube/endpoint.ts";
import type { KubePort } from "../kube/port.ts";
import { createTransport } from "../kube/transport.ts";
import { CommandError, EXIT } from "./exit-code.ts";

/** Which cluster and namespace. */
export interface ConnectionOptions {
  readonly namespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** A cluster that can be talked to. */
export interface Connection {
  readonly port: KubePort;
  readonly clock: Clock;
  /** The named one, or that of the context. */
  readonly namespace: string;
}

/** Adds the options of {@link ConnectionOptions} to a verb. */
export function withConnection(command: Command): Command {
  return command
    .option("-n, --namespace <namespace>", "its namespace; that of the context unless given")
    .option("--kubeconfig <path>", "kubeconfig to use")
    .option("--context <name>", "context of the kubeconfig to use");
}

/** Does something with a connection, and closes it. */
export async function connected<T>(
  options: ConnectionOptions,
  action: (connection: Connection) => Promise<T>,
): Promise<T> {
  const endpoint = await endpointOf(options);
  const port = createTransport({ endpoint, clock: systemClock, userAgent: "petrel-cli" });
  try {
    const namespace = options.namespace ?? endpoint.namespace ?? "default";
    return await action({ port, clock: systemClock, namespace });
  } finally {
    port.close();
  }
}

async function endpointOf({ kubeconfig, context }: ConnectionOptions): Promise<Endpoint> {
  try {
    return await loadEndpoint({
      clock: systemClock,
      environment: process.env,
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    });
  } catch (error) {
    throw new CommandError(EXIT.cluster, errorMessage(error));
  }
}
