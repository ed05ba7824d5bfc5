import type { BufferDecl, Extent, WeightDecl } from '../../runtime/abi1/definition.ts';
import { bufferDecl, weightDecl } from '../assemble/buffers.ts';
import type { ShapedSpec } from '../check/shaped-spec.ts';
import type { AttnModule, TensorDecl } from '../ir/nodes.ts';
import { type Call, extentAt } from '../plan/extents.ts';
import type { ProgramPlan } from '../plan/program.ts';
import { bytesOf, cacheRowBytes } from '../plan/tensor-bytes.ts';

/** Tokens of a prompt that a session runs at a time unless it is told otherwise. */
const promptPiece = 256;

/**
 * One sequence that fills the model's context. Attention alone has no longest sequence: what it needs at least is that of one
 * token.
 */
export function longestCall({ model, layers }: ShapedSpec, context = model?.context ?? 1): Call {
  const layouts = layers.flatMap(({ attention }) => attention.cacheLayout ?? []);
  const [pageSize = 1] = layouts.flatMap((layout) => (layout.kind === 'paged' ? [layout.pageSize] : []));
  const calls = layouts.flatMap((layout) => (layout.kind === 'ring' ? [layout.longestCall] : []));
  const tokens = Math.min(promptPiece, context, ...calls);
  return { B: 1, I: tokens, J: context, C: context, P: Math.ceil(context / pageSize), L: 1, X: context };
}

export const oneToken = (call: Call): Call => ({ ...call, I: 1 });

/** A tensor in memory, with its bytes in a call. */
export interface Sized {
  readonly name: string;
  readonly bytes: (call: Call) => number;
  /** Options that its extents are set by; empty for what is computed in between. */
  readonly setBy: readonly string[];
  readonly storage: 'weight' | BufferDecl['role'];
}

export function tensorsOf(module: AttnModule, { scratch }: ProgramPlan): readonly Sized[] {
  const tensors = [...module.tensors.values()];
  const weights = tensors.flatMap((tensor) => weightDecl(tensor).map((decl) => sizedWeight(decl, tensor)));
  return [...weights, ...[...tensors.flatMap(bufferDecl), ...scratch].map(sizedBuffer)];
}

function sizedWeight({ name, shape, pitch }: WeightDecl, tensor: TensorDecl): Sized {
  const elements = shape.slice(0, -1).reduce((product, extent) => product * extent, pitch);
  return { name, bytes: () => bytesOf(elements, tensor), setBy: tensor.weight?.setBy ?? [], storage: 'weight' };
}

/** Rows of int8 stand in blocks of four. */
function sizedBuffer({ name, dtype, shape, role }: BufferDecl): Sized {
  const elements = (extents: readonly Extent[], call: Call) => extentAt(['*', ...extents], call);
  const bytes = (call: Call) => {
    const rows = elements(shape.slice(0, -1), call);
    return (dtype === 'int8' ? Math.ceil(rows / 4) * 4 : rows) * cacheRowBytes(dtype, elements(shape.slice(-1), call));
  };
  return { name, bytes, setBy: [], storage: role };
}
