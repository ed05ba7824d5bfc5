import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import { checkSource } from '../files/spec-files.ts';
import { InputError } from '../output.ts';
import { printDiagnostics } from '../reports/print-findings.ts';
import { openModelSource, printRefusal } from './model-source.ts';

/** A spec that has been checked against its checkpoint. */
export interface WeightedModel {
  readonly shaped: ShapedSpec;
  readonly folder: string;
  readonly weightsPath: string;
}

/**
 * The model that a path means, with the checkpoint that is given, that the spec names, or that lies in its folder. Undefined when the
 * spec has errors, which are printed.
 * @throws InputError when it cannot be read, is attention alone, or has no weights.
 */
export async function openWeightedModel(path: string, weights?: string): Promise<WeightedModel | undefined> {
  const opened = await openModelSource(path);
  const { source, folder, weightsPath: beside } = opened;
  if (source === undefined) {
    await printRefusal(opened);
    return undefined;
  }
  const place = path === '-' ? path : `${folder}/spec`;
  const named = await checkSource(source, place, weights ? { weights } : {});
  const isFound = named.weightsPath === undefined && beside !== undefined;
  const { shaped, weightsPath, diagnostics } = isFound ? await checkSource(source, place, { weights: beside }) : named;
  await printDiagnostics(diagnostics);
  if (shaped === undefined) return undefined;
  if (shaped.model === undefined) throw new InputError(`${path} is attention alone: this needs a whole model`);
  if (weightsPath === undefined)
    throw new InputError(`${folder} has no weights: put model.safetensors there, or give them with --weights`);
  return { shaped, folder, weightsPath };
}
