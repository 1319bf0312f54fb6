/** Hang: the target takes every try and answers none. Only the time of a try ends it. */
import { formatDuration } from "../api/duration.ts";
import { MAXIMUM_FAULT_MILLISECONDS } from "../api/planned-drill.ts";
import { expectOnly, type Fault } from "./fault.ts";

/** A router answers so when the time of a request is over. */
const GATEWAY_TIMEOUT = 504;

/** The fault. */
export const hang: Fault = {
  description: "is never answered",
  plan(settings) {
    expectOnly(settings);
    return { delay: formatDuration(MAXIMUM_FAULT_MILLISECONDS) };
  },
  isMet: ({ status, faultFlag }) =>
    faultFlag === undefined && (status === undefined || status === GATEWAY_TIMEOUT),
};
