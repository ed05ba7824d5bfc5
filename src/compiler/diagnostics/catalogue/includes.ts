import { attention, entry } from '../entry.ts';

const spec = attention('q_heads: 8', 'head_dim: 64');
const heads = 'gqac: 1\nattention: { q_heads: 8, head_dim: 64 }\n';
const including = (path: string) => `gqac: 1\nname: example\ninclude: ${path}\n`;
const using = (name: string) =>
  `gqac: 1\nname: example\nuse: ${name}\nblocks:\n  small: { attention: { q_heads: 8, head_dim: 64 } }\n`;

export const includeRules = {
  INC001: entry({
    slug: 'include-unreadable',
    severity: 'error',
    message: (a: { path: string; problem: string }) => `the included file ${JSON.stringify(a.path)} ${a.problem}`,
    help: () => 'a path is relative to the file that it is written in',
    why: 'Half of the options may be in the file that is not there.',
    failing: { spec: including('heads.part.gqa.yaml'), files: {} },
    mended: { spec: including('heads.part.gqa.yaml'), files: { 'heads.part.gqa.yaml': heads } },
  }),
  INC002: entry({
    slug: 'include-leaves-folder',
    severity: 'error',
    message: (a: { path: string }) => `the path ${JSON.stringify(a.path)} leaves the folder of the spec`,
    help: () => 'use a relative path without `..`',
    why: 'A spec from a stranger must not make this machine read files elsewhere.',
    failing: { spec: `${spec}include: ../heads.part.gqa.yaml\n`, files: {} },
    mended: { spec: including('heads.part.gqa.yaml'), files: { 'heads.part.gqa.yaml': heads } },
  }),
  INC003: entry({
    slug: 'include-circle',
    severity: 'error',
    message: (a: { path: string }) => `${JSON.stringify(a.path)} includes itself`,
    label: () => 'this closes the circle',
    help: () => 'move what both need into a file of its own, or write it as a block',
    why: 'What lies beneath what could not be said.',
    failing: {
      spec: `${including('heads.part.gqa.yaml')}`,
      files: { 'heads.part.gqa.yaml': `${heads}include: heads.part.gqa.yaml\n` },
    },
    mended: { spec: including('heads.part.gqa.yaml'), files: { 'heads.part.gqa.yaml': heads } },
  }),
  INC004: entry({
    slug: 'no-such-block',
    severity: 'error',
    message: (a: { name: string; suggestion?: string | undefined; known: readonly string[] }) =>
      `there is no block \`${a.name}\``,
    help: (a) => {
      if (a.suggestion !== undefined) return `did you mean \`${a.suggestion}\`?`;
      return a.known.length === 0 ? 'name it under `blocks`' : `the blocks are ${a.known.join(', ')}`;
    },
    why: 'The options of the block would be missing.',
    failing: { spec: `${spec}use: small\n` },
    mended: { spec: using('small') },
  }),
};
