/**
 * How the operator reaches the collector of a namespace: where it answers, and what opens it. What opens it is read from its
 * Secret for each reading, by its name, and kept nowhere. Only a collector of the same namespace is ever asked.
 */
import type { KubePort } from "../kube/port.ts";
import { COLLECTOR_KEY, COLLECTOR_NAME, COLLECTOR_PORT, collectorHost } from "../render/collector-names.ts";
import { GateAnswerError } from "./ask-gate.ts";
import { collectorSecret, secretText } from "./collector-secret.ts";

/** What opens it. Rejects where there is nothing of ours: what is somebody else's is not sent to the collector. */
export async function collectorToken(port: Pick<KubePort, "get">, namespace: string): Promise<string> {
  const secret = await collectorSecret(port, namespace);
  const [token = ""] = secretText(secret, COLLECTOR_KEY.accessTokens).split("\n");
  // A header takes no other characters.
  if (/^[\x21-\x7e]{1,256}$/.test(token)) return token;
  throw new GateAnswerError(`expected the Secret ${COLLECTOR_NAME} with what opens the collector`);
}

/** The address of its Service. */
export function collectorAddress(namespace: string): string {
  return `http://${collectorHost(namespace)}:${COLLECTOR_PORT.internal}`;
}

/** Does work that ends with an error of this message when it takes longer. */
export async function within<Result>(
  milliseconds: number,
  message: string,
  signal: AbortSignal,
  work: (limited: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const timeout = AbortSignal.timeout(milliseconds);
  try {
    return await work(AbortSignal.any([signal, timeout]));
  } catch (error) {
    if (!timeout.aborted || signal.aborted || error instanceof GateAnswerError) throw error;
    throw new GateAnswerError(message);
  }
}
