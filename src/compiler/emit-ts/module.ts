import { IndentationText, NewLineKind, Project, QuoteKind, type StatementStructures, StructureKind } from 'ts-morph';
import type { BufferDecl, Extent, ModuleDefinition } from '../../runtime/abi1/definition.ts';
import { kernelTexts, withoutComments } from './kernel-texts.ts';
import { comment, literal, Raw, template } from './literal.ts';
import { headline, type Origin } from './origin.ts';

/** The generated module's text: its typed interface first, then the kernels, then the definition, which names them. */
export function emitModule(definition: ModuleDefinition, origin: Origin): string {
  const project = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    manipulationSettings: {
      indentationText: IndentationText.TwoSpaces,
      quoteKind: QuoteKind.Single,
      newLineKind: NewLineKind.LineFeed,
      useTrailingCommas: true,
    },
  });
  const statements = definition.kind === 'model' ? modelInterface(definition) : attentionInterface(definition);
  const file = project.createSourceFile('module.ts', { statements: [...statements] });
  return `${header(origin)}${file.getFullText()}\n${data(definition)}`;
}

function header(origin: Origin): string {
  const lines = [headline(origin), ...(origin.doc === '' ? [] : ['', ...origin.doc.split('\n')])];
  return `/**\n${lines.map((line) => ` * ${comment(line)}`.trimEnd()).join('\n')}\n */\n`;
}

type Statement = StatementStructures | string;

const runtime = 'gqac/runtime/abi1';

function importOf(types: readonly string[], values: readonly string[]): string {
  const names = [...types.map((name) => `type ${name}`), ...values].map((name) => `  ${name},\n`);
  return `import {\n${names.join('')}} from '${runtime}';\n`;
}

function modelInterface({ name, facts, buffers }: ModuleDefinition): readonly Statement[] {
  const { layers, layerKinds, qHeads, kvHeads, headDim, hidden, vocab, context, output } = facts;
  const width = output === 'hidden' ? hidden : vocab;
  const hooks = buffers.filter((buffer) => buffer.role === 'output' && isHook(buffer));
  const shapes = [
    { name: 'Hooks', doc: hookWords, tensors: hooks },
    { name: 'Parameters', doc: parameterWords, tensors: buffers.filter(isGiven('parameters.')) },
    { name: 'Edits', doc: editWords, tensors: buffers.filter(isGiven('edits.')) },
  ];
  const last = shapes.findLastIndex(({ tensors }) => tensors.length > 0);
  const named = shapes.slice(0, last + 1).map((one) => (one.tensors.length > 0 ? one.name : 'object'));
  const typeArguments = [width, ...named].join(', ');
  // The names are the user's: in a comment they could end it.
  const differ = layerKinds === undefined ? '' : `of ${new Set(layerKinds).size} kinds, the first `;
  return [
    importOf(
      ['LoadOptions', 'Logits as AnyLogits', 'Model as AnyModel', 'ModuleDefinition', 'Session as AnySession'],
      ['loadModel'],
    ),
    ...shapes.filter(({ tensors }) => tensors.length > 0).map(shapesInterface),
    {
      kind: StructureKind.TypeAlias,
      isExported: true,
      name: 'Model',
      type: `AnyModel<${typeArguments}>`,
      docs: [
        `${layers} layers ${differ}of ${qHeads} query and ${kvHeads} KV heads of ${headDim}; hidden ${hidden}, vocabulary ${vocab}, context ${context}.`,
      ],
    },
    {
      kind: StructureKind.TypeAlias,
      isExported: true,
      name: 'Session',
      type: `AnySession<${typeArguments}>`,
      docs: ['A cache, and the calls that fill it.'],
    },
    {
      kind: StructureKind.TypeAlias,
      isExported: true,
      name: 'Logits',
      type: `AnyLogits<${width}>`,
      docs: [
        output === 'hidden'
          ? `Hidden states \`[B, I, ${width}]\`: the model has no head.`
          : `\`[B, ${width}]\`, or \`[B, I, ${width}]\` when all are asked for.`,
      ],
    },
    {
      kind: StructureKind.Function,
      isExported: true,
      name: 'load',
      parameters: [{ name: 'options', type: 'LoadOptions' }],
      returnType: 'Promise<Model>',
      statements: [`return loadModel<${typeArguments}>(definition, options);`],
      docs: [`Loads ${name} onto a device: checks the checkpoint, uploads its weights, compiles the kernels.`],
    },
  ];
}

function attentionInterface({ name, buffers, weights }: ModuleDefinition): readonly Statement[] {
  const tensors = buffers.filter(({ role }) => role === 'input' || role === 'output');
  return [
    importOf(['Attention as AnyAttention', 'DeviceTensor', 'LoadOptions', 'ModuleDefinition'], ['loadAttention']),
    {
      kind: StructureKind.Interface,
      isExported: true,
      name: 'Tensors',
      docs: ['Inputs and outputs. B sequences, I new tokens of each, J keys of each.'],
      properties: tensors.map((tensor) => ({ name: keyOf(tensor), isReadonly: true, type: tensorType(tensor) })),
    },
    {
      kind: StructureKind.TypeAlias,
      isExported: true,
      name: 'Attention',
      type: 'AnyAttention<Tensors>',
      docs: ['Attention on a device.'],
    },
    {
      kind: StructureKind.Function,
      isExported: true,
      name: 'load',
      parameters: [{ name: 'options', type: 'LoadOptions', ...(weights.length === 0 && { initializer: '{}' }) }],
      returnType: 'Promise<Attention>',
      statements: ['return loadAttention<Tensors>(definition, options);'],
      docs: [
        `Loads ${name} onto a device${weights.length === 0 ? '' : ': checks the checkpoint, uploads its weights'} and compiles the kernels.`,
      ],
    },
  ];
}

const isHook = ({ name }: BufferDecl) => name.includes('hooks.');

const isGiven =
  (kind: string) =>
  ({ name, role }: BufferDecl) =>
    role === 'input' && name.includes(kind);

const hookWords = 'Shapes of the activations that a session can read after a call. B sequences, I tokens of the call.';
const parameterWords = 'Shapes of the parameters that a session has to be given before its first call.';
const editWords = 'Shapes of what a call may add to the inputs of heads. B sequences, I tokens of the call.';

interface Shapes {
  readonly name: string;
  readonly doc: string;
  readonly tensors: readonly BufferDecl[];
}

function shapesInterface({ name, doc, tensors }: Shapes): Statement {
  return {
    kind: StructureKind.Interface,
    isExported: true,
    name,
    docs: [doc],
    properties: tensors.map((tensor) => ({ name: keyOf(tensor), isReadonly: true, type: shapeType(tensor) })),
  };
}

const keyOf = ({ name }: BufferDecl) => (/^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`);

const tensorType = (buffer: BufferDecl) => `DeviceTensor<'${buffer.dtype}', ${shapeType(buffer)}>`;

function shapeType({ shape }: BufferDecl): string {
  const axis = (extent: Extent) => {
    if (typeof extent === 'number') return String(extent);
    return typeof extent === 'string' ? `${extent}: number` : 'columns: number';
  };
  return `readonly [${shape.map(axis).join(', ')}]`;
}

/**
 * Kernel texts are constants of their own, so that the definition reads as an outline of the module. Pasted as it is: ts-morph would read
 * all of it again, and indent the kernels.
 */
function data(definition: ModuleDefinition): string {
  const { texts, nameOf } = kernelTexts(definition);
  const variants = definition.variants.map((variant) => ({
    ...variant,
    kernels: Object.fromEntries(
      Object.entries(variant.kernels).map(([kernel, { bindings }]) => [
        kernel,
        { code: new Raw(`wgsl.${nameOf(variant.id, kernel)}`), bindings },
      ]),
    ),
  }));
  const kernels = texts.map(({ name, code }) => `  ${name}: ${template(withoutComments(code))},\n`).join('');
  const outline = literal({ ...definition, variants });
  return `/** The kernels; the .wgsl files beside this module have them with comments. */
const wgsl = {
${kernels}};
/** What the runtime needs: weights, buffers, and for each device variant the kernels in order. */
export const definition: ModuleDefinition = ${outline};
`;
}
