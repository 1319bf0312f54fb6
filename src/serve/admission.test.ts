import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { Admission } from "./admission.ts";

test("refuses one request too many, and lets the next in when one has left", () => {
  const admission = new Admission({ maximumRequests: 2, maximumBytes: 100, maximumAnswerBytes: 50 });
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
  const admission = new Admission({ maximumRequests: 9, maximumBytes: 100, maximumAnswerBytes: 50 });
  const first = admission.enter(60);
  expect(() => admission.enter(41)).toThrow(expect.objectContaining({ reason: "Overloaded" }));
  expect(admission.requests).toBe(1);
  first.grow(40);
  expect(() => first.grow(1)).toThrow(/requests of 100 bytes are under way/);
  first.leave();
  admission.enter(100);
});

test("holds an answer in place of the body until it is sent, and bounds all together", () => {
  const admission = new Admission({ maximumRequests: 9, maximumBytes: 100, maximumAnswerBytes: 50 });
  const [first, second, third] = [admission.enter(100), admission.enter(0), admission.enter(0)];
  // A single one may be larger than the bound, or it could never be sent.
  first.answer(60);
  const body = admission.enter(100);
  expect(() => second.answer(1)).toThrow(/answers of 60 bytes are on their way/);
  expect(() => second.answer(1)).toThrow(expect.objectContaining({ reason: "Overloaded" }));
  first.leave();
  second.answer(30);
  third.answer(20);
  expect(() => body.answer(1)).toThrow(/answers of 50 bytes/);
  second.leave();
  body.answer(30);
});

test("tells of a request that it refuses, at the start or as its body comes, and not of an answer", () => {
  const refused: string[] = [];
  const admission = new Admission({ maximumRequests: 2, maximumBytes: 10, maximumAnswerBytes: 10 });
  const enter = (name: string, sizeBytes: number) => admission.enter(sizeBytes, () => refused.push(name));
  expect(() => enter("large", 11)).toThrow();
  const [first, second] = [enter("first", 10), enter("second", 0)];
  expect(() => enter("third", 0)).toThrow();
  expect(() => admission.enter(0)).toThrow();
  expect(() => second.grow(1)).toThrow();
  first.answer(10);
  expect(() => second.answer(1)).toThrow();
  expect(refused).toEqual(["large", "third", "second"]);
});

test("takes nothing more for a request that has left", () => {
  const admission = new Admission({ maximumRequests: 9, maximumBytes: 100, maximumAnswerBytes: 50 });
  const gone = admission.enter(10);
  gone.leave();
  gone.grow(100);
  gone.answer(50);
  admission.enter(100).answer(1);
  admission.enter(100).answer(49);
});

test("never holds more than its bounds, and nothing once all have left", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 });
  fc.assert(
    fc.property(sizes, (list) => {
      const admission = new Admission({ maximumRequests: 5, maximumBytes: 100, maximumAnswerBytes: 50 });
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
