/** As much of ONNX's protobuf as a chain of attention nodes takes: fields by number, as onnx.proto numbers them. */
type Field = readonly [number: number, value: number | bigint | string | Uint8Array];

const message = (...fields: readonly Field[]): Uint8Array => joined(fields.map(field));

function field([number, value]: Field): Uint8Array {
  if (typeof value === 'number' || typeof value === 'bigint') return joined([varint(number * 8), varint(value)]);
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return joined([varint(number * 8 + 2), varint(bytes.byteLength), bytes]);
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low + 128 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

const float16 = 10;
const int32 = 6;

const tensorInfo = (name: string, type: number, shape: readonly number[]) =>
  message(
    [1, name],
    [2, message([1, message([1, type], [2, joined(shape.map((extent) => field([1, message([1, extent])])))])])],
  );

const integer = (name: string, value: number) => message([1, name], [3, value], [20, 2]);

export interface AttentionGraph {
  readonly qHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly tokens: number;
  /** Keys in the cache before the call. */
  readonly past: number;
  /** Nodes, each of which takes the one before as its query. */
  readonly chain: number;
}

/** `com.microsoft.GroupQueryAttention`, several times: what one costs is the difference between chains. */
export function attentionGraph({ qHeads, kvHeads, headDim, tokens, past, chain }: AttentionGraph): Uint8Array {
  const kvWidth = kvHeads * headDim;
  const cache = [1, kvHeads, past, headDim];
  const nodes = Array.from({ length: chain }, (_, n) =>
    message(
      ...['query', 'key', 'value', 'past_key', 'past_value', 'seqlens_k', 'total_sequence_length'].map(
        (name): Field => [1, name === 'query' && n > 0 ? `out${n - 1}` : name],
      ),
      ...['out', 'present_key', 'present_value'].map((name): Field => [2, `${name}${n}`]),
      [3, `attention${n}`],
      [4, 'GroupQueryAttention'],
      [5, integer('num_heads', qHeads)],
      [5, integer('kv_num_heads', kvHeads)],
      [7, 'com.microsoft'],
    ),
  );
  const inputs = [
    tensorInfo('query', float16, [1, tokens, qHeads * headDim]),
    tensorInfo('key', float16, [1, tokens, kvWidth]),
    tensorInfo('value', float16, [1, tokens, kvWidth]),
    tensorInfo('past_key', float16, cache),
    tensorInfo('past_value', float16, cache),
    tensorInfo('seqlens_k', int32, [1]),
    tensorInfo('total_sequence_length', int32, [1]),
  ];
  const graph = message(
    ...nodes.map((node): Field => [1, node]),
    [2, 'attention'],
    ...inputs.map((input): Field => [11, input]),
    [12, tensorInfo(`out${chain - 1}`, float16, [1, tokens, qHeads * headDim])],
  );
  return message([1, 8], [7, graph], [8, message([1, ''], [2, 17])], [8, message([1, 'com.microsoft'], [2, 1])]);
}
