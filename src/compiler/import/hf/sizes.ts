import { type ImportLog, say } from '../draft.ts';
import type { FieldReader } from '../fields.ts';
import type { Architecture, SizeField, Sizes } from './architecture.ts';

/** Undefined when a size is neither given nor known, or makes no sense beside the others; the log says which. */
export function readSizes(
  fields: FieldReader,
  { sizes: names, kvHeads: kvHeadsOf, headDim: headDimOf }: Pick<Architecture, 'sizes' | 'kvHeads' | 'headDim'>,
  log: ImportLog,
): Sizes | undefined {
  const vocab = required(fields, names.vocab, log);
  const hidden = required(fields, names.hidden, log);
  const layers = required(fields, names.layers, log);
  const heads = required(fields, names.heads, log);
  const context = required(fields, names.context, log);
  const kvHeads = optional(fields, names.kvHeads, log);
  const headDim = headDimOf?.(fields) ?? optional(fields, names.headDim, log);
  const width = optional(fields, names.width, log);
  if (vocab === undefined || hidden === undefined || layers === undefined) return undefined;
  if (heads === undefined || context === undefined) return undefined;
  if (headDim === undefined && hidden % heads !== 0) {
    const [name = 'hidden_size'] = names.hidden.names;
    const message = `${fields.path(name)} ${hidden} is not a multiple of ${heads} heads: add head_dim, or change one of them`;
    say(log, 'IMP005', fields.path(name), message);
    return undefined;
  }
  return {
    vocab,
    hidden,
    layers,
    heads,
    context,
    kvHeads: kvHeadsOf?.(fields, heads) ?? kvHeads ?? heads,
    headDim: headDim ?? hidden / heads,
    width: width ?? 4 * hidden,
  };
}

function required(fields: FieldReader, field: SizeField, log: ImportLog): number | undefined {
  const found = optional(fields, field, log);
  if (found !== undefined) return found;
  const [name = ''] = field.names;
  if (!field.names.some((one) => fields.has(one)))
    say(log, 'IMP005', fields.path(name), `${fields.path(name)} is missing: add it to the config`);
  return undefined;
}

/** A null is none. */
function optional(fields: FieldReader, field: SizeField | undefined, log: ImportLog): number | undefined {
  if (field === undefined) return undefined;
  const found = field.names.map((name) => fields.positiveInteger(name)).find((value) => value !== undefined);
  const [name = ''] = field.names;
  if (found !== undefined || field.fallback === undefined || field.names.some((one) => fields.isWritten(one)))
    return found;
  const text = `${fields.path(name)} is left out, which means ${field.fallback} to transformers`;
  say(log, 'IMP003', fields.path(name), text);
  return field.fallback;
}
