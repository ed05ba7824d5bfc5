import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { shippedProfiles } from '../../src/cli/shipped-profiles.ts';
import { targetsOf } from '../../src/cli/targets.ts';
import { compileModule } from '../../src/compiler/compile.ts';
import { readProfile } from '../../src/compiler/plan/profiles/file.ts';
import type { SpecReport } from '../../src/tune/tune-report.ts';
import { shapedOf } from '../numeric/harness.ts';

interface ProfileFile {
  readonly measured: Readonly<Record<'adapter' | 'driver' | 'dawn' | 'gqac' | 'date', string>> & {
    readonly stages: Readonly<
      Record<string, { readonly candidates: Readonly<Record<string, number>>; readonly specs: readonly SpecReport[] }>
    >;
  };
}

const read = async (id: string): Promise<ProfileFile> => JSON.parse(await readFile(`profiles/${id}.json`, 'utf8'));

describe('profiles that come with the package', () => {
  it('are those of the folder, each by its name', async () => {
    const names = (await readdir('profiles')).map((name) => name.replace('.json', ''));
    expect(shippedProfiles.map(({ id }) => id)).toEqual(names);
    for (const profile of shippedProfiles) expect(await targetsOf(profile.id)).toEqual([profile]);
  });

  it('are no part of `all`', async () => {
    const all = await targetsOf('all');
    for (const { id } of shippedProfiles) expect(all.map((target) => target.id)).not.toContain(id);
  });

  it.each(shippedProfiles)('$id compiles a spec', (profile) => {
    const shaped = shapedOf('attention: { q_heads: 8, kv_heads: 2, head_dim: 64, cache: { dtype: f16 } }');
    expect(compileModule(shaped, [profile]).definition.variants.map(({ id }) => id)).toEqual([profile.id]);
  });

  it.each(shippedProfiles)(
    '$id asks for schedules that are candidates, and says where they come from',
    async ({ id }) => {
      const file = await read(id);
      expect(readProfile(file)).toMatchObject({ profile: { id } });
      expect(file.measured).toMatchObject({
        adapter: expect.stringMatching(/./),
        driver: expect.stringMatching(/./),
        dawn: expect.stringMatching(/^npm webgpu \d/),
        gqac: expect.stringMatching(/^\d/),
        date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      });
    },
  );

  it.each(shippedProfiles)(
    '$id saw every candidate tried, none of them wrong, and the planner within 15 % of the fastest',
    async ({ id }) => {
      const { stages } = (await read(id)).measured;
      for (const { candidates, specs } of Object.values(stages)) {
        expect(Object.keys(candidates)).not.toContain('untried');
        expect(Object.keys(candidates)).not.toContain('wrong');
        for (const { plannedMilliseconds, leastMilliseconds } of specs)
          expect(plannedMilliseconds / leastMilliseconds).toBeLessThanOrEqual(1.15);
      }
    },
  );
});

describe('pages with figures', () => {
  it('say what was measured', async () => {
    const { pages, readFigures } = await import('../../bench/figures.ts');
    const { withFigures } = await import('../../bench/src/figures.ts');
    const figures = await readFigures();
    for (const page of pages) {
      const text = await readFile(page, 'utf8');
      expect(withFigures(text, figures)).toBe(text);
    }
  });
});
