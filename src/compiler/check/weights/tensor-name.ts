/** A tensor name of the checkpoint with the layer left open: literal text, where `{e}` stays as it is, and a·i + b in between. */
export interface TensorName {
  readonly parts: readonly (string | { readonly factor: number; readonly offset: number })[];
  readonly rows?: readonly [start: number, end: number];
}

/** Reads `attn_layers.layers.{2*i+1}.proj.weight[0:576]`. Gives the problem as a sentence when it cannot be read. */
export function parseTensorName(text: string): TensorName | { readonly problem: string } {
  const range = /\[(\d{1,9}):(\d{1,9})\]$/.exec(text);
  const body = range === null ? text : text.slice(0, range.index);
  const parts: TensorName['parts'][number][] = [];
  for (const piece of body.split(/(\{[^{}]*\})/)) {
    const layer = /^\{(?:(\d{1,6})\*)?i(?:\+(\d{1,6}))?\}$/.exec(piece);
    if (layer !== null) parts.push({ factor: Number(layer[1] ?? 1), offset: Number(layer[2] ?? 0) });
    else if (piece !== '{e}' && /[{}]/.test(piece))
      return { problem: 'the braces of a tensor name hold something else than the layer or `e`' };
    else if (piece !== '') parts.push(piece);
  }
  if (parts.length === 0) return { problem: 'the name of a tensor is empty' };
  if (range === null) return { parts };
  const rows = [Number(range[1]), Number(range[2])] as const;
  return rows[0] < rows[1] ? { parts, rows } : { problem: `the range ${range[0]} has no rows` };
}

export function isPerLayer({ parts }: TensorName): boolean {
  return parts.some((part) => typeof part !== 'string');
}

/** The tensor of a layer. */
export function tensorAt({ parts }: TensorName, layer: number): string {
  return parts.map((part) => (typeof part === 'string' ? part : String(part.factor * layer + part.offset))).join('');
}
