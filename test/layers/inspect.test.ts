import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../frontend/helpers.ts';
import { base, kindsOf } from './helpers.ts';

function inspect(spec: string, format: string): string {
  const command = ['--import', 'tsx', join(root, 'src/cli/main.ts'), 'inspect', '-', '--format', format];
  const { status, stdout } = spawnSync(process.execPath, command, { cwd: root, input: spec, encoding: 'utf8' });
  expect(status).toBe(0);
  return stdout;
}

test('gqac inspect prints each distinct attention once, with the layers that have it', () => {
  const printed = inspect(kindsOf('{ kv_heads: 1, mask: { window: 8, memory: always } }'), 'human');
  const headings = printed.split('\n').filter((line) => line.startsWith('attention'));
  expect(headings.map((line) => line.split(':')[0])).toEqual([
    'attention of layers 0, 1, 3 (sliding)',
    'attention of layers 2 (full)',
  ]);
  expect(printed).toContain('; window 8\n');
  const { attention } = JSON.parse(inspect(base, 'json'));
  expect(attention).toMatchObject([{ layers: [0, 1, 2, 3], kinds: [], heads: { kvHeads: 2 } }]);
});
