import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeRequest, encodeRequest, type LabelledRequest } from "./labelled-request.ts";

const whole = (max: number) => fc.integer({ min: 0, max });
const requests: fc.Arbitrary<LabelledRequest> = fc.record({
  token: fc.uint8Array({ minLength: 42, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  excluded: fc.boolean(),
  final: fc.boolean(),
  shown: fc.array(whole(65_534), { minLength: 1, maxLength: 20 }),
  shownDelaySeconds: whole(2 ** 32 - 1),
  events: fc.array(
    fc.record({
      label: whole(65_535),
      row: fc.option(whole(65_534), { nil: undefined }),
      position: fc.option(whole(65_534), { nil: undefined }),
      delaySeconds: whole(2 ** 32 - 1),
      value: fc.double({ noNaN: true }),
      idHash: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }),
    }),
    { maxLength: 10 },
  ),
});

function plain({ token, events, ...others }: LabelledRequest): object {
  return {
    ...others,
    token: [...token],
    events: events.map(({ idHash, ...event }) => ({ ...event, idHash: idHash && [...idHash] })),
  };
}

test("a request is read as it was stored", () => {
  fc.assert(
    fc.property(requests, (request) => {
      expect(plain(decodeRequest(encodeRequest(request)))).toEqual(plain(request));
    }),
  );
});

/** As a version before the delay wrote it: flags of two bits, and nothing behind the events. */
function asEarlier(stored: Uint8Array): Buffer {
  const bytes = Buffer.from(stored.subarray(0, stored.length - 4));
  bytes[0] = (bytes[0] ?? 0) & 0b11;
  return bytes;
}

test("a request of an earlier version, which tells no delay of its rows, has displayed them at once", () => {
  fc.assert(
    fc.property(requests, (request) => {
      const earlier = decodeRequest(asEarlier(encodeRequest(request)));
      expect(plain(earlier)).toEqual(plain({ ...request, shownDelaySeconds: 0 }));
    }),
  );
});

test("the bytes of an earlier version are the beginning of today's, so that it reads them after a return to it", () => {
  const request: LabelledRequest = {
    token: Buffer.alloc(42, 7),
    ...{ excluded: false, final: true, shown: [2, 0], shownDelaySeconds: 99 },
    events: [{ label: 1, row: 2, position: 1, delaySeconds: 5, value: 1, idHash: undefined }],
  };
  const token = "07".repeat(42);
  const event = "0100" + "0200" + "0100" + "05000000" + "000000000000f03f" + "00";
  expect(asEarlier(encodeRequest(request)).toString("hex")).toBe(`022a0200${token}020000000100${event}`);
  expect(asEarlier(encodeRequest(request)).length).toBe(encodeRequest(request).length - 4);
});
