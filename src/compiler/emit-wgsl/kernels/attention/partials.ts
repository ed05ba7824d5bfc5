import { type Binding, buffer } from '../../kernel.ts';

/** Of each row and part: outputs that are not normalised; what their exponentials are relative to (in log2), and the sum of these. */
export const partialBindings = (access: 'read' | 'read_write'): readonly Binding[] => [
  buffer('partial_outputs', 'vec4f', access),
  buffer('partial_sums', 'vec2f', access),
];
