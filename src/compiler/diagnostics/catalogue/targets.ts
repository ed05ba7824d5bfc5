import { alternatives, attention, count, entry } from '../entry.ts';

/** Not an interface: the types of the catalogue, which are exported, spell it out. */
type Budget = {
  /** A kernel or a tensor. */
  readonly what: string;
  /** Others that go too far for the same reason, less far. */
  readonly more: number;
  readonly targets: readonly string[];
  readonly need: number;
  readonly limit: number;
  /** The written option that it grows with most. */
  readonly option?: string | undefined;
  readonly context?: { readonly is: number; readonly fits: number };
};

const seenOnWeb = 'tensorflow/tfjs#5494, ekzhang/jax-js#42';

export const targetRules = {
  TGT001: entry({
    slug: 'workgroup-memory-exceeded',
    severity: 'error',
    message: (a: Budget) =>
      `kernel \`${a.what}\`${others(a, 'kernel')} needs ${number(a.need)} bytes of workgroup memory, ${targetsHave(a)} ${number(a.limit)}`,
    help: (a) => wayOut(a),
    why: 'The invocations of a workgroup share a memory of fixed size, 16 KiB where nothing more is promised; a kernel that declares more is refused when its pipeline is made. Checked with `--target` only.',
    issue: seenOnWeb,
    failing: {
      spec: attention('hidden: 64', 'q_heads: 1', 'head_dim: 4096', 'qk_norm: { kind: rms }'),
      target: 'baseline',
    },
    mended: {
      spec: attention('hidden: 64', 'q_heads: 16', 'head_dim: 256', 'qk_norm: { kind: rms }'),
      target: 'baseline',
    },
  }),
  TGT002: entry({
    slug: 'invocations-exceeded',
    severity: 'error',
    message: (a: Budget) =>
      `kernel \`${a.what}\`${others(a, 'kernel')} runs ${number(a.need)} invocations side by side, ${targetsHave(a)} at most ${number(a.limit)}`,
    help: (a) => wayOut(a),
    why: 'A workgroup has at most so many invocations: 256 where nothing more is promised, fewer on some phones. Checked with `--target` only.',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64'), target: { maxComputeInvocationsPerWorkgroup: 64 } },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64'), target: { maxComputeInvocationsPerWorkgroup: 128 } },
  }),
  TGT003: entry({
    slug: 'storage-buffers-exceeded',
    severity: 'error',
    message: (a: Budget) =>
      `kernel \`${a.what}\`${others(a, 'kernel')} needs ${number(a.need)} storage buffers, ${targetsHave(a)} ${number(a.limit)}`,
    help: (a) => (a.option === undefined ? wayOut(a) : `leave out \`${a.option}\`, or choose ${otherTargets(a)}`),
    why: 'Every tensor that a kernel reads or writes is a binding, and a device has few: 8 where nothing more is promised. Checked with `--target` only.',
    failing: { spec: masked('sinks: true'), target: { maxStorageBuffersPerShaderStage: 4 } },
    mended: { spec: masked(), target: { maxStorageBuffersPerShaderStage: 4 } },
  }),
  TGT004: entry({
    slug: 'tensor-too-large',
    severity: 'error',
    message: (a: Budget) =>
      `\`${a.what}\`${others(a, 'tensor')} takes ${bytes(a.need)}${inContext(a)}, ${targetsHave(a)} ${bytes(a.limit)} for one tensor`,
    help: (a) => wayOut(a),
    why: 'A kernel sees a tensor as a whole, and a binding has at most 128 MiB where nothing more is promised. Caches are counted for one sequence that fills the context. Checked with `--target` only.',
    issue: seenOnWeb,
    failing: { spec: decoder(131_072), target: 'baseline' },
    mended: { spec: decoder(16_384), target: 'baseline' },
  }),
  TGT005: entry({
    slug: 'dispatch-too-large',
    severity: 'error',
    message: (a: Budget) =>
      `kernel \`${a.what}\`${others(a, 'kernel')} is dispatched in ${number(a.need)} workgroups along one axis, ${targetsHave(a)} at most ${number(a.limit)}`,
    help: (a) => wayOut(a),
    why: 'A dispatch has at most 65,535 workgroups along each axis, on nearly every device. Prompts are counted in pieces of 256 tokens, as sessions run them. Checked with `--target` only.',
    issue: seenOnWeb,
    failing: { spec: vocabulary(1_000_000), target: { maxComputeWorkgroupsPerDimension: 16_384 } },
    mended: { spec: vocabulary(65_536), target: { maxComputeWorkgroupsPerDimension: 16_384 } },
  }),
};

function others({ more }: Budget, noun: string): string {
  return more === 0 ? '' : ` (and ${count(more, `more ${noun}`)})`;
}

function targetsHave({ targets }: Budget): string {
  const names = targets.map((id) => `\`${id}\``);
  return names.length === 1 ? `${names.join('')} has` : `${alternatives(names).replace(/ or /, ' and ')} have`;
}

function wayOut({ option, context, targets }: Budget): string {
  const name = option === undefined ? undefined : `\`${option}\``;
  if (context !== undefined) return `a \`model.context\` of up to ${number(context.fits)} fits`;
  const other = otherTargets({ targets });
  return name === undefined ? `no option changes that: choose ${other}` : `make ${name} smaller, or choose ${other}`;
}

const otherTargets = ({ targets }: Pick<Budget, 'targets'>): string =>
  targets.length === 1 ? 'another `--target`' : 'other targets';

function inContext({ context }: Budget): string {
  return context === undefined ? '' : ` in a context of ${number(context.is)}`;
}

/** Digits in groups of three. */
function number(value: number): string {
  return value.toLocaleString('en');
}

function bytes(value: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${number(Math.round((value / 1024 ** power) * 10) / 10)} ${units[power]}`;
}

/** Attention with two masks that the app gives. */
function masked(...lines: readonly string[]): string {
  return attention('q_heads: 8', 'head_dim: 64', 'mask: { padding: keys, documents: true }', ...lines);
}

/** A small model whose head makes so many logits. */
function vocabulary(size: number): string {
  return `${attention('q_heads: 4')}model: { vocab: ${size}, hidden: 16, layers: 2, context: 64 }\nmlp: { activation: silu, width: 32 }\n`;
}

/** A small model with this context. */
function decoder(context: number): string {
  return `${attention('q_heads: 8', 'head_dim: 128')}model: { vocab: 65, hidden: 64, layers: 2, context: ${context} }\nmlp: { activation: silu, width: 128 }\n`;
}
