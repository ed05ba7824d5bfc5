import { type Dim, dim, equals, mul, print } from '../check/dims.ts';
import type { AttentionNode, AttnModule, HeadNorm, LinearNode, Node, Rotation, TensorDecl } from './nodes.ts';
import { type Use, usesOf } from './uses.ts';

/**
 * What is wrong with a module; empty when it is sound. A sound module declares every tensor that it names, with the shape,
 * role and dtype that each of its nodes takes it for; reads nothing before it is written; and reads every weight.
 * A problem here is a fault of the compiler, never of the spec.
 */
export function verifyModule(module: AttnModule): readonly string[] {
  const problems: string[] = [];
  const touched = new Set<string>();
  const written = new Set<string>();
  for (const [index, node] of module.nodes.entries()) {
    const complain = (problem: string) => problems.push(`${placeOf(node, index)}: ${problem}`);
    for (const problem of nodeProblems(node)) complain(problem);
    const uses = usesOf(node);
    for (const use of uses) {
      touched.add(use.tensor);
      const tensor = module.tensors.get(use.tensor);
      if (tensor === undefined) complain(`${use.field} names ${use.tensor}, which is not declared`);
      else for (const problem of useProblems(use, tensor, written)) complain(problem);
    }
    for (const { access, tensor } of uses) if (access !== 'read') written.add(tensor);
  }
  return [...problems, ...tensorProblems(module, touched, written)];
}

const placeOf = (node: Node, index: number) =>
  `node ${index} (${node.op}${node.layer === undefined ? '' : ` of layer ${node.layer}`})`;

/** Roles whose tensors hold nothing until a node writes them. A cache is not one of them: earlier calls filled it. */
const emptyAtFirst: ReadonlySet<TensorDecl['role']> = new Set(['activation', 'output', 'prepared']);

function useProblems(use: Use, tensor: TensorDecl, written: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  const { field, access, roles, dtypes } = use;
  const name = tensor.name;
  if (!roles.includes(tensor.role)) {
    const verb = access === 'read' ? 'reads' : 'writes';
    problems.push(`${field} ${verb} ${name}, whose role is ${tensor.role} and not ${roles.join(' or ')}`);
  }
  if (dtypes !== undefined && !dtypes.includes(tensor.dtype)) {
    problems.push(`${field} takes ${name} for ${dtypes.join(' or ')}, it is ${tensor.dtype}`);
  }
  const expected = mismatch(use, tensor.shape);
  if (expected !== undefined) problems.push(`${field} ${name} is ${listed(tensor.shape)}, expected ${expected}`);
  if (access !== 'write' && emptyAtFirst.has(tensor.role) && !written.has(name)) {
    problems.push(`${field} reads ${name} before anything has written it`);
  }
  return problems;
}

/** What was expected, or undefined when the shape is that. */
function mismatch({ outer, width }: Use, shape: readonly Dim[]): string | undefined {
  if (outer === 'any rows') {
    const last = shape.at(-1);
    return shape.length === 2 && last !== undefined && equals(last, width) ? undefined : `[any, ${width}]`;
  }
  const begins = outer.every((extent, axis) => shape[axis] !== undefined && equals(extent, shape[axis]));
  const rest = shape.slice(outer.length);
  return begins && equals(mul(1, ...rest), width) ? undefined : listed([...outer, dim(width)]);
}

const listed = (shape: readonly Dim[]) => `[${shape.map((extent) => print(extent)).join(', ')}]`;

function nodeProblems(node: Node): readonly string[] {
  switch (node.op) {
    case 'attention':
      return attentionProblems(node);
    case 'query_heads':
    case 'append':
      return [...normProblems(node.norms, node.headDim), ...rotationProblems(node.rotation, node.headDim)];
    case 'memory_keys':
      return normProblems(node.norms, node.headDim);
    case 'linear':
      return splitProblems(node);
    case 'norm':
      return [
        ...(node.eps >= 0 ? [] : [`eps is ${node.eps}, it must not be negative`]),
        ...(node.x === node.out ? [`x and out are both ${node.x}`] : []),
      ];
    case 'embed':
      return node.tokens || node.positions || node.types ? [] : ['has nothing to add up'];
    default:
      return [];
  }
}

function attentionProblems({ heads, columns, memory, scale }: AttentionNode): readonly string[] {
  const problems: string[] = [];
  const { qHeads, kvHeads, queriesPerKv } = heads;
  if (qHeads % kvHeads !== 0) problems.push(`${kvHeads} KV heads do not divide ${qHeads} query heads`);
  else if (kvHeads * queriesPerKv !== qHeads) {
    problems.push(`${kvHeads} KV heads of ${queriesPerKv} queries each do not make ${qHeads} query heads`);
  }
  if (memory !== undefined && columns.memory === 0) problems.push('has memory, but no columns for it');
  if (memory === undefined && columns.memory > 0) problems.push(`has ${columns.memory} memory columns, but no memory`);
  if (!Number.isFinite(scale)) problems.push(`the scale is ${scale}`);
  return problems;
}

function splitProblems({ inputHeads = 1, outWidth, logits }: LinearNode): readonly string[] {
  if (inputHeads > 1 && logits) return ['logits are made from one row of each token, not from one of each head'];
  return outWidth % inputHeads === 0 ? [] : [`${inputHeads} heads do not divide ${outWidth} outputs`];
}

function normProblems(norms: readonly HeadNorm[], headDim: number): readonly string[] {
  const uneven = norms.filter(({ groups }) => headDim % groups !== 0);
  return uneven.map(({ groups }) => `${groups} norm groups do not divide a head of ${headDim}`);
}

function rotationProblems(rotation: Rotation | undefined, headDim: number): readonly string[] {
  if (rotation === undefined) return [];
  const { dim: width, firstEntry = 0 } = rotation;
  if (width % 2 === 0 && width > 0 && firstEntry + width <= headDim) return [];
  return [`a rotated width of ${width} is not even or not within the head's ${headDim}`];
}

function tensorProblems(module: AttnModule, touched: ReadonlySet<string>, written: ReadonlySet<string>) {
  const problems: string[] = [];
  for (const [key, { name, role, weight }] of module.tensors) {
    if (key !== name) problems.push(`tensor ${name} is declared under the name ${key}`);
    if (!touched.has(name)) problems.push(`${role} ${name} is used by no node`);
    else if (role === 'output' && !written.has(name)) problems.push(`output ${name} is never written`);
    if ((role === 'weight') !== (weight !== undefined))
      problems.push(`${name}: only weights have a place in a checkpoint`);
  }
  return problems;
}
