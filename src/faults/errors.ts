/**
 * Errors: the target answers every try with a status of choice, over gRPC with UNAVAILABLE.
 *
 * 500 and 429 are not retried, and nothing is ejected for them: such a drill shows what clients then see.
 */
import { FAULT_FLAG } from "../render/envoy/drill.ts";
import { expectOnly, type Fault, FaultSettingsError } from "./fault.ts";

/** The fault. */
export const errors: Fault = {
  description: "is answered with an error",
  plan(settings) {
    expectOnly(settings, "status");
    const { status = Number.NaN } = settings;
    if (Number.isInteger(status) && status >= 400 && status <= 599) return { status };
    throw new FaultSettingsError(`expected a status from 400 to 599, found ${settings.status}`);
  },
  isMet: ({ faultFlag }) => faultFlag === FAULT_FLAG.aborted,
};
