import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { Admission } from "./admission.ts";

test("refuses one request too many, and lets the next in when one has left", () => {
  const admission = new Admission({ maximumRequests: 2, maximumBytes: 100 });
  const first = admission.enter(0);
  admission.enter(0);
  expect(() => admission.enter(0)).toThrow(expect.objectContaining({ reason: "Overloaded" }));
  first.leave();
  first.leave();
  expect(admission.requests).toBe(1);
  admission.enter(0);
  expect(() => admission.enter(0)).toThrow(/2 requests are under way/);
});

test("refuses bytes beyond the bound, at the start and as they come", () => {
  const admission = new Admission({ maximumRequests: 9, maximumBytes: 100 });
  const first = admission.enter(60);
  expect(() => admission.enter(41)).toThrow(expect.objectContaining({ reason: "Overloaded" }));
  expect(admission.requests).toBe(1);
  first.grow(40);
  expect(() => first.grow(1)).toThrow(/requests of 100 bytes are under way/);
  first.leave();
  admission.enter(100);
});

test("never holds more than its bounds, and nothing once all have left", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 });
  fc.assert(
    fc.property(sizes, (list) => {
      const admission = new Admission({ maximumRequests: 5, maximumBytes: 100 });
      const tickets = list.flatMap((size) => {
        try {
          return [{ size, ticket: admission.enter(size) }];
        } catch {
          return [];
        }
      });
      expect(tickets.length).toBeLessThanOrEqual(5);
      expect(tickets.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(100);
      for (const { ticket } of tickets) {
        ticket.leave();
      }
      expect(admission.requests).toBe(0);
      admission.enter(100);
    }),
  );
});
