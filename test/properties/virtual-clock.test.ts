/**
 * Whatever is waited for, the virtual clock runs it in the order of a real one: by time, and what was scheduled first
 * before what is due at the same time.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { promisesSettled, settle, VirtualClock } from "../memory-cluster/virtual-clock.ts";

/** When a timer is due, which timer (if any) it cancels, and whether it makes another one. */
const timers = fc.array(
  fc.record({
    delay: fc.integer({ min: 0, max: 20 }),
    cancels: fc.option(fc.nat(40)),
    followUp: fc.option(fc.integer({ min: 0, max: 5 })),
  }),
  { maxLength: 40 },
);

test("timers run at their time, in the order of scheduling, and not once they are cancelled", async () => {
  await fc.assert(
    fc.asyncProperty(timers, async (plan) => {
      const clock = new VirtualClock();
      const pending = new Map<number, { readonly at: number; readonly cancel: () => void }>();
      let count = 0;
      const schedule = (delay: number, whenDue: () => void) => {
        const id = count;
        count += 1;
        const cancel = clock.schedule(delay, () => {
          const first = [...pending].toSorted(([a, left], [b, right]) => left.at - right.at || a - b)[0];
          expect(id).toBe(first?.[0]);
          expect(clock.monotonic()).toBe(first?.[1].at);
          pending.delete(id);
          whenDue();
        });
        pending.set(id, { at: clock.monotonic() + delay, cancel });
      };
      for (const { delay, cancels, followUp } of plan) {
        schedule(delay, () => {
          pending.get(cancels ?? -1)?.cancel();
          pending.delete(cancels ?? -1);
          if (followUp !== null) schedule(followUp, () => {});
        });
      }
      await clock.advance(30);
      expect(pending.size).toBe(0);
      expect(clock.nextTimerAt()).toBeUndefined();
    }),
  );
});

test.each([settle, promisesSettled])(
  "what follows from a timer is done before the next one: %p",
  async (settled) => {
    const clock = new VirtualClock(undefined, settled);
    const seen: string[] = [];
    const slowly = async (name: string) => {
      for (let job = 0; job < 50; job++) await Promise.resolve();
      seen.push(name);
    };
    clock.schedule(1, () => void slowly("first"));
    clock.schedule(1, () => seen.push("second"));
    void slowly("before");
    await clock.advance(1);
    expect(seen).toEqual(["before", "first", "second"]);
  },
);
