import type { ModuleDefinition } from '../../runtime/abi1/definition.ts';

export interface KernelText {
  /** Unique over all variants: the kernel's name, with the variant's where another variant has another text for it. */
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
  const byName = new Map<string, string>();
  const names = new Map<string, string>();
  // The last variant is the least demanding one: its kernels keep their bare names.
  for (const { id, kernels } of [...definition.variants].reverse()) {
    for (const [kernel, { code }] of Object.entries(kernels)) {
      const bare = byName.get(kernel);
      const name = bare === undefined || bare === code ? kernel : `${kernel}_${id}`;
      byName.set(name, code);
      names.set(`${id} ${kernel}`, name);
    }
  }
  return {
    texts: [...byName].map(([name, code]) => ({ name, code })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    nameOf: (variant, kernel) => names.get(`${variant} ${kernel}`) ?? kernel,
  };
}
