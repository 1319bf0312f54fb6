import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { absoluteSlot, SLOT_SECONDS, slotOf, TOKEN_SLOTS, tokenSlot } from "./slot.ts";

test("the slot of a token is whole again, whatever clock its seconds are from", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3_000_000, max: 4_000_000_000 }),
      fc.integer({ min: -86_400, max: 86_400 }),
      (seconds, skew) => {
        const slot = slotOf(seconds);
        expect(absoluteSlot(tokenSlot(slot), seconds + skew)).toBe(slot);
      },
    ),
  );
});

test("a token of the first minutes has no slot before them", () => {
  expect(absoluteSlot(TOKEN_SLOTS - 1, SLOT_SECONDS)).toBe(0);
});
