import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { gqac } from '../lint/helpers.ts';

/** What bash offers for the last of the words. */
function offered(script: string, ...words: readonly string[]): readonly string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const ask = `${script}\nCOMP_WORDS=(${line})\nCOMP_CWORD=${words.length - 1}\n_gqac\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', ask], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean);
}

describe('gqac completion', () => {
  it('lets bash complete commands, their options and words; files are its own business', () => {
    const { stdout, status } = gqac(['completion', 'bash']);
    expect(status).toBe(0);
    expect(offered(stdout, 'gqac', 'ch')).toEqual(['check']);
    expect(offered(stdout, 'gqac', '--v')).toEqual(['--version']);
    expect(offered(stdout, 'gqac', 'build', '--w')).toEqual(['--weights', '--watch']);
    expect(offered(stdout, 'gqac', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(offered(stdout, 'gqac', 'check', 'spec')).toEqual([]);
  });

  it('describes commands and options for zsh and fish', () => {
    const zsh = gqac(['completion', 'zsh']).stdout;
    expect(zsh).toMatch(/^#compdef gqac\n/);
    expect(zsh).toContain(
      "'(-o --output)'{-o,--output}'[where to write; default\\: generated/ beside the spec]: :_files'",
    );
    expect(zsh).toContain("'2: :(bash zsh fish)'");
    const fish = gqac(['completion', 'fish']).stdout;
    expect(fish).toContain("complete -c gqac -n __fish_use_subcommand -f -a explain -d 'say what");
    expect(fish).toContain("complete -c gqac -n '__fish_seen_subcommand_from build' -s o -l output -r -d 'where");
    expect(fish).toContain("complete -c gqac -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'");
  });

  it('refuses a shell that it does not know', () => {
    const { status, stderr } = gqac(['completion', 'tcsh']);
    expect(status).toBe(2);
    expect(stderr).toContain('bash, zsh, fish');
  });
});
