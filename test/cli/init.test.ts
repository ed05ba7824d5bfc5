import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gqac } from '../lint/helpers.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-init-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('gqac init', () => {
  it.each(['spec.yaml', 'own.gqa'])('writes %s, which is sound and in canonical form', (name) => {
    const path = join(folder, name);
    expect(gqac(['init', path])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringContaining('gqac check'),
    });
    expect(gqac(['check', path])).toMatchObject({ status: 0, stderr: '1 spec checked, no findings\n' });
    expect(gqac(['fmt', '--check', path]).status).toBe(0);
    expect(readFileSync(path, 'utf8')).toContain('# must divide q_heads');
  });

  it('overwrites nothing unless it is told to', () => {
    const path = join(folder, 'mine.yaml');
    writeFileSync(path, 'mine');
    expect(gqac(['init', path])).toMatchObject({ status: 2, stderr: expect.stringContaining('exists') });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    const link = join(folder, 'link.yaml');
    symlinkSync(path, link);
    expect(gqac(['init', link, '--force', '--name', 'other']).status).toBe(0);
    expect(readFileSync(link, 'utf8')).toContain('name: other');
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(gqac(['init', '-', '--name', '9 lives'])).toMatchObject({ status: 2, stdout: '' });
  });
});

it('without a command says how to begin, and what was probably meant by one that there is not', () => {
  const { status, stderr } = gqac([]);
  expect(status).toBe(2);
  expect(stderr).toContain('gqac init');
  expect(gqac(['chek']).stderr).toContain('Did you mean check?');
});
