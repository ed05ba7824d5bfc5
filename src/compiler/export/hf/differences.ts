import type { AttentionShape, LayerShape, ShapedSpec } from '../../check/shaped-spec.ts';

/** Differences in a message: more say no more. */
const most = 12;

/** Where two models compute something else, as `attention.scale: 0.125, theirs 0.1`; layers that differ alike are said once. */
export function differences(ours: ShapedSpec, theirs: ShapedSpec): readonly string[] {
  const found = new Set<string>();
  compare('model', ours.model, theirs.model, found);
  compare('layers', ours.layers.map(used), theirs.layers.map(used), found);
  return [...found].slice(0, most);
}

/** How caches are stored is not a model's: no config says it. */
function withoutStorage({ cacheDtype, cacheLayout, latent, ...attention }: AttentionShape): unknown {
  if (latent === undefined) return attention;
  const { cache, ...rows } = latent;
  return { ...attention, latent: rows };
}

/** Without what layers with experts do not use. */
function used({ attention: whole, mlp }: LayerShape): unknown {
  const attention = withoutStorage(whole);
  if (mlp?.experts === undefined) return { attention, mlp };
  const { width, biases, ...rest } = mlp;
  return { attention, mlp: rest };
}

function compare(path: string, ours: unknown, theirs: unknown, found: Set<string>): void {
  if (found.size >= most || ours === theirs) return;
  if (!isRecord(ours) || !isRecord(theirs)) {
    found.add(`${path}: ${shown(ours)}, theirs ${shown(theirs)}`);
    return;
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    // Layers are not numbered: what differs in all of them is one difference.
    const inner = /^\d+$/.test(key) ? path : `${path}.${key}`;
    compare(inner.replace('layers.', ''), ours[key], theirs[key], found);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function shown(value: unknown): string {
  if (value === undefined) return 'none';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
