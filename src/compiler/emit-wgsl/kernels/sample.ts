import type { LogitMaximaPlan, SamplePlan } from '../../plan/kernel-plan.ts';
import { foldOfLanes } from '../fold.ts';
import { floats, type KernelSource, samplingBinding, sequencesBinding, stepBinding, u32c, words } from '../kernel.ts';
import { keyOf } from '../ordered-key.ts';
import { wgsl } from '../wgsl.ts';

/**
 * One workgroup per sequence. The k-th largest logit and the edge of the nucleus are found bit by bit on an order-preserving
 * integer form of the logits, so nothing is sorted; entries that tie with the edge are all kept.
 */
export function sample(plan: SamplePlan): KernelSource {
  return {
    doc: [
      'Next token of each sequence: the largest logit (temperature 0), or a draw from softmax(logits / temperature) restricted to',
      'the top_k largest and then to the smallest set of probability top_p.',
    ].join('\n'),
    enables: [],
    constants: {
      VOCAB: u32c(plan.vocab),
      THREADS: u32c(plan.threads),
      BLOCK: u32c(Math.ceil(plan.vocab / plan.threads)),
      PARTS: u32c(plan.parts),
    },
    bindings: [
      floats('logits'),
      floats('maxima'),
      words('places'),
      words('tokens', 'read_write'),
      samplingBinding,
      sequencesBinding,
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      lowestFloat,
      rowOfLogits,
      keyOf,
      weightOf,
      foldOfLanes('max_of_lanes', plan, 'max'),
      foldOfLanes('sum_of_lanes', plan, 'sum'),
      counting,
      random,
    ],
    body: wgsl`
      let first = row_of_logits(group.x) * VOCAB;

      var largest = LOWEST;
      for (var part = group.x * PARTS + lane; part < (group.x + 1u) * PARTS; part += THREADS) {
        largest = max(largest, maxima[part]);
      }
      let maximum = max_of_lanes(lane, largest);
      if (sampling.temperature == 0.0) {
        var lowest = VOCAB - 1u;
        for (var part = group.x * PARTS + lane; part < (group.x + 1u) * PARTS; part += THREADS) {
          if (maxima[part] == maximum) {
            lowest = min(lowest, places[part]);
          }
        }
        // Token ids are below 2^24, so f32 holds them exactly.
        let token = -max_of_lanes(lane, -f32(lowest));
        if (lane == 0u) {
          tokens[group.x] = u32(token);
        }
        return;
      }

      var edge = 0u;
      if (sampling.top_k > 0u && sampling.top_k < VOCAB) {
        for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
          if (count_from(lane, first, edge | bit) >= sampling.top_k) {
            edge |= bit;
          }
        }
      }
      if (sampling.top_p < 1.0) {
        let wanted = sampling.top_p * mass_from(lane, first, edge, maximum);
        var nucleus = 0u;
        for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
          if (mass_from(lane, first, max(edge, nucleus | bit), maximum) >= wanted) {
            nucleus |= bit;
          }
        }
        edge = max(edge, nucleus);
      }

      // Each lane owns a block of ids; the draw falls into one block, and there on one id.
      let block_start = min(lane * BLOCK, VOCAB);
      let block_end = min(block_start + BLOCK, VOCAB);
      var mass = 0.0;
      for (var id = block_start; id < block_end; id++) {
        mass += weight_of(first + id, edge, maximum);
      }
      workgroupBarrier();
      lanes[lane] = mass;
      workgroupBarrier();
      var before = 0.0;
      var total = 0.0;
      var last_block = 0u;
      for (var other = 0u; other < THREADS; other++) {
        before += select(0.0, lanes[other], other < lane);
        total += lanes[other];
        last_block = select(last_block, other, lanes[other] > 0.0);
      }
      let draw = uniform_draw(group.x) * total;
      let is_mine = draw >= before && (draw < before + mass || lane == last_block);
      if (mass > 0.0 && is_mine) {
        var reached = before;
        var chosen = block_start;
        for (var id = block_start; id < block_end; id++) {
          let weight = weight_of(first + id, edge, maximum);
          if (weight > 0.0 && reached <= draw) {
            chosen = id;
          }
          reached += weight;
        }
        tokens[group.x] = chosen;
      }`,
  };
}

/** The largest logit of each part of the vocabulary, and its first place there: many workgroups read it faster than the one that draws. */
export function logitMaxima(plan: LogitMaximaPlan): KernelSource {
  return {
    doc: `maxima[sequence, part] and places[sequence, part]: the largest of ${plan.partSize} logits, and the first id that has it.`,
    enables: [],
    constants: { VOCAB: u32c(plan.vocab), PART: u32c(plan.partSize), THREADS: u32c(plan.threads) },
    bindings: [
      floats('logits'),
      floats('maxima', 'read_write'),
      words('places', 'read_write'),
      sequencesBinding,
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [lowestFloat, rowOfLogits, foldOfLanes('max_of_lanes', plan, 'max')],
    body: wgsl`
      let first = row_of_logits(group.y) * VOCAB;
      let end = min((group.x + 1u) * PART, VOCAB);
      var largest = LOWEST;
      var place = end - 1u;
      for (var id = group.x * PART + lane; id < end; id += THREADS) {
        if (logits[first + id] > largest) {
          largest = logits[first + id];
          place = id;
        }
      }
      let maximum = max_of_lanes(lane, largest);
      // Token ids are below 2^24, so f32 holds them exactly.
      let lowest = -max_of_lanes(lane, select(-f32(end - 1u), -f32(place), largest == maximum));
      if (lane == 0u) {
        maxima[group.y * groups.x + group.x] = maximum;
        places[group.y * groups.x + group.x] = u32(lowest);
      }`,
  };
}

const lowestFloat = 'const LOWEST: f32 = -3.4028234e38;';

/** Where the logits of a sequence's last token are: when those of all tokens were asked for, among the others. */
const rowOfLogits = wgsl`
  fn row_of_logits(sequence: u32) -> u32 {
    if (step.logits_all == 1u) {
      return sequence * step.tokens + sequences[sequence].count - 1u;
    }
    return sequence;
  }`;

/** What an entry weighs in the draw; nothing below the edge. */
const weightOf = wgsl`
  fn weight_of(index: u32, edge: u32, maximum: f32) -> f32 {
    let logit = logits[index];
    return select(0.0, exp((logit - maximum) / sampling.temperature), key_of(logit) >= edge);
  }`;

const counting = wgsl`
  fn count_from(lane: u32, first: u32, edge: u32) -> u32 {
    var count = 0u;
    for (var id = lane; id < VOCAB; id += THREADS) {
      count += u32(key_of(logits[first + id]) >= edge);
    }
    return u32(sum_of_lanes(lane, f32(count)));
  }

  fn mass_from(lane: u32, first: u32, edge: u32, maximum: f32) -> f32 {
    var mass = 0.0;
    for (var id = lane; id < VOCAB; id += THREADS) {
      mass += weight_of(first + id, edge, maximum);
    }
    return sum_of_lanes(lane, mass);
  }`;

/** PCG hash (Jarzynski & Olano 2020) of seed, draw number and sequence; 24 bits make a uniform number in [0, 1). */
const random = wgsl`
  fn pcg(value: u32) -> u32 {
    let state = value * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
  }

  fn uniform_draw(sequence: u32) -> f32 {
    let hash = pcg(pcg(pcg(sampling.seed) ^ sampling.draw) ^ sequence);
    return f32(hash >> 8u) / 16777216.0;
  }`;
