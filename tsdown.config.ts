import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'tsdown';
import manifest from './package.json' with { type: 'json' };

/** Small packages that every command needs: one file to read instead of a hundred. See docs/dependencies.md. */
const bundled = [
  'commander',
  'fastest-levenshtein',
  'picocolors',
  'yaml',
  // Loaded when a spec is in the `.gqa` syntax.
  'chevrotain',
  '@chevrotain/cst-dts-gen',
  '@chevrotain/gast',
  '@chevrotain/regexp-to-ast',
  '@chevrotain/utils',
  'lodash-es',
  // Loaded by `run`, and by `gqac/text`.
  '@huggingface/jinja',
  '@huggingface/tokenizers',
  // Loaded by `lsp`.
  'vscode-languageserver',
  'vscode-languageserver-protocol',
  'vscode-languageserver-types',
  'vscode-languageserver-textdocument',
  'vscode-jsonrpc',
];
const inPackage = (path: string) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

/** The command prints its version; nothing else of package.json belongs in the bundle. */
const versionOnly = {
  name: 'version-only',
  load(id: string) {
    if (!id.endsWith('/package.json')) return undefined;
    return { code: `export default { version: ${JSON.stringify(manifest.version)} };`, moduleType: 'js' as const };
  },
};

/** Where npm puts the version that is bundled, when the tests have another one. */
const nested: Readonly<Record<string, string>> = {
  'vscode-jsonrpc': 'vscode-languageserver-protocol/node_modules/vscode-jsonrpc',
};

/** The licences of what is bundled ask that they are passed on. */
async function writeNotices(): Promise<void> {
  const notices = await Promise.all(
    bundled.map(async (name) => {
      const place = nested[name] ?? name;
      const { version } = JSON.parse(await readFile(inPackage(`${place}/package.json`), 'utf8')) as { version: string };
      const folder = await readdir(inPackage(place));
      const file = folder.find((entry) => /^LICENSE/i.test(entry));
      if (file === undefined) throw new Error(`${name} has no licence to pass on`);
      return `${name} ${version}\n\n${await readFile(inPackage(`${place}/${file}`), 'utf8')}`;
    }),
  );
  await writeFile(new URL('dist/THIRD-PARTY-NOTICES.txt', import.meta.url), notices.join(`\n${'-'.repeat(78)}\n\n`));
}

/** What browsers import asks for nothing of Node: bundlers would refuse it. */
async function requireNoNode(): Promise<void> {
  const found = new Set(
    ['index.mjs', 'text.mjs', 'runtime/abi1.mjs'].map((name) => new URL(`dist/${name}`, import.meta.url).href),
  );
  for (const file of found) {
    const code = await readFile(new URL(file), 'utf8');
    for (const [, name = ''] of code.matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)) {
      if (name.startsWith('node:')) throw new Error(`${file} imports ${name}, and is for browsers too`);
      if (name.startsWith('.')) found.add(new URL(name, file).href);
    }
  }
}

/**
 * One build, so that the runtime's error classes are the same objects for every entry. The library entries have types; the
 * command needs none.
 */
export default defineConfig({
  entry: {
    cli: 'src/cli/main.ts',
    index: 'src/compiler/index.ts',
    node: 'src/node/index.ts',
    text: 'src/text/index.ts',
    'runtime/abi1': 'src/runtime/abi1/index.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outDir: 'dist',
  dts: {
    entry: ['src/compiler/index.ts', 'src/node/index.ts', 'src/text/index.ts', 'src/runtime/abi1/index.ts'],
  },
  deps: { alwaysBundle: [...bundled], onlyBundle: [...bundled] },
  // For Node these offer CommonJS, which is bundled whole and needs Node's `require`; this is the same code as modules.
  inputOptions: {
    resolve: {
      alias: {
        yaml: inPackage('yaml/browser/index.js'),
        'fastest-levenshtein': inPackage('fastest-levenshtein/esm/mod.js'),
      },
    },
  },
  plugins: [versionOnly],
  hooks: {
    'build:done': async () => {
      await writeNotices();
      await requireNoNode();
    },
  },
});
