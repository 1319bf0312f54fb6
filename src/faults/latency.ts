/** Latency: every try of the target waits before it gets there. One that waits longer than a try may take is tried elsewhere. */
import { parseDurationMilliseconds } from "../api/duration.ts";
import { MAXIMUM_FAULT_MILLISECONDS } from "../api/planned-drill.ts";
import { FAULT_FLAG } from "../render/envoy/drill.ts";
import { expectOnly, type Fault, FaultSettingsError } from "./fault.ts";

/** The fault. */
export const latency: Fault = {
  description: "waits before it gets to a server",
  plan(settings) {
    expectOnly(settings, "delay");
    const { delay } = settings;
    if (delay === undefined) throw new FaultSettingsError("expected a delay, found none");
    const milliseconds = parseDurationMilliseconds(delay);
    if (milliseconds >= 1 && milliseconds <= MAXIMUM_FAULT_MILLISECONDS) return { delay };
    throw new FaultSettingsError(`expected a delay from 1ms to 1h, found ${delay}`);
  },
  isMet: ({ faultFlag }) => faultFlag === FAULT_FLAG.delayed,
};
