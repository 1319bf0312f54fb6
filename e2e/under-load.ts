/**
 * A model that is asked for predictions at a constant rate while something happens to the cluster.
 */
import { inferenceBody } from "./example-models.ts";
import { type Probe, type ProbeOptions, type ProbeReport, sendRequest, startProbe } from "./probe.ts";
import type { Scenario } from "./scenario.ts";

/** Requests a second, unless a scenario says otherwise. */
export const USUAL_RATE_PER_SECOND = 50;
/**
 * How long a request is waited for where none may be lost: long enough for a router that a busy machine does not let run
 * for seconds. What a router itself gives up comes back as an answer before.
 */
const PATIENCE_MILLISECONDS = 15_000;
/** For scenarios in which requests are lost with what carried them: when such a one is given up. */
export const REQUEST_TIMEOUT_MILLISECONDS = 5_000;

/**
 * Probes a model of a scenario until `happening` has ended, well or not, and gives the whole report. It begins with the
 * first answer: the rules of a node learn of a new Service, and of its endpoints, some time after the model is ready.
 */
export async function underLoad(
  scenario: Scenario,
  model: string,
  happening: (probe: Probe) => Promise<void>,
  { url, ...more }: Partial<ProbeOptions> = {},
): Promise<ProbeReport> {
  const options = {
    url: `${url ?? (await scenario.url(model))}/v2/models/${model}/infer`,
    body: inferenceBody(),
    ratePerSecond: USUAL_RATE_PER_SECOND,
    timeoutMilliseconds: PATIENCE_MILLISECONDS,
    ...more,
  };
  const isAnswered = () => sendRequest(options).then(() => "answered", String);
  await scenario.until("the first answer", isAnswered, (outcome) => outcome === "answered");
  const probe = startProbe(options);
  try {
    await happening(probe);
  } finally {
    await probe.stop();
  }
  return probe.report();
}
