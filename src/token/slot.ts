/**
 * Slots: the minutes in which requests are counted. A slot is the smallest stretch of time that a lost piece of the
 * access log takes out of the evidence, in all arms.
 *
 * The minute is the one of the clock that the router stamps on the request, whatever other clocks say, and a token
 * carries its low 16 bits: 45 days, which its own seconds make whole again.
 */

/** Length of a slot. */
export const SLOT_SECONDS = 60;
/** Values of the slot in a token. */
export const TOKEN_SLOTS = 65_536;
/**
 * Longer than a key takes to get to a pod that comes up before it. Such a pod's answers are not counted until then, so what
 * tells who comes to which arm begins so long after the first ones.
 */
export const KEY_DELAY_SLOTS = 6;

/** The slot of a moment, in minutes since the Unix epoch. */
export function slotOf(seconds: number): number {
  return Math.floor(seconds / SLOT_SECONDS);
}

/** What a token says of a slot. */
export function tokenSlot(slot: number): number {
  return slot % TOKEN_SLOTS;
}

/** The whole slot of a token: the one nearest to its seconds. */
export function absoluteSlot(slotInToken: number, seconds: number): number {
  const near = slotOf(seconds);
  const ahead = (slotInToken - tokenSlot(near) + TOKEN_SLOTS) % TOKEN_SLOTS;
  const offset = ahead < TOKEN_SLOTS / 2 ? ahead : ahead - TOKEN_SLOTS;
  return Math.max(0, near + offset);
}
