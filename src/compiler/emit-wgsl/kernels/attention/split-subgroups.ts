import type { AttentionSplitSubgroupsPlan } from '../../../plan/attention/kernel-plan.ts';
import { quads } from '../../../plan/extents.ts';
import { type KernelSource, u32c } from '../../kernel.ts';
import { enablesFor, rowLoader, rowsBinding } from '../../storage.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { attentionParts, memorySlot } from './attention.ts';
import { columnEntries, columnScale, columnsBindings, columnsFunctions } from './columns.ts';
import { attentionText, withAxes } from './doc.ts';
import { skipsFirstKeys } from './masks.ts';
import { partialBindings } from './partials.ts';
import {
  type ColumnAt,
  eachToken,
  logitsOf,
  oneToken,
  readScales,
  softmaxInMemory,
  softmaxInRegisters,
} from './split-weights.ts';

/** Lanes of a subgroup. */
const subgroup = 32;

/**
 * Attention for one token of each sequence, split over the keys (as in Flash-Decoding). Four query heads of a KV head are served
 * by one workgroup, so its keys and values come from memory once; lanes side by side read neighbouring entries of a row.
 */
export function attentionSplitSubgroups(plan: AttentionSplitSubgroupsPlan): KernelSource {
  const parts = attentionParts(plan);
  const isInt8 = plan.keys === 'int8';
  const hasMemory = plan.columns.memory > 0;
  const entries = entriesAs(plan);
  const tokens = plan.fewTokens ? eachToken : oneToken;
  const skips = skipsFirstKeys(plan.mask) && plan.mask.prefix === undefined;
  const columnAt: ColumnAt = (index) => (skips ? `column_of(${index}, hidden)` : index);
  const reads = (text: (n: number) => string) => repeat(plan.reads, text);
  const keyReads = (text: (n: number) => string) => repeat(plan.keyReads, text);
  const columnsAtOnce = plan.threads * Math.max(plan.keyReads / plan.keyLanes, plan.reads / plan.valueLanes);
  const ownColumns = Math.ceil(plan.columnsAtMost / plan.threads);
  const softmax = isInt8
    ? softmaxInRegisters(ownColumns, tokens.arguments)
    : softmaxInMemory(columnAt, tokens.arguments);
  const turns = isInt8 ? turnsAndLast : turnsAlike;
  const joins = [4, 8, 16].filter((apart) => apart >= plan.valueLanes);
  return {
    doc: [
      `Attention for ${plan.fewTokens ? 'few tokens, each by itself' : 'one token'}: ${attentionText(plan)}`,
      'A workgroup takes four query heads of one KV head over a part of the key columns and leaves, for each head, the maximum,',
      'the sum of exponentials and the unnormalised output; attention_combine joins the parts.',
    ].join('\n'),
    enables: [...entries.enables, 'subgroups'],
    constants: {
      ...parts.constants,
      THREADS: u32c(plan.threads),
      SUBGROUPS: u32c(plan.threads / subgroup),
      HEAD_BLOCKS: u32c(Math.ceil(plan.heads.queriesPerKv / 4), 'of four query heads of a KV head'),
      COLUMNS_AT_ONCE: u32c(columnsAtOnce, 'in a turn of reads'),
      KEY_LANES: u32c(plan.keyLanes, 'that share a key'),
      KEYS_AT_ONCE: u32c(plan.threads / plan.keyLanes),
      KEY_READS: u32c(plan.keyReads, 'that a lane has in flight'),
      VALUE_LANES: u32c(plan.valueLanes, 'that share a value'),
      VALUES_AT_ONCE: u32c(plan.threads / plan.valueLanes),
      READS: u32c(plan.reads, 'that a lane has in flight'),
    },
    bindings: withAxes(plan, [
      rowsBinding('q', plan.headDim, plan.queries),
      ...columnsBindings(plan),
      ...parts.logits.bindings,
      ...partialBindings('read_write'),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      rowLoader('q', plan.headDim, plan.queries),
      ...columnsFunctions(plan),
      ...parts.logits.functions,
      ...parts.groups.functions,
      columnEntries('keys', plan, plan.keyLanes, 'zero'),
      columnEntries('values', plan, plan.valueLanes, 'zero'),
      ...(hasMemory ? [memoryQuads('k', plan), memoryQuads('v', plan)] : []),
      ...(isInt8 ? [columnScale('keys', plan), columnScale('values', plan)] : []),
      queryPart(plan),
      entries.functions,
      headMatrices,
      columnOf,
      dealSums(plan.keyLanes),
      logitsOf(parts.plain, tokens),
    ],
    body: wgsl`
      let kv_head = group.x / HEAD_BLOCKS;
      let first_member = group.x % HEAD_BLOCKS * 4u;
      let part = group.y;
      ${tokens.place}
      let sequence = sequences[batch];

      // The part of the workgroup: columns from first to last, of those that are visible.
      ${skips ? columnsInReach(tokens.token) : `let columns = visible_columns(sequence, ${tokens.token});`}
      let part_columns = (columns + groups.y - 1u) / groups.y;
      let first = min(part * part_columns, columns);
      let count = min(part_columns, columns - first);
      let last = max(first + count, 1u) - 1u;
      ${softmax.extent}

      // Scores: lanes side by side share a key. What a lane has used it replaces by what comes READS turns later.
      let key_lane = lane % KEY_LANES;
      ${repeat(keyQuads(plan), (q) => `let query${q} = query_part(${tokens.index}, kv_head, first_member, ${keyQuads(plan)}u * key_lane + ${q}u);`)}
      ${isInt8 ? repeat(ownColumns, readScales(columnAt)) : ''}
      var key = lane / KEY_LANES;
      ${keyReads((n) => `var ${readKeys(columnAt, n)}`)}
      ${turns(
        'KEYS_AT_ONCE * KEY_READS',
        keyReads,
        (n) => multiplyKeys(n, plan),
        (n) => readKeys(columnAt, n, plan.keyReads),
      )}
      ${hasMemory ? multiplyMemoryKeys : ''}

      // The first values are on their way while scores become weights.
      let value_lane = lane % VALUE_LANES;
      key = lane / VALUE_LANES;
      ${reads((n) => `var ${readValues(columnAt, n)}`)}

      // Softmax over the columns of the part.
      workgroupBarrier();
      var maximum = vec4f(MASKED);
      ${softmax.maxima}
      maximum = subgroupMax(maximum);
      maxima[lane / 32u] = maximum;
      workgroupBarrier();
      for (var s = 0u; s < SUBGROUPS; s++) {
        maximum = max(maximum, maxima[s]);
      }
      var sum = vec4f(0);
      ${softmax.sums}
      sums[lane / 32u] = subgroupAdd(sum);
      workgroupBarrier();

      // Outputs of the four heads are the columns: the first and the last four entries of a lane's eight.
      var low = mat4x4f();
      var high = mat4x4f();
      ${turns('VALUES_AT_ONCE * READS', reads, multiplyValues, (n) => readValues(columnAt, n, plan.reads))}
      ${hasMemory ? multiplyMemoryValues : ''}

      // The sums of lanes that have other keys are joined, first within subgroups, then by way of the scratch.
      ${joins.map((apart) => `low = joined(low, ${apart}u);\nhigh = joined(high, ${apart}u);`).join('\n')}
      workgroupBarrier();
      if (lane % 32u < VALUE_LANES) {
        for (var h = 0u; h < 4u; h++) {
          let at = ((lane / 32u * 4u + h) * VALUE_LANES + lane % 32u) * 2u;
          scratch[at] = low[h];
          scratch[at + 1u] = high[h];
        }
      }
      workgroupBarrier();

      for (var index = lane; index < 4u * VALUE_QUADS; index += THREADS) {
        let h = index / VALUE_QUADS;
        if (first_member + h < QUERIES_PER_KV) {
          let quad = index % VALUE_QUADS;
          var output = vec4f(0);
          var total = 0.0;
          for (var s = 0u; s < SUBGROUPS; s++) {
            output += scratch[(s * 4u + h) * VALUE_LANES * 2u + quad];
            total += sums[s][h];
          }
          let partial = (${tokens.index} * Q_HEADS + query_head(kv_head, first_member + h)) * groups.y + part;
          partial_outputs[partial * VALUE_QUADS + quad] = output;
          if (quad == 0u) {
            partial_sums[partial] = vec2f(maximum[h], total);
          }
        }
      }`,
  };
}

/** Columns behind the prefix that a window hides are left out of the count. */
const columnsInReach = (token: string) => wgsl`
  let reached = visible_columns(sequence, ${token});
  let hidden = min(u32(max(first_key(sequence, ${token}), 0)), reached - PREFIX_COLUMNS);
  let columns = reached - hidden;`;

function queryPart(plan: AttentionSplitSubgroupsPlan): string {
  const whole = quads(plan.headDim) === keyQuads(plan) * plan.keyLanes;
  const beyond = wgsl`
    if (quad >= HEAD_QUADS) {
      return mat4x4f();
    }`;
  const query = (member: number) =>
    `load_q(token * Q_HEADS + query_head(kv_head, min(first_member + ${member}u, QUERIES_PER_KV - 1u)), quad),`;
  return wgsl`
    /** A quad of four queries as the columns of a matrix: a row vector times it is four dot products. */
    fn query_part(token: u32, kv_head: u32, first_member: u32, quad: u32) -> mat4x4f {
      ${whole ? '' : beyond}
      return mat4x4f(
        ${[0, 1, 2, 3].map(query).join('\n')}
      );
    }`;
}

/** `low_half` and `high_half`: the quads of what a lane has read. */
function entriesAs({
  keys,
  queries,
}: AttentionSplitSubgroupsPlan): Pick<KernelSource, 'enables'> & { readonly functions: string } {
  if (keys === 'f32') return { functions: floatsAsTheyAre, enables: enablesFor(queries) };
  return { functions: keys === 'int8' ? bytesAsFloats : halvesAsFloats, enables: ['f16'] };
}

const floatsAsTheyAre = wgsl`
  fn low_half(entries: mat2x4f) -> vec4f {
    return entries[0];
  }

  fn high_half(entries: mat2x4f) -> vec4f {
    return entries[1];
  }`;

const bytesAsFloats = wgsl`
  fn low_half(entries: vec2u) -> vec4f {
    return vec4f(signed_halves(entries.x));
  }

  fn high_half(entries: vec2u) -> vec4f {
    return vec4f(signed_halves(entries.y));
  }`;

const halvesAsFloats = wgsl`
  fn low_half(entries: vec4u) -> vec4f {
    return vec4f(bitcast<vec4h>(entries.xy));
  }

  fn high_half(entries: vec4u) -> vec4f {
    return vec4f(bitcast<vec4h>(entries.zw));
  }`;

type OfRead = (n: number) => string;

/** What a lane has used it replaces by what comes a turn of so many columns later; after the last one it repeats a column. */
type Turns = (columns: string, each: (text: OfRead) => string, use: OfRead, read: OfRead) => string;

const turnsAlike: Turns = (columns, each, use, read) => wgsl`
  for (; key < count; key += ${columns}) {
    ${each((n) => `${use(n)}\n${read(n)}`)}
  }`;

/** The last turn has nothing to read. Written apart it takes registers, which f16 does not have left. */
const turnsAndLast: Turns = (columns, each, use, read) => wgsl`
  for (var next = ${columns}; next < count; next += ${columns}) {
    ${each((n) => `${use(n)}\n${read(n)}`)}
    key += ${columns};
  }
  ${each(use)}`;

/** `ahead` turns from the present one. */
const readKeys = (columnAt: ColumnAt, n: number, ahead = 0) =>
  `keys${n} = keys_entries(batch, kv_head, ${columnAt(`min(first + key + ${n + ahead}u * KEYS_AT_ONCE, last)`)}, key_lane);`;

/** That a lane reads of a key at a time. */
const keyQuads = ({ loadEntries, keyEntries }: AttentionSplitSubgroupsPlan) => (keyEntries ?? loadEntries) / 4;

function multiplyKeys(n: number, plan: AttentionSplitSubgroupsPlan): string {
  const quadsRead =
    plan.keyEntries === 16
      ? [0, 1, 2, 3].map((q) => `vec4f(signed_halves(keys${n}[${q}]))`)
      : [`low_half(keys${n})`, `high_half(keys${n})`];
  const products = quadsRead.map((quad, q) => `${quad} * query${q}`).join(' + ');
  return `deal_sums(${products}, lane, key + ${n}u * KEYS_AT_ONCE);`;
}

const readValues = (columnAt: ColumnAt, n: number, ahead = 0) =>
  `values${n} = values_entries(batch, kv_head, ${columnAt(`min(first + key + ${n + ahead}u * VALUES_AT_ONCE, last)`)}, value_lane);`;

const multiplyValues = (n: number) => wgsl`
  low += products(low_half(values${n}), scratch[key + ${n}u * VALUES_AT_ONCE]);
  high += products(high_half(values${n}), scratch[key + ${n}u * VALUES_AT_ONCE]);`;

/** `fn memory_k_quad(kv_head, column, quad) -> vec4f`: zero beyond the width. */
function memoryQuads(name: 'k' | 'v', plan: AttentionSplitSubgroupsPlan): string {
  const [width, lanes] = name === 'k' ? [plan.headDim, plan.keyLanes] : [plan.valueDim, plan.valueLanes];
  const isNothing = [
    ...(quads(width) < 2 * lanes ? [`quad >= ${name === 'k' ? 'HEAD_QUADS' : 'VALUE_QUADS'}`] : []),
    ...(plan.columns.zero > 0 ? ['column < ZERO_COLUMNS'] : []),
  ].join(' || ');
  const nothing = wgsl`
    if (${isNothing}) {
      return vec4f(0);
    }`;
  return wgsl`
    /** A quad of a column of the prefix, as it is given. */
    fn memory_${name}_quad(kv_head: u32, column: u32, quad: u32) -> vec4f {
      ${isNothing === '' ? '' : nothing}
      return load_memory_${name}(${memorySlot(plan)}, quad);
    }`;
}

/** The lanes of a key are those that the loop before has given it: they replace what it left. */
const multiplyMemoryKeys = wgsl`
  // Columns of the prefix, which the loop took for zero: memory is f32.
  let prefix = min(count, max(first, PREFIX_COLUMNS) - first);
  for (key = lane / KEY_LANES; key < prefix; key += KEYS_AT_ONCE) {
    let low = memory_k_quad(kv_head, first + key, 2u * key_lane);
    let high = memory_k_quad(kv_head, first + key, 2u * key_lane + 1u);
    deal_sums(low * query0 + high * query1, lane, key);
  }`;

const multiplyMemoryValues = wgsl`
  for (key = lane / VALUE_LANES; key < prefix; key += VALUES_AT_ONCE) {
    low += products(memory_v_quad(kv_head, first + key, 2u * value_lane), scratch[key]);
    high += products(memory_v_quad(kv_head, first + key, 2u * value_lane + 1u), scratch[key]);
  }`;

const headMatrices = wgsl`
  /** Entries of a row times a number for each of four heads. */
  fn products(entries: vec4f, heads: vec4f) -> mat4x4f {
    return mat4x4f(entries * heads.x, entries * heads.y, entries * heads.z, entries * heads.w);
  }

  fn joined(outputs: mat4x4f, apart: u32) -> mat4x4f {
    return outputs + mat4x4f(
      subgroupShuffleXor(outputs[0], apart),
      subgroupShuffleXor(outputs[1], apart),
      subgroupShuffleXor(outputs[2], apart),
      subgroupShuffleXor(outputs[3], apart),
    );
  }`;

const columnOf = wgsl`
  /** The column that has the index, where those that the window hides are not counted: those of the prefix come before them. */
  fn column_of(index: u32, hidden: u32) -> u32 {
    return select(index + hidden, index, index < PREFIX_COLUMNS);
  }`;

function dealSums(keyLanes: number): string {
  const rest = [4, 8, 16].filter((apart) => apart < keyLanes);
  return wgsl`
    /** Sums over the lanes of a key. The first two steps halve what is left to add: each lane goes on with one head of four. */
    fn deal_sums(products: vec4f, lane: u32, key: u32) {
      let is_odd = lane % 2u == 1u;
      let pair = select(products.xy, products.zw, is_odd) + subgroupShuffleXor(select(products.zw, products.xy, is_odd), 1u);
      let is_odd_pair = lane / 2u % 2u == 1u;
      var sum = select(pair.x, pair.y, is_odd_pair) + subgroupShuffleXor(select(pair.y, pair.x, is_odd_pair), 2u);
      ${rest.map((apart) => `sum += subgroupShuffleXor(sum, ${apart}u);`).join('\n')}
      if (lane % KEY_LANES < 4u) {
        scratch[key][lane % 2u * 2u + lane / 2u % 2u] = sum;
      }
    }`;
}
