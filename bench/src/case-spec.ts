import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { AttnModule } from '../../src/compiler/ir/nodes.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { singleNode } from '../../src/tune/single-node.ts';
import type { AttentionCase } from './reference.ts';

/** The case as a module of its attention alone. */
export function moduleOf(one: AttentionCase): { readonly shaped: ShapedSpec; readonly module: AttnModule } {
  const { shaped, diagnostics } = checkSpec({ path: 'bench.yaml', text: specOf(one) });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const module = lower(shaped);
  if (one.cache === undefined) return { shaped, module };
  // Caches belong to modules with projections, which are left out here.
  const attention = module.nodes.find(({ op }) => op === 'attention');
  if (attention === undefined) throw new Error(`${one.name} has no attention`);
  return { shaped, module: singleNode(module, attention) };
}

function specOf(one: AttentionCase): string {
  const lines = [
    'gqac: 1',
    'name: bench',
    'attention:',
    `  q_heads: ${one.qHeads}`,
    ...headLines(one),
    `  mask: { causal: true${one.window === undefined ? '' : `, window: ${one.window}${one.memory ? ', memory: always' : ''}`} }`,
    ...(one.memory ? [`  memory_kv: { slots: ${one.memory} }`] : []),
    ...(one.sinks ? ['  sinks: true'] : []),
    ...(one.softcap === undefined ? [] : [`  softcap: ${one.softcap}`]),
    ...precisionLines(one),
  ];
  return `${lines.join('\n')}\n`;
}

function headLines({ cache, kvHeads, headDim, keyDtype = 'f16' }: AttentionCase): readonly string[] {
  const heads = [`  kv_heads: ${kvHeads}`, `  head_dim: ${headDim}`];
  switch (cache?.kind) {
    case undefined:
      return [...heads, `  cache: { dtype: ${keyDtype} }`];
    case 'int8':
      return [...heads, '  hidden: 64', '  cache: { dtype: int8 }'];
    case 'latent': {
      const { valueDim: rank, ownDim } = cache;
      return [
        '  hidden: 64',
        `  mla: { kv_rank: ${rank}, rope_dim: ${headDim - rank}, nope_dim: ${ownDim}, value_dim: 128, cache: latent }`,
        '  cache: { dtype: f16 }',
      ];
    }
  }
}

function precisionLines({ activations, compute }: AttentionCase): readonly string[] {
  const entries = Object.entries({ activations, compute }).filter(([, value]) => value !== undefined);
  return entries.length === 0
    ? []
    : [`  precision: { ${entries.map(([name, value]) => `${name}: ${value}`).join(', ')} }`];
}
