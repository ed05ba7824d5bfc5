import { fileURLToPath } from 'node:url';
import { defineConfig } from 'tsdown';
import manifest from './package.json' with { type: 'json' };

/** The command prints its version; nothing else of package.json belongs in the bundle. */
const versionOnly = {
  name: 'version-only',
  load(id: string) {
    if (!id.endsWith('/package.json')) return undefined;
    return { code: `export default { version: ${JSON.stringify(manifest.version)} };`, moduleType: 'js' as const };
  },
};

const bundled = ['commander', 'fastest-levenshtein', 'picocolors', 'yaml'];

/**
 * One build, so that the runtime's error classes are the same objects for every entry. The library entries have types; the
 * command needs none.
 */
export default defineConfig({
  entry: {
    cli: 'src/cli/main.ts',
    index: 'src/compiler/index.ts',
    node: 'src/node/index.ts',
    'runtime/abi1': 'src/runtime/abi1/index.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outDir: 'dist',
  dts: { entry: ['src/compiler/index.ts', 'src/node/index.ts', 'src/runtime/abi1/index.ts'] },
  deps: { alwaysBundle: [...bundled], onlyBundle: [...bundled] },
  inputOptions: { resolve: { alias: { yaml: fileURLToPath(new URL('node_modules/yaml/browser/index.js', import.meta.url)) } } },
  plugins: [versionOnly],
});
