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

test("a request of an earlier version, which tells no delay of its rows, has displayed them at once", () => {
  const request: LabelledRequest = {
    token: Buffer.alloc(42, 7),
    ...{ excluded: false, final: true, shown: [2, 0], shownDelaySeconds: 99 },
    events: [{ label: 1, row: 2, position: 1, delaySeconds: 5, value: 1, idHash: undefined }],
  };
  const bytes = Buffer.from(encodeRequest(request));
  const delayAt = 4 + 42 + 2 * 2;
  const earlier = Buffer.concat([bytes.subarray(0, delayAt), bytes.subarray(delayAt + 4)]);
  // Its flags had the lower two bits alone.
  earlier[0] = (earlier[0] ?? 0) & 0b11;
  expect(plain(decodeRequest(earlier))).toEqual(plain({ ...request, shownDelaySeconds: 0 }));
});
