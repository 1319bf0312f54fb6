/**
 * Hands what happened to a ModelDeployment to the recorder of Events.
 */
import { RESOURCE } from "../api/kube-resources.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import type { EventIntent } from "../core/decision.ts";
import type { EventRecorder } from "../kube/events.ts";

/** What an Event needs to know of the ModelDeployment that it is about. */
export interface Regarding {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

/** Records an Event about a ModelDeployment. Never throws, never waits. */
export type EventSink = (regarding: Regarding, event: EventIntent) => void;

/** A sink that leads to a recorder. */
export function eventSink(recorder: EventRecorder): EventSink {
  return ({ metadata: { name, namespace, uid, resourceVersion } }, event) =>
    recorder.record(
      {
        apiVersion: API_GROUP_VERSION,
        kind: RESOURCE.modelDeployment.kind,
        metadata: { name, namespace, uid, resourceVersion },
      },
      event,
    );
}
