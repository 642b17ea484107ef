import { assert, assertEquals, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { answerBindingRequest, decodeBindingResponse, encodeBindingRequest, encodeBindingSuccess } from "./binding.ts";
import { decodeMappedAddress } from "./mapped_address.ts";
import { decodeStun, encodeStun, isStun, STUN_ATTRIBUTE, STUN_TYPE } from "./message.ts";

const ID = fromHex("b7e7a701 bc34d686 fa87dfae");
const HEAD = "2112a442 b7e7a701 bc34d686 fa87dfae";

/** RFC 5769 §2.1. */
const REQUEST = fromHex(`
  00010058 ${HEAD} 80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff 80290008 932ff9b1 51263b36
  00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`);
/** RFC 5769 §2.2. */
const IPV4_RESPONSE = fromHex(`
  0101003c ${HEAD} 8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
  00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`);
/** RFC 5769 §2.3. */
const IPV6_RESPONSE = fromHex(`
  01010048 ${HEAD} 8022000b 74657374 20766563 746f7220 00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
  00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c`);

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.replace(/\s/g, "").match(/../g)!, (byte) => parseInt(byte, 16));
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("decodeStun() reads the sample request (RFC 5769 §2.1)", () => {
  const request = decodeStun(REQUEST)!;
  assertEquals(request.type, STUN_TYPE.BINDING_REQUEST);
  assertEquals(request.transactionId, ID);
  assertEquals(request.hasFingerprint, true);
  assertEquals(request.attributes.map(({ type }) => type), [0x8022, 0x0024, 0x8029, 0x0006, 0x0008]);
  assertEquals(text(request.attributes[0]!.value), "STUN test client");
  assertEquals(text(request.attributes[3]!.value), "evtj:h6vY");
});

Deno.test("decodeBindingResponse() reads the sample responses (RFC 5769 §2.2, §2.3)", () => {
  assertEquals(decodeBindingResponse(IPV4_RESPONSE), {
    transactionId: ID,
    mappedAddress: { address: "192.0.2.1", port: 32853 },
    errorCode: 0,
  });
  assertEquals(decodeBindingResponse(IPV6_RESPONSE), {
    transactionId: ID,
    mappedAddress: { address: "2001:db8:1234:5678:11:2233:4455:6677", port: 32853 },
    errorCode: 0,
  });
});

Deno.test("encodeStun() writes the sample responses again, but for padding (RFC 5769 §2.2, RFC 8489 §14)", () => {
  for (const sample of [IPV4_RESPONSE, IPV6_RESPONSE]) {
    const again = encodeStun(decodeStun(sample)!);
    assertEquals(again.subarray(0, 35), sample.subarray(0, 35));
    assertEquals([sample[35], again[35]], [0x20, 0]); // "its padding is arbitrary"; the checksum differs with it
    assertEquals(again.subarray(36, -4), sample.subarray(36, -4));
    assertEquals(decodeStun(again)?.hasFingerprint, true);
  }
});

Deno.test("decodeStun() refuses a wrong FINGERPRINT and one that is not last (RFC 8489 §14.7)", () => {
  for (let index = 0; index < REQUEST.length; index++) {
    const changed = REQUEST.slice();
    changed[index]! ^= 0x10;
    assertEquals(decodeStun(changed)?.hasFingerprint ?? false, false, `byte ${index}`);
  }
  const early = encodeStun({
    ...decodeStun(REQUEST)!,
    attributes: [{ type: STUN_ATTRIBUTE.FINGERPRINT, value: REQUEST.slice(-4) }, { type: 0x8022, value: ID }],
    hasFingerprint: false,
  });
  assertEquals(decodeStun(early), undefined);
});

Deno.test("answerBindingRequest() tells the sender's address (RFC 8489 §12)", () => {
  for (
    const source of [{ address: "192.0.2.1", port: 40001 }, { address: "2001:db8::1", port: 5060 }]
  ) {
    const answer = answerBindingRequest(encodeBindingRequest(ID, { software: "phone" }), source, "proxy")!;
    assertEquals(decodeBindingResponse(answer), { transactionId: ID, mappedAddress: source, errorCode: 0 });
    const { attributes, hasFingerprint } = decodeStun(answer)!;
    assertEquals(hasFingerprint, false);
    assertEquals(attributes.map(({ type }) => type), [STUN_ATTRIBUTE.XOR_MAPPED_ADDRESS, STUN_ATTRIBUTE.SOFTWARE]);
    assertEquals(text(attributes[1]!.value), "proxy");
  }
  const request = encodeBindingRequest(ID, { hasFingerprint: true });
  assertEquals(decodeStun(answerBindingRequest(request, { address: "192.0.2.1", port: 1 })!)?.hasFingerprint, true);
});

Deno.test("answerBindingRequest() names what it had to understand and did not (RFC 8489 §6.3.1)", () => {
  const answer = answerBindingRequest(REQUEST, { address: "192.0.2.1", port: 1 })!; // PRIORITY belongs to ICE
  assertEquals(decodeBindingResponse(answer), { transactionId: ID, mappedAddress: undefined, errorCode: 420 });
  const unknown = decodeStun(answer)!.attributes.find(({ type }) => type === STUN_ATTRIBUTE.UNKNOWN_ATTRIBUTES);
  assertEquals(unknown?.value, Uint8Array.of(0x00, 0x24));
});

Deno.test("answerBindingRequest() is silent about anything else", () => {
  const source = { address: "192.0.2.1", port: 1 };
  const indication = encodeBindingRequest(ID);
  indication[1] = 0x11;
  for (const datagram of [indication, IPV4_RESPONSE, encodeBindingRequest(ID).subarray(0, 19), new Uint8Array(0)]) {
    assertEquals(answerBindingRequest(datagram, source), undefined);
  }
});

Deno.test("decodeBindingResponse() takes MAPPED-ADDRESS where XOR-MAPPED-ADDRESS is missing (RFC 8489 §12.1)", () => {
  const value = Uint8Array.of(0, 1, 0x13, 0xc4, 192, 0, 2, 7);
  const attributes = [{ type: STUN_ATTRIBUTE.MAPPED_ADDRESS, value }];
  const bytes = encodeStun({ type: STUN_TYPE.BINDING_SUCCESS, transactionId: ID, attributes, hasFingerprint: false });
  assertEquals(decodeBindingResponse(bytes)?.mappedAddress, { address: "192.0.2.7", port: 5060 });
  for (const wrong of [value.subarray(0, 3), value.subarray(0, 7), Uint8Array.of(0, 3, 0, 1, 1, 2, 3, 4)]) {
    assertEquals(decodeMappedAddress(wrong), undefined);
  }
});

Deno.test("isStun() tells STUN from SIP, RTP and keepalives (RFC 5626 §8)", () => {
  assert(isStun(REQUEST) && isStun(IPV6_RESPONSE));
  const others = [
    new TextEncoder().encode("OPTIONS sip:a SIP/2.0\r\n\r\n"),
    new TextEncoder().encode("\r\n\r\n"),
    new Uint8Array(20),
    REQUEST.subarray(0, -4),
    Uint8Array.of(0x80, ...REQUEST.subarray(1)),
    new Uint8Array(0),
  ];
  for (const other of others) assertEquals(isStun(other), false);
});

Deno.test("encodeStun() refuses a transaction ID that has not 12 bytes", () => {
  assertThrows(() => encodeBindingRequest(new Uint8Array(16)), RangeError, "of 16 bytes");
});

Deno.test("decoding takes any bytes, and what is decoded was encoded", () => {
  const header = fc.uint8Array({ minLength: 4, maxLength: 80 }).map((rest) => {
    const length = rest.length & ~3;
    return Uint8Array.of(0, 1, 0, length, ...fromHex(HEAD), ...rest.subarray(0, length));
  });
  fc.assert(fc.property(fc.oneof(header, fc.uint8Array({ maxLength: 60 })), (bytes) => {
    decodeBindingResponse(bytes);
    answerBindingRequest(bytes, { address: "192.0.2.1", port: 1 });
    const message = decodeStun(bytes);
    if (message !== undefined) assertEquals(decodeStun(encodeStun(message)), message);
  }));
  const port = fc.nat({ max: 65535 });
  const octets = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(fc.property(fc.ipV4(), port, octets, (address, port, id) => {
    assertEquals(decodeBindingResponse(encodeBindingSuccess(id, { address, port }))?.mappedAddress, { address, port });
  }));
});
