/**
 * The wire format of protocol buffers, as far as ONNX needs it: https://protobuf.dev/programming-guides/encoding. A message is a
 * list of fields, which are written in the order in which they are given.
 */
export type Field = readonly [number: number, value: FieldValue];
export type FieldValue = string | Uint8Array | bigint | Float | readonly Field[];

/** Written in four bytes; integers are bigints. */
export interface Float {
  readonly float: number;
}

const varintType = 0;
const bytesType = 2;
const fixed32Type = 5;

export function encodeMessage(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) parts.push(...encodeField(number, value));
  return joined(parts);
}

function encodeField(number: number, value: FieldValue): readonly Uint8Array[] {
  if (typeof value === 'bigint') return [tag(number, varintType), varint(value)];
  if (typeof value === 'object' && 'float' in value) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value.float, true);
    return [tag(number, fixed32Type), bytes];
  }
  const bytes =
    typeof value === 'string'
      ? new TextEncoder().encode(value)
      : value instanceof Uint8Array
        ? value
        : encodeMessage(value);
  return [tag(number, bytesType), varint(BigInt(bytes.byteLength)), bytes];
}

const tag = (number: number, type: number): Uint8Array => varint(BigInt(number * 8 + type));

/** Seven bits a byte, the lowest first; a negative number has the 64 bits of its two's complement. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
