import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { breachesOf } from '../../src/compiler/budget/breaches.ts';
import { checkBudgets } from '../../src/compiler/budget/check-budgets.ts';
import { allProfiles, compileModule } from '../../src/compiler/compile.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { emitWgsl } from '../../src/compiler/emit-wgsl/emit.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { readProfile } from '../../src/compiler/plan/profiles/file.ts';
import { defaultLimits, type TargetLimits, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { textAt } from '../frontend/helpers.ts';
import { kernelSpecs } from '../kernels/specs.ts';
import { gqac } from '../lint/helpers.ts';

const specs = await kernelSpecs();

function targetWith(limits: Partial<TargetLimits>): TargetProfile {
  return { id: 'small', doc: 'a small device', features: [], limits: { ...defaultLimits, ...limits } };
}

function check(spec: string, ...targets: readonly TargetProfile[]) {
  const source = { path: 'spec.yaml', text: spec };
  return checkSpec(source, { checkBudgets: (shaped, report) => checkBudgets(targets, shaped, report) }).diagnostics;
}

const model = (context: number, attentionLine = 'attention: { q_heads: 8, head_dim: 128 }') =>
  `gqac: 1\nname: m\nmodel: { vocab: 65, hidden: 64, layers: 2, context: ${context} }\nmlp: { activation: silu, width: 128 }\n${attentionLine}\n`;

describe('what a program needs', () => {
  it('is within the limits of every profile, for every kind of kernel', () => {
    for (const [name, shaped] of specs) {
      const { module, programs } = compileModule(shaped);
      for (const program of programs) expect(breachesOf(shaped, module, program), name).toEqual([]);
    }
  });

  it('counts the storage buffers that the kernels’ texts bind', () => {
    const counted = new Map<string, number>();
    const bound = new Map<string, number>();
    for (const shaped of specs.values()) {
      const { module, programs } = compileModule(shaped, [targetWith({})]);
      for (const program of programs) {
        const lowered = { ...program, profile: targetWith({ maxStorageBuffersPerShaderStage: 0 }) };
        for (const { code, what, need } of breachesOf(shaped, module, lowered)) {
          if (code === 'TGT003') counted.set(`${what} ${shaped.name}`, need);
        }
        for (const { plan } of [...program.prepare, ...program.prefill, ...program.decode, ...program.sample]) {
          const storage = emitWgsl(plan).bindings.filter(({ access }) => access !== 'uniform').length;
          expect(storage).toBeGreaterThan(0);
          bound.set(plan.stage, Math.max(storage, bound.get(plan.stage) ?? 0));
        }
      }
    }
    expect(counted.size).toBeGreaterThan(100);
    for (const [name, count] of counted) {
      const stage = [...bound.keys()].find((one) => name.startsWith(one));
      expect(count, name).toBeLessThanOrEqual(bound.get(stage ?? '') ?? Number.POSITIVE_INFINITY);
    }
  });
});

describe('a breach', () => {
  it('names the longest context that fits, and one token more does not', () => {
    const [found, ...others] = check(model(100_000), targetWith({ maxStorageBufferBindingSize: 2 ** 25 }));
    expect(others).toEqual([]);
    if (found === undefined) throw new Error('nothing was found');
    expect([found.code, textAt(found), found.help]).toEqual([
      'TGT004',
      '100000',
      'a `model.context` of up to 8,192 fits',
    ]);
    expect(found.message).toContain('`layers.{i}.cache.k` (and 1 more tensor) takes 390.6 MiB');
    expect(check(model(8192), targetWith({ maxStorageBufferBindingSize: 2 ** 25 }))).toEqual([]);
    expect(check(model(8193), targetWith({ maxStorageBufferBindingSize: 2 ** 25 }))).toHaveLength(1);
  });

  it('points at the option of the kind of layer that has it', () => {
    const layered = `${model(64)}layers:\n  kinds:\n    wide: { attention: { head_dim: 4096, qk_norm: { kind: rms } } }\n    plain: {}\n  pattern: [plain, wide]\n`;
    const found = check(layered, ...allProfiles);
    expect(found.map((one) => [one.code, textAt(one)])).toEqual([['TGT001', '4096']]);
    expect(found[0]?.message).toContain(allProfiles.map(({ id }) => `\`${id}\``).at(-1));
  });

  it('of a weight points at an option that sets its extents', () => {
    const found = check(
      'gqac: 1\nname: m\nmodel: { vocab: 600000, hidden: 64, layers: 1, context: 8 }\nmlp: { activation: silu, width: 16 }\nattention: { q_heads: 1 }\n',
      targetWith({}),
    );
    expect(found.map((one) => [one.code, textAt(one)])).toEqual([['TGT004', '600000']]);
  });

  it('is none of a vocabulary as large as Gemma’s', () => {
    const wide =
      'gqac: 1\nname: m\nmodel: { vocab: 262144, hidden: 1152, layers: 1, context: 8 }\nmlp: { activation: silu, width: 16 }\nattention: { q_heads: 4 }\n';
    const codes = check(wide, targetWith({ maxStorageBufferBindingSize: 2 ** 32, maxBufferSize: 2 ** 32 }));
    expect(codes).toEqual([]);
  });

  it('is not looked for after an error, and can be ignored', () => {
    const small = targetWith({ maxStorageBuffersPerShaderStage: 1 });
    expect(check(attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 8'), small).map(({ code }) => code)).toEqual([
      'GQA001',
    ]);
    const ignored = attention('q_heads: 8 # gqac-ignore TGT003: a test', 'head_dim: 8');
    const source = { path: 'spec.yaml', text: ignored };
    const result = checkSpec(source, { checkBudgets: (shaped, report) => checkBudgets([small], shaped, report) });
    expect([...result.ignored.keys()].map(({ code }) => code)).toEqual(['TGT003']);
    expect(checkSpec(source).diagnostics).toEqual([]);
    expect(check(ignored, targetWith({})).map(({ code }) => code)).toEqual(['LNT002']);
  });
});

describe('a profile in a file', () => {
  it('has the limits of every device where it says nothing', () => {
    expect(readProfile({ id: 'phone', limits: { maxStorageBuffersPerShaderStage: 4 } })).toEqual({
      profile: {
        id: 'phone',
        doc: 'phone',
        features: [],
        limits: { ...defaultLimits, maxStorageBuffersPerShaderStage: 4 },
      },
    });
  });

  it.each([
    [[], 'it is not a JSON object'],
    [{}, '`id` is missing'],
    [{ id: '../x' }, '`id` is missing, or not a letter'],
    [
      { id: 'x', limits: { maxTextureDimension1D: 4 } },
      '`limits.maxTextureDimension1D` is not a limit that plans depend on',
    ],
    [{ id: 'x', limits: { maxBufferSize: 1.5 } }, '`limits.maxBufferSize` is not a positive integer'],
    [{ id: 'x', limits: { maxBufferSize: '1' } }, '`limits.maxBufferSize` is not a positive integer'],
    [{ id: 'x', limits: 4 }, '`limits` is not an object'],
    [{ id: 'x', features: ['Shader F16'] }, '`features` is not a list'],
    [{ id: 'x', doc: 3 }, '`doc` is not a text'],
    [{ id: 'x', limit: {} }, '`limit` is not part of a profile'],
  ])('%j is refused: %s', (value, problem) => {
    const result = readProfile(value);
    expect('problems' in result && result.problems.join('\n')).toContain(problem);
  });
});

describe('the commands', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gqac-budget-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const wide = attention('hidden: 64', 'q_heads: 1', 'head_dim: 4096', 'qk_norm: { kind: rms }');

  it('check takes the id of a profile, `all`, or a file', () => {
    expect(gqac(['check', '-'], wide).status).toBe(0);
    const small = allProfiles.filter(({ limits }) => limits.maxComputeWorkgroupStorageSize <= 16_384);
    for (const { id } of allProfiles.filter((profile) => !small.includes(profile))) {
      expect(gqac(['check', '-', '--target', id], wide).status, id).toBe(0);
    }
    for (const target of [...small.map(({ id }) => id), 'all']) {
      const { status, stderr } = gqac(['check', '-', '--target', target], wide);
      expect(status, target).toBe(1);
      expect(stderr, target).toContain('error[TGT001]: kernel `append_1x4096_queries1`');
    }
    const desktop = write('desktop.json', '{ "id": "desktop", "limits": { "maxComputeWorkgroupStorageSize": 65536 } }');
    expect(gqac(['check', '-', '--target', desktop], wide)).toMatchObject({ status: 0 });
  });

  it('refuse what is no target, and say what is', () => {
    const unknown = gqac(['check', '-', '--target', 'laptop'], wide);
    expect(unknown).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /^error: --target laptop is not known: use .*baseline, nvidia-h100, all, or a PROFILE\.json\n$/,
      ),
    });
    const broken = write('broken.json', '{ "id": 3 }');
    expect(gqac(['check', '-', '--target', broken], wide)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('`id` is missing'),
    });
    expect(gqac(['check', '-', '--target', join(folder, 'none.json')], wide).status).toBe(2);
  });

  it('build writes nothing that a target cannot run', () => {
    const spec = write('spec.yaml', wide);
    expect(gqac(['build', spec]).stderr).toContain('TGT001');
    expect(readdirSync(folder)).not.toContain('generated');
    const large = write('large.yaml', model(500_000));
    expect(gqac(['build', large, '-o', join(folder, 'large'), '--target', 'baseline']).stderr).toContain('TGT004');
    expect(gqac(['build', large, '-o', join(folder, 'large')])).toMatchObject({ status: 0, stderr: '' });
    const own = write(
      'own.json',
      '{ "id": "own", "limits": { "maxBufferSize": 4294967296, "maxStorageBufferBindingSize": 4294967296 } }',
    );
    expect(gqac(['build', large, '-o', join(folder, 'own'), '--target', own])).toMatchObject({ status: 0, stderr: '' });
  });
});
