import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // Generated modules are tested against the sources, not against what dist/ holds.
    alias: { 'gqac/runtime/abi1': fileURLToPath(new URL('src/runtime/abi1/index.ts', import.meta.url)) },
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // A driver is loaded into a process, not into a worker thread.
    pool: 'forks',
    // The default leaves one core to the reporter, which has little to do.
    maxWorkers: '100%',
    // Two cores and an adapter that computes on them.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
