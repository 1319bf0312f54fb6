/**
 * PoolLoss: no try gets to the target. Each is answered at once with 503, or UNAVAILABLE, as where a Service has no server.
 *
 * The checks of its servers' health go on to pass, which is harder than a pool that is gone: failing requests alone tell.
 */
import { FAULT_FLAG } from "../render/envoy/drill.ts";
import { expectOnly, type Fault } from "./fault.ts";

const UNAVAILABLE = 503;

/** The fault. */
export const poolLoss: Fault = {
  description: "is answered with 503 at once",
  plan(settings) {
    expectOnly(settings);
    return { status: UNAVAILABLE };
  },
  isMet: ({ faultFlag }) => faultFlag === FAULT_FLAG.aborted,
};
