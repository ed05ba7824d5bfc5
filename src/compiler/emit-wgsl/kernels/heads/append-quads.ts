import type { AppendQuadsPlan } from '../../../plan/heads/kernel-plan.ts';
import { cacheRows } from '../../cache-rows.ts';
import { type KernelSource, sequencesBinding, stepBinding, u32c } from '../../kernel.ts';
import { enablesFor, storer, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { rotationParts } from './head-rotation.ts';

/** One invocation for each quad of a token's queries, keys and values; the grid is tokens × as many workgroups as these take. */
export function appendQuads(plan: AppendQuadsPlan): KernelSource {
  const { kvHeads, headDim, cache, threads } = plan;
  const queries = plan.queryHeads === undefined ? noQueries : ownQueries(plan, plan.queryHeads);
  const values = plan.valuesInKeys ? noValues : ownValues(plan);
  const keys = rotationParts('k', plan.rotation);
  const rows = cacheRows(plan.cacheLayout);
  return {
    doc: `Writes new keys, rotated where they are to be${values.doc}, where cache_row says.${queries.doc}`,
    enables: enablesFor(cache, plan.y),
    constants: {
      KV_HEADS: u32c(kvHeads),
      HEAD_QUADS: u32c(headDim / 4),
      KEYS_OF_ROW: u32c((kvHeads * headDim) / 4, 'quads of the keys of a token'),
      ...values.constants,
      ...queries.constants,
      ...rows.constants,
      ...keys.constants,
    },
    bindings: [
      ...queries.bindings,
      vectorBinding('k', 'f32'),
      ...values.given,
      ...keys.bindings,
      ...rows.bindings,
      vectorBinding('k_cache', cache, 'read_write'),
      ...values.cached,
      sequencesBinding,
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: threads,
    functions: [
      ...queries.functions,
      ...rows.functions,
      ...keys.functions,
      storer('k_cache', cache),
      ...values.functions,
    ],
    body: wgsl`
      let row = group.x;
      let batch = row / step.tokens;
      let sequence = sequences[batch];
      let position = sequence.past + row % step.tokens;
      var quad = group.y * ${threads}u + lane;
      ${queries.make}
      if (row % step.tokens >= sequence.count) {
        return;
      }
      if (quad < KEYS_OF_ROW) {
        let head = quad / HEAD_QUADS;
        let key = rotated_k(row * KEYS_OF_ROW + quad, head, quad % HEAD_QUADS, position);
        store_k_cache(cache_row(batch, head, position) * HEAD_QUADS + quad % HEAD_QUADS, key);
        return;
      }
      ${values.write}`,
  };
}

/** The first entries of the keys are the values. */
const noValues = {
  doc: ' into rows of the cache',
  constants: {},
  given: [],
  cached: [],
  functions: [],
  write: '',
} as const;

function ownValues({ kvHeads, valueDim, cache }: AppendQuadsPlan) {
  return {
    doc: ', and values into rows of the caches',
    constants: { VALUE_QUADS: u32c(valueDim / 4), VALUES_OF_ROW: u32c((kvHeads * valueDim) / 4) },
    given: [vectorBinding('v', 'f32')],
    cached: [vectorBinding('v_cache', cache, 'read_write')],
    functions: [storer('v_cache', cache)],
    write: wgsl`
      quad -= KEYS_OF_ROW;
      if (quad < VALUES_OF_ROW) {
        let value = v[row * VALUES_OF_ROW + quad];
        store_v_cache(cache_row(batch, quad / VALUE_QUADS, position) * VALUE_QUADS + quad % VALUE_QUADS, value);
      }`,
  };
}

const noQueries = { doc: '', constants: {}, bindings: [], functions: [], make: '' } as const;

function ownQueries({ headDim, rotation, y }: AppendQuadsPlan, heads: number) {
  const { bindings, functions } = rotationParts('x', rotation);
  return {
    doc: '\ny = x as keys are made, head by head.',
    constants: { QUERIES_OF_ROW: u32c((heads * headDim) / 4) },
    bindings: [vectorBinding('x', 'f32'), ...bindings, vectorBinding('y', y, 'read_write')],
    functions: [...functions, storer('y', y)],
    make: wgsl`
      if (quad < QUERIES_OF_ROW) {
        let index = row * QUERIES_OF_ROW + quad;
        store_y(index, rotated_x(index, quad / HEAD_QUADS, quad % HEAD_QUADS, position));
        return;
      }
      quad -= QUERIES_OF_ROW;`,
  };
}
