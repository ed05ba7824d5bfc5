import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runDoctor } from '../../src/cli/commands/doctor.ts';

describe('gqac doctor', () => {
  let out = '';
  beforeEach(() => {
    out = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += text;
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  it('tells the adapter, why, its features and limits', async () => {
    expect(await runDoctor()).toBe(0);
    expect(out).toMatch(/^node +v\d+/m);
    expect(out).toMatch(/^webgpu +0\.6\.2 in /m);
    expect(out).toMatch(/^adapter +.+ \((gpu|software|lavapipe), .+\)$/m);
    expect(out).toMatch(/^because +/m);
    expect(out).toMatch(/^shader-f16 +(yes|no): /m);
    expect(out).toMatch(/^workgroup memory +\d+\.\d+ KiB$/m);
  });

  it('gives 4 and a remedy when no adapter serves', async () => {
    vi.stubEnv('GQAC_ADAPTER', 'none-such');
    expect(await runDoctor()).toBe(4);
    expect(out).toContain('use one of auto, gpu, software, lavapipe');
    expect(out).toMatch(/^to mend it +.*unset GQAC_ADAPTER/m);
  });
});
