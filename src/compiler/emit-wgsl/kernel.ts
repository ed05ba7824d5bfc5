import type { WorkgroupArray } from '../plan/plan-base.ts';
import { usedFragments } from './used-fragments.ts';
import { f32, wgsl } from './wgsl.ts';

/** A kernel as data: everything that has a count or a size is listed, only bodies are text. */
export interface KernelSource {
  /** First lines of the kernel: what it computes, in terms of its constants. */
  readonly doc: string;
  readonly enables: readonly Enable[];
  readonly constants: Readonly<Record<string, Constant>>;
  readonly bindings: readonly Binding[];
  readonly workgroupArrays: readonly WorkgroupArray[];
  readonly workgroupSize: number;
  readonly functions: readonly string[];
  readonly body: string;
}

/** WGSL extensions, by the name that `enable` takes. */
export type Enable = 'f16' | 'subgroups' | 'chromium_experimental_subgroup_matrix';

export type Constant = ({ readonly u32: number } | { readonly f32: number }) & Noted;

interface Noted {
  /** What the name does not say; printed behind it. */
  readonly note?: string | undefined;
}

export interface Binding extends Noted {
  readonly name: string;
  readonly access: 'read' | 'read_write' | 'uniform';
  /** WGSL store type, such as `array<vec4f>`. */
  readonly type: string;
}

export interface WgslModule {
  readonly code: string;
  /** In binding order. */
  readonly bindings: readonly Binding[];
  readonly enables: readonly Enable[];
}

export const u32c = (value: number, note?: string): Constant => ({ u32: value, note });
export const f32c = (value: number, note?: string): Constant => ({ f32: value, note });

/** A storage buffer of elements of a WGSL type. */
export const buffer = (name: string, element: string, access: 'read' | 'read_write' = 'read'): Binding => ({
  name,
  access,
  type: `array<${element}>`,
});

/** Numbers that are accessed one by one. */
export const floats = (name: string, access?: 'read' | 'read_write'): Binding => buffer(name, 'f32', access);

/** Integers, or entries of less than four bytes that are read word by word. */
export const words = (name: string, access?: 'read' | 'read_write'): Binding => buffer(name, 'u32', access);

/**
 * What every call shares: sequences, new tokens of each (the longest), keys after this call (the longest), capacity of the
 * cache in tokens, and whether logits of every token are asked for (1) or of the last of each sequence (0).
 */
export const stepBinding: Binding = { name: 'step', access: 'uniform', type: 'Step' };
/** For each sequence: tokens already in the cache, new tokens of this call, and keys that all queries see. Uniform, as storage bindings are scarce. */
export const sequencesBinding: Binding = { name: 'sequences', access: 'uniform', type: 'array<Sequence, 256>' };

/** How the next token is drawn; `draw` counts the draws of a session, so that a seed gives one text. */
export const samplingBinding: Binding = { name: 'sampling', access: 'uniform', type: 'Sampling' };

const structs: Readonly<Record<string, string>> = {
  Step: wgsl`
    struct Step {
      batch: u32, // sequences
      tokens: u32, // new ones of the longest
      keys: u32, // of the longest, after this call
      capacity: u32, // tokens of a cache
      logits_all: u32, // 1: of every token
    }`,
  Sampling: wgsl`
    struct Sampling {
      temperature: f32,
      top_p: f32,
      top_k: u32,
      seed: u32,
      draw: u32,
    }`,
  Sequence: wgsl`
    struct Sequence {
      past: u32, // tokens in the cache
      count: u32, // new tokens
      @size(8) prefix: u32, // keys that all queries see
    }`,
};

/**
 * Prints a kernel. Bindings keep the order of the list: that order is the bind group's. What two parts of a kernel both need
 * is listed by each, and printed once; constants and functions that nothing needs are not printed.
 */
export function printKernel(source: KernelSource): WgslModule {
  const bindings = [...new Map(source.bindings.map((binding) => [binding.name, binding])).values()];
  const kernel = { ...source, bindings };
  const main = printMain(kernel);
  const { used, words } = usedFragments(source.functions, `${kernel.doc}\n${main}`);
  const sections = [
    kernel.doc.replace(/^/gm, '// '),
    [...kernel.enables.map((name) => `enable ${name};`), ...kernel.enables.flatMap(diagnosticsOf)].join('\n'),
    Object.entries(kernel.constants)
      .filter(([name]) => words.has(name))
      .map(printConstant)
      .join('\n'),
    Object.entries(structs)
      .filter(([name]) => kernel.bindings.some((binding) => binding.type.includes(name)))
      .map(([, text]) => text)
      .join('\n\n'),
    kernel.bindings.map(printBinding).join('\n'),
    kernel.workgroupArrays
      .map(({ name, element, length }) => `var<workgroup> ${name}: array<${element}, ${length}>;`)
      .join('\n'),
    ...used,
    main,
  ];
  return {
    code: `${sections
      .filter((section) => section !== '')
      .join('\n\n')
      .replaceAll(/\n{3,}/g, '\n\n')}\n`,
    bindings: kernel.bindings,
    enables: kernel.enables,
  };
}

/** Matrices and shuffles are used where a whole subgroup agrees, which the uniformity analysis cannot see: it knows workgroups only. */
function diagnosticsOf(name: Enable): readonly string[] {
  if (name === 'subgroups') return ['diagnostic(off, subgroup_uniformity);'];
  if (name === 'chromium_experimental_subgroup_matrix')
    return ['diagnostic(off, chromium.subgroup_matrix_uniformity);'];
  return [];
}

function printConstant([name, constant]: [string, Constant]): string {
  const declaration = 'u32' in constant ? `${name} = ${constant.u32}u` : `${name}: f32 = ${f32(constant.f32)}`;
  return `const ${declaration};${noteText(constant)}`;
}

const noteText = ({ note }: Noted) => (note === undefined ? '' : ` // ${note}`);

function printBinding({ name, access, type, note }: Binding, index: number): string {
  const space = access === 'uniform' ? 'uniform' : `storage, ${access}`;
  return `@group(0) @binding(${index}) var<${space}> ${name}: ${type};${noteText({ note })}`;
}

function printMain({ body, workgroupSize }: KernelSource): string {
  const parameters = [
    ['group', '@builtin(workgroup_id) group: vec3u'],
    ['groups', '@builtin(num_workgroups) groups: vec3u'],
    ['lane', '@builtin(local_invocation_index) lane: u32'],
  ].filter(([name]) => new RegExp(`\\b${name}\\b`).test(body));
  return wgsl`
    @compute @workgroup_size(${workgroupSize})
    fn main(${parameters.map(([, text]) => text).join(', ')}) {
      ${body}
    }`;
}
