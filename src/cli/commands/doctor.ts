import type { Command } from 'commander';
import type { OpenedGpu } from '../../node/adapter.ts';
import type { InstallCommands, InstalledPackage } from '../../node/packages.ts';
import { exitCodes } from '../output.ts';

export function register(program: Command): void {
  program
    .command('doctor')
    .description('tell which GPU adapter gqac would use here, and how to mend what is missing')
    .action(async () => {
      process.exitCode = await runDoctor();
    });
}

/** Features that gqac can make use of, and what each is for. */
const features: readonly [name: string, purpose: string][] = [
  ['shader-f16', 'f16 arithmetic (without it f16 is storage only, and works)'],
  ['subgroups', 'faster decoding'],
  ['chromium-experimental-subgroup-matrix', 'matrix units'],
  ['timestamp-query', 'times of single kernels in gqac bench and gqac tune'],
];

const limits: readonly [name: string, label: string, unit: 'bytes' | 'count'][] = [
  ['maxComputeWorkgroupStorageSize', 'workgroup memory', 'bytes'],
  ['maxComputeInvocationsPerWorkgroup', 'invocations of a workgroup', 'count'],
  ['maxComputeWorkgroupsPerDimension', 'workgroups of a dimension', 'count'],
  ['maxStorageBuffersPerShaderStage', 'storage buffers of a kernel', 'count'],
  ['maxStorageBufferBindingSize', 'largest binding', 'bytes'],
  ['maxBufferSize', 'largest buffer', 'bytes'],
];

/** Prints what was found to stdout. Gives the exit code: 0, or 4 when there is no usable GPU. */
export async function runDoctor(): Promise<number> {
  const { openGpu } = await import('../../node/adapter.ts');
  const { findPackage, installCommands } = await import('../../node/packages.ts');
  const { NoGpuError, UsageError, formatBytes } = await import('../../runtime/abi1/errors.ts');
  const webgpu = findPackage('webgpu');
  const chromium = findPackage('@sparticuz/chromium');
  print('node', `${process.version} (gqac needs 20 or later)`);
  print('platform', `${process.platform} ${process.arch}`);
  print('webgpu', installed(webgpu, `Dawn: ${installCommands.webgpu}`));
  if (process.platform === 'linux') {
    print('software adapter', installed(chromium, installCommands.chromium));
  } else {
    print('software adapter', `not needed: on ${process.platform} Dawn's own backend serves`);
  }
  print('GQAC_ADAPTER', process.env.GQAC_ADAPTER || 'not set: a real adapter where there is one, else software');
  try {
    const opened = await openGpu();
    printAdapter(opened, formatBytes);
    await printProfiles(opened);
    return exitCodes.clean;
  } catch (error) {
    if (!(error instanceof NoGpuError || error instanceof UsageError)) throw error;
    print('adapter', `none: ${error.message}`);
    for (const line of remedies(webgpu, chromium, installCommands)) print('to mend it', line);
    return exitCodes.noGpu;
  }
}

function printAdapter({ description, reasons }: OpenedGpu, formatBytes: (bytes: number) => string): void {
  print('adapter', `${description.name} (${description.kind}, ${description.backend})`);
  for (const reason of reasons) print('because', reason);
  for (const [name, purpose] of features) {
    print(name, `${description.features.includes(name) ? 'yes' : 'no'}: ${purpose}`);
  }
  for (const [name, label, unit] of limits) {
    const value = description.limits[name];
    if (value === undefined) continue;
    print(label, unit === 'bytes' ? formatBytes(value) : String(value));
  }
  if (description.kind === 'gpu') return;
  const how =
    process.platform === 'linux'
      ? 'install a Vulkan driver (on Debian mesa-vulkan-drivers, or the vendor’s)'
      : 'update the graphics driver';
  print('to be faster', `this adapter computes on the CPU; with a GPU, ${how}`);
}

/** What `--target` can name, and whether it runs here. */
async function printProfiles({ adapter }: OpenedGpu): Promise<void> {
  const { namedTargets } = await import('../targets.ts');
  const { obstacleTo } = await import('../../tune/device-profile.ts');
  for (const profile of namedTargets) {
    const obstacle = obstacleTo(profile, adapter);
    print(`target ${profile.id}`, obstacle === undefined ? `runs here: ${profile.doc}` : `no: ${obstacle.message}`);
  }
}

function remedies(
  webgpu: InstalledPackage | undefined,
  chromium: InstalledPackage | undefined,
  commands: InstallCommands,
): readonly string[] {
  const lines: string[] = [];
  if (webgpu === undefined) lines.push(commands.webgpu);
  if (process.platform === 'linux') {
    if (chromium === undefined && process.arch === 'x64') lines.push(commands.chromium);
    lines.push('install a Vulkan driver: mesa-vulkan-drivers 25 or later, or that of the GPU’s vendor');
  }
  if (process.env.GQAC_ADAPTER) lines.push('unset GQAC_ADAPTER, so that any adapter may serve');
  return lines;
}

function installed(found: InstalledPackage | undefined, remedy: string): string {
  return found === undefined ? `not installed (${remedy})` : `${found.version} in ${found.folder}`;
}

function print(label: string, value: string): void {
  process.stdout.write(`${label.padEnd(38)} ${value}\n`);
}
