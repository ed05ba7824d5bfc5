import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import type { ImportNote, SpecDraft } from '../../src/compiler/import/draft.ts';
import { isObject } from '../../src/compiler/import/fields.ts';
import { importConfig } from '../../src/compiler/import/import-config.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';
import type { SafetensorsFile } from '../../src/runtime/abi1/safetensors.ts';
import type { CaseFolder } from './cases.ts';
import { checkpointOf, openTensors, readValues, swapHeadsAndTokens, type Values } from './tensors.ts';

export type Storage = 'f32' | 'f16';

/** What a case asks of a module, in the module's own layouts. */
export type Job =
  | { readonly kind: 'model'; readonly ids: readonly (readonly number[])[] }
  | {
      readonly kind: 'block';
      readonly x: Values;
      /** `[B, X, width]`. */
      readonly context?: Values;
      /** `[B, J]` of 0 and 1, over the context if there is one. */
      readonly keyMask?: Values;
      readonly bias?: Values;
    }
  | {
      readonly kind: 'heads';
      readonly q: Values;
      readonly k: Values;
      readonly v: Values;
      /** `[1|B, 1|H, I, J]`. */
      readonly bias?: Values;
    };

/** Inputs of an attention module by tensor name. */
export function inputsOf(job: Exclude<Job, { kind: 'model' }>): Readonly<Record<string, Values>> {
  const bias = job.bias && { bias: job.bias };
  if (job.kind === 'heads') return { q: job.q, k: job.k, v: job.v, ...bias };
  const context = job.context && { context: job.context };
  return { hidden_in: job.x, ...context, ...(job.keyMask && { key_mask: job.keyMask }), ...bias };
}

export interface PreparedCase {
  readonly shaped: ShapedSpec;
  /** Spec as YAML, as the front end saw it. */
  readonly spec: string;
  readonly storage: Storage;
  /** Absent when the module has no weights. */
  readonly checkpoint: SafetensorsFile | undefined;
  readonly job: Job;
  /** `[B, I, vocab]` logits, `[B, I, hidden]` of a block, or `[B, I, H, Dv]` of given heads. */
  readonly expected: Values;
  /** The first row of the ids and its greedy continuation. */
  readonly greedy: readonly number[] | undefined;
}

/** The case asks for something that a spec cannot say yet. */
export class Unsupported extends Error {}

/** Import → YAML text → the ordinary front end. @throws Unsupported, or any other error when the case should have worked. */
export async function prepareCase(found: CaseFolder, storage: Storage): Promise<PreparedCase> {
  if (found.problem !== undefined) throw new Error(found.problem);
  const tensors = await openTensors(join(found.folder, 'tensors.safetensors'));
  refuseInputs(tensors);
  const config = await readConfigOf(found);
  const spec = importSpec(config, found, storage, await publishedNames(found));
  const checkpoint = await openCheckpoint(found, tensors);
  const source = { path: `${found.name}.gqa.yaml`, text: spec };
  const { shaped, diagnostics } = checkSpec(
    source,
    checkpoint ? { checkpoint: { path: checkpoint.name, tensors: checkpoint.tensors } } : {},
  );
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (shaped === undefined || errors.length > 0) {
    throw new Error(`refused: ${errors.map(({ code, message }) => `${code} ${message}`).join('; ')}`);
  }
  return { shaped, spec, storage, checkpoint, ...(await readJob(tensors)) };
}

/** Inputs of the reference that a module takes, or that only its gradients need. */
const knownInputs = new Set(
  ['x', 'ids', 'q', 'k', 'v', 'bias', 'attn_bias', 'mask', 'context', 'context_mask', 'grad_o', 'grad_y'].map(
    (name) => `in.${name}`,
  ),
);

function refuseInputs(tensors: SafetensorsFile): void {
  const others = [...tensors.tensors.keys()].filter((name) => name.startsWith('in.') && !knownInputs.has(name));
  if (others.length > 0) throw new Unsupported(`a module cannot be given ${others.join(', ')} yet`);
}

/** The config in the source system's own words. */
export async function readConfigOf({ family, folder, json }: CaseFolder): Promise<Readonly<Record<string, unknown>>> {
  if (family !== 'minimind' && family !== 'hf-model') return json;
  const config: unknown = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  return isObject(config) ? config : {};
}

function importSpec(
  config: unknown,
  found: CaseFolder,
  storage: Storage,
  tensors: ReadonlySet<string> | undefined,
): string {
  const { spec, notes, comments } = importConfig(config, undefined, {
    name: found.name,
    ...(tensors && { tensors }),
  });
  const errors = notes.filter(({ severity }) => severity === 'error');
  if (errors.some(({ code }) => code === 'IMP006')) throw new Unsupported(`no importer for ${found.family} yet`);
  if (errors.some(({ code }) => code === 'IMP007')) throw new Unsupported(listed(errors));
  if (errors.some(({ code }) => code === 'IMP001' || code === 'IMP005')) throw new Error(listed(errors));
  if (errors.length > 0 || spec === undefined) throw new Unsupported(listed(errors));
  return printYaml(store(spec, storage), { comments });
}

/** Of a whole model: its weights lie beside its config as they would be published. */
async function publishedNames({ family, folder }: CaseFolder): Promise<ReadonlySet<string> | undefined> {
  if (family !== 'hf-model') return undefined;
  const { tensors } = await openTensors(join(folder, 'model.safetensors'));
  return new Set(tensors.keys());
}

const listed = (notes: readonly ImportNote[]) => notes.map(({ code, message }) => `${code} ${message}`).join('; ');

/** The draft with weights and cache stored as asked. */
function store(spec: SpecDraft, storage: Storage): SpecDraft {
  const attention = isObject(spec.attention) ? spec.attention : {};
  const weights = isObject(spec.weights) ? spec.weights : {};
  return {
    ...spec,
    attention: {
      ...attention,
      cache: { dtype: storage },
      // What is given to attention alone, and what it gives.
      ...(spec.model === undefined && attention.hidden === undefined && { precision: { activations: storage } }),
    },
    weights: { dtype: storage, ...weights },
  };
}

async function openCheckpoint(found: CaseFolder, tensors: SafetensorsFile): Promise<SafetensorsFile | undefined> {
  const own = await checkpointOf(tensors, 'w.');
  if (own !== undefined || tensors.tensors.has('in.q')) return own;
  return openTensors(join(found.folder, 'model.safetensors'));
}

async function readJob(tensors: SafetensorsFile): Promise<Pick<PreparedCase, 'job' | 'expected' | 'greedy'>> {
  const read = (name: string) => readValues(tensors, name);
  if (tensors.tensors.has('in.q')) {
    const heads = async (name: string) => swapHeadsAndTokens(await read(name));
    const [q, k, v] = await Promise.all([heads('in.q'), heads('in.k'), heads('in.v')]);
    const bias = await readBias(tensors, 'in.bias');
    return { job: { kind: 'heads', q, k, v, ...bias }, expected: await heads('out.o'), greedy: undefined };
  }
  if (tensors.tensors.has('in.x')) {
    const job = {
      kind: 'block',
      x: await read('in.x'),
      ...(tensors.tensors.has('in.context') && { context: await read('in.context') }),
      ...(await readKeyMask(tensors)),
      ...(await readBias(tensors, 'in.attn_bias')),
    } as const;
    return { job, expected: await read('out.y'), greedy: undefined };
  }
  const { data, shape } = await read('in.ids');
  const length = shape[1] ?? 0;
  const ids = Array.from({ length: shape[0] ?? 0 }, (_, b) => [...data.subarray(b * length, (b + 1) * length)]);
  const greedy = tensors.tensors.has('out.greedy') ? [...(await tensors.readFloat32('out.greedy'))] : undefined;
  return { job: { kind: 'model', ids }, expected: await read(resultOf(tensors)), greedy };
}

/** Logits; of a model without a head, its last hidden state. */
function resultOf(tensors: SafetensorsFile): string {
  const names = ['out.logits', 'out.y'];
  const hidden = [...tensors.tensors.keys()]
    .filter((name) => /^out\.hidden\.\d+$/.test(name))
    .sort((a, b) => Number(b.slice('out.hidden.'.length)) - Number(a.slice('out.hidden.'.length)));
  return [...names, ...hidden].find((name) => tensors.tensors.has(name)) ?? 'out.logits';
}

async function readBias(tensors: SafetensorsFile, name: string): Promise<{ readonly bias?: Values }> {
  if (!tensors.tensors.has(name)) return {};
  const { data, shape } = await readValues(tensors, name);
  return { bias: { data, shape: [...new Array<number>(4 - shape.length).fill(1), ...shape] } };
}

async function readKeyMask(tensors: SafetensorsFile): Promise<{ readonly keyMask?: Values }> {
  const name = ['in.context_mask', 'in.mask'].find((key) => tensors.tensors.has(key));
  return name === undefined ? {} : { keyMask: await readValues(tensors, name) };
}
