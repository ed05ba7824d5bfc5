/**
 * The arrows of ARCHITECTURE.md. Imports of types count too. `mayImport` names, for each pass of the compiler, everything
 * outside its own folder that it may import; what is not listed is an error.
 */
const compiler = 'src/compiler';
const definition = '^src/runtime/abi1/definition\\.ts$';
/** The checker's output and its dimension algebra: the vocabulary of every later pass. */
const shapes = `^${compiler}/check/(shaped-spec|dims|key-columns)\\.ts$`;
/** Typed expressions and what is known of them; a user's text is the checker's business. */
const expressions = `^${compiler}/expression/(tree|functions|evaluate|specialize|bounds)\\.ts$`;
const pass = (name) => `^${compiler}/${name}/`;

const mayImport = {
  source: [],
  diagnostics: [pass('source')],
  // The types of chevrotain's trees; its code comes through the grammar.
  expression: [pass('source'), pass('diagnostics')],
  syntax: [
    pass('source'),
    pass('diagnostics'),
    pass('expression'),
    '^grammar/',
    'node_modules/(yaml|chevrotain|@chevrotain)/',
  ],
  check: [
    pass('source'),
    pass('diagnostics'),
    pass('expression'),
    pass('syntax'),
    '^grammar/',
    'node_modules/fastest-levenshtein/',
  ],
  // Importers write text; for the names of its weights, the importer of transformers reads that text through the front end.
  import: [`^${compiler}/check/suggest\\.ts$`, `^${compiler}/pipeline\\.ts$`, `^${compiler}/syntax/print\\.ts$`],
  ir: [pass('source'), shapes, expressions],
  plan: [shapes, expressions, pass('ir'), definition],
  // Costs of kernels are facts about a program.
  facts: [shapes, pass('ir'), pass('plan'), definition],
  diagram: [shapes, pass('facts')],
  // What is exported is read again by the importer, through the front end; tables of rotary positions are the oracle's.
  export: [
    shapes,
    pass('source'),
    pass('diagnostics'),
    pass('import'),
    `^${compiler}/pipeline\\.ts$`,
    `^${compiler}/syntax/print\\.ts$`,
    `^${compiler}/oracle/rope\\.ts$`,
  ],
  // The second reading of the IR must not share a line with the first: no plan, no WGSL.
  oracle: [shapes, expressions, pass('ir')],
  'emit-wgsl': [shapes, expressions, pass('ir'), pass('plan')],
  assemble: [shapes, pass('ir'), pass('plan'), pass('emit-wgsl'), definition],
  budget: [
    shapes,
    pass('ir'),
    pass('plan'),
    `^${compiler}/assemble/buffers\\.ts$`,
    pass('source'),
    pass('diagnostics'),
    definition,
  ],
  'emit-ts': [pass('plan'), pass('facts'), `^${compiler}/compile\\.ts$`, definition, 'node_modules/ts-morph/'],
};

const arrows = Object.entries(mayImport).map(([name, allowed]) => ({
  name: `arrows-${name}`,
  comment: `${compiler}/${name} imports something that its place in the pipeline does not allow: see ARCHITECTURE.md`,
  severity: 'error',
  from: { path: pass(name) },
  to: { pathNot: [pass(name), ...allowed] },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...arrows,
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^(src|grammar)/' },
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'runtime-stands-alone',
      comment: 'generated modules ship with the runtime: it imports nothing but itself, neither Node nor packages',
      severity: 'error',
      from: { path: '^src/runtime/' },
      to: { pathNot: '^src/runtime/' },
    },
    {
      name: 'node-knows-only-the-runtime',
      severity: 'error',
      from: { path: '^src/node/' },
      to: { path: ['^src/(?!node/|runtime/)', '^grammar/'] },
    },
    {
      name: 'text-knows-only-the-runtime',
      severity: 'error',
      from: { path: '^src/text/' },
      to: { pathNot: ['^src/(text|runtime)/', 'node_modules/@huggingface/'] },
    },
    {
      name: 'compiler-knows-types-of-the-abi-only',
      severity: 'error',
      from: { path: `^${compiler}/` },
      to: { path: '^src/(runtime|node|text|cli|verify|tune)/', pathNot: definition },
    },
    {
      name: 'compiler-takes-no-code-from-the-abi',
      severity: 'error',
      from: { path: `^${compiler}/` },
      to: { path: definition, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'grammar-is-a-table',
      comment:
        'the language definition imports its parser library only; its generator, which also writes the pages of diagnostics, more',
      severity: 'error',
      from: { path: '^grammar/', pathNot: '^grammar/generate\\.ts$' },
      to: { pathNot: ['^grammar/', 'node_modules/(chevrotain|@chevrotain)/'] },
    },
    {
      name: 'ts-morph-in-emit-ts-only',
      severity: 'error',
      from: { path: '^(src|grammar)/', pathNot: pass('emit-ts') },
      to: { path: 'node_modules/ts-morph/' },
    },
    {
      name: 'dsl-is-loaded-lazily',
      comment: 'most specs are YAML: what imports chevrotain is imported by `import()`, when a spec is in the DSL',
      severity: 'error',
      from: { path: '^src/', pathNot: `^${compiler}/syntax/(dsl[^/]*|print-dsl)\\.ts$` },
      to: {
        path: [
          'node_modules/chevrotain/',
          '^grammar/(tokens|parser)\\.ts$',
          `^${compiler}/syntax/(dsl[^/]*|print-dsl)\\.ts$`,
        ],
        dependencyTypesNot: ['dynamic-import'],
      },
    },
    {
      name: 'lsp-knows-the-compiler',
      comment: 'the language server asks its host, which is src/cli, for what is outside of its text',
      severity: 'error',
      from: { path: '^src/lsp/' },
      to: { pathNot: ['^src/(lsp|compiler)/', '^grammar/', 'node_modules/vscode-'] },
    },
    {
      name: 'node-api-in-cli-and-node-only',
      severity: 'error',
      from: { path: '^(src|grammar)/', pathNot: ['^src/(cli|node)/', '^grammar/generate\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-dev-dependencies-in-the-product',
      comment: 'packages that the build bundles are dev dependencies on purpose: see docs/dependencies.md',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        pathNot:
          'node_modules/(@huggingface/(tokenizers|jinja)|chevrotain|commander|fastest-levenshtein|picocolors|vscode-[a-z-]+|yaml)/',
      },
    },
    {
      name: 'tests-stay-in-test',
      severity: 'error',
      from: { path: '^(src|grammar|examples)/' },
      to: { path: '^test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.scratch)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
