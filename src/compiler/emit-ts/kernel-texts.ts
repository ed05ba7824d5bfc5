import type { ModuleDefinition } from '../../runtime/abi1/definition.ts';

export interface KernelText {
  /** The kernel's name where the text was first met, with the variant's where another text has that name. */
  readonly name: string;
  readonly code: string;
}

/**
 * Every different kernel text once, and by variant and kernel the name of its text. By name, as files are listed: texts that are much
 * alike lie side by side, where compression finds them.
 */
export function kernelTexts(definition: ModuleDefinition): {
  readonly texts: readonly KernelText[];
  readonly nameOf: (variant: string, kernel: string) => string;
} {
  const byCode = new Map<string, string>();
  const taken = new Set<string>();
  const names = new Map<string, string>();
  // The last variant is the least demanding one: its kernels keep their bare names.
  for (const { id, kernels } of [...definition.variants].reverse()) {
    for (const [kernel, { code }] of Object.entries(kernels)) {
      const name = byCode.get(code) ?? (taken.has(kernel) ? `${kernel}_${id}` : kernel);
      byCode.set(code, name);
      taken.add(name);
      names.set(`${id} ${kernel}`, name);
    }
  }
  return {
    texts: [...byCode].map(([code, name]) => ({ name, code })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    nameOf: (variant, kernel) => names.get(`${variant} ${kernel}`) ?? kernel,
  };
}

/** What a device needs of a kernel: its comments and blank lines are for those who read the file beside the module. WGSL has no strings. */
export const withoutComments = (code: string): string =>
  code
    .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
