/**
 * Events as a model server tells them, and their way to the sidecar.
 */
import { systemClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/log.ts";
import { TapSender } from "../../src/serve/tap-sender.ts";
import { emptyEvent, type TapEvent } from "../../src/tap/tap-event.ts";

const NOW_MILLISECONDS = Date.now();
const LOG = createLogger({ write: () => {}, now: Date.now });

export function settings(features: number, drift = true): string {
  return JSON.stringify({
    observe: {
      scores: { output: "score", probability: true },
      features: Array.from({ length: features }, (_, index) => ({
        name: `feature-${index}`,
        input: "features",
        column: index,
        minimum: 0,
      })),
      userHeader: "x-user-id",
    },
    ...(drift ? { drift: { reference: { values: 10_000 }, window: "10s" } } : {}),
  });
}

export const columnsOf = (features: number) => [
  "score",
  ...Array.from({ length: features }, (_, index) => `feature-${index}`),
];

/** Numbers from 0 to below 1 that look random and repeat in every run. */
export function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const random = uniform(1);

export function eventOf(features: number): TapEvent {
  const event = {
    ...emptyEvent(features + 1),
    arm: 0,
    status: 200,
    rows: 1,
    describedRows: 1,
    columns: features + 1,
  };
  event.hasUser = true;
  event.featureAgeSeconds = 5;
  return event;
}

export function fill(event: TapEvent): void {
  event.arm = random() < 0.1 ? 1 : 0;
  event.latencyMilliseconds = 1 + 5 * random();
  for (let index = 0; index < event.columns; index++) event.values[index] = random();
  const user = Math.floor(random() * 2 ** 24);
  event.userTag[0] = user & 255;
  event.userTag[1] = (user >> 8) & 255;
  event.userTag[2] = user >> 16;
}

export function senderTo(path: string, features: number): TapSender {
  const sender = new TapSender({
    path,
    model: "m",
    revision: "m-1",
    columns: columnsOf(features),
    clock: systemClock,
    log: LOG,
  });
  sender.start();
  return sender;
}

export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Sends so many events, none of which is dropped. */
export async function sendAll(sender: TapSender, event: TapEvent, count: number): Promise<void> {
  for (let sent = 0; sent < count; ) {
    for (; sent < count && sender.takesEvents; sent++) {
      fill(event);
      event.timeMilliseconds = NOW_MILLISECONDS;
      sender.send(event);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
