/**
 * What the main thread and the liveness thread share.
 */

/** What the thread is started with. */
export interface LivenessThreadData {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** One counter, which the main thread raises as long as its event loop turns. */
  readonly heartbeat: SharedArrayBuffer;
  /** How long the counter may stand still. */
  readonly maximumSilenceMilliseconds: number;
}

/** From the thread, once: the port, or why there is none. */
export type LivenessReply =
  | { readonly type: "Listening"; readonly port: number }
  | { readonly type: "Failed"; readonly message: string };
