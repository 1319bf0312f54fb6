/**
 * What model server and sidecar of a pod are told to look at, as the file that both read.
 */
import type { ObserveSpec, ResponseSpec } from "../../api/observe.ts";

/** What is observed of the requests of a deployment. */
export interface ObservedRequests {
  readonly response?: ResponseSpec | undefined;
  readonly observe: ObserveSpec;
  /** Header that names the user; absent where none does. */
  readonly userHeader?: string | undefined;
}

/** The file, in JSON. `referencePath` is where the sidecar sees the reference for drift, if it is a file. */
export function sidecarSettings(
  { response, observe, userHeader }: ObservedRequests,
  referencePath: string,
): string {
  const { features, featureTime, drift } = observe;
  return JSON.stringify({
    observe: {
      ...(response === undefined ? {} : { scores: scoresOf(response) }),
      ...(features === undefined ? {} : { features: features.map(featureOf) }),
      ...(userHeader === undefined ? {} : { userHeader }),
      ...(featureTime === undefined ? {} : { featureTime: featureTimeOf(featureTime) }),
    },
    ...(drift === undefined ? {} : { drift: driftOf(drift, referencePath) }),
  });
}

function scoresOf({ scores, column, probability }: ResponseSpec) {
  return { output: scores, column, probability };
}

function featureOf({ name, input, column, minimum, maximum }: NonNullable<ObserveSpec["features"]>[number]) {
  return { name, input, column, minimum: numberOf(minimum), maximum: numberOf(maximum) };
}

function featureTimeOf({ header, input, column }: NonNullable<ObserveSpec["featureTime"]>) {
  return { header, input, column };
}

function driftOf(
  { reference, window, minimumValues, falseAlarmEvery }: NonNullable<ObserveSpec["drift"]>,
  referencePath: string,
) {
  const values = reference.firstValues?.count;
  return {
    reference: values === undefined ? { file: referencePath } : { values },
    window,
    minimumValues,
    falseAlarmEvery,
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
