import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { resolveBlock } from '../rules/block.ts';
import { resolveHead } from '../rules/model-head.ts';
import { layerNorms, likeNorm, resolveNorm } from '../rules/model-norms.ts';
import { resolvePositions } from '../rules/model-positions.ts';
import type { ModelShape } from '../shaped-spec.ts';

/** Everything around the layers, and how their parts are joined; undefined without a model, or when something is not known. */
export function resolveModel(spec: BoundSpec, report: Report): ModelShape | undefined {
  if (!spec.isWritten('model')) return undefined;
  const vocab = spec.at('model.vocab')?.value;
  const hidden = spec.at('model.hidden')?.value;
  const context = spec.at('model.context')?.value;
  const tieEmbeddings = spec.at('model.tie_embeddings')?.value;
  const embeddingScale = spec.at('model.embedding_scale')?.value;
  const embeddingWidth = spec.at('model.embedding_width')?.value ?? hidden;
  const tokenTypes = spec.at('model.token_types')?.value;
  const positions = resolvePositions(spec, report);
  const norm = resolveNorm(spec, report);
  const block = resolveBlock(spec, report);
  const head = norm && resolveHead(spec, norm, report);
  if (vocab === undefined || hidden === undefined || context === undefined || tieEmbeddings === undefined)
    return undefined;
  if (embeddingScale === undefined || positions === undefined || block === undefined) return undefined;
  if (norm === undefined || head === undefined) return undefined;
  const embeddingNorm = spec.isWritten('model.embedding_norm')
    ? likeNorm(spec, 'model.embedding_norm', norm, report)
    : undefined;
  const hasFinalNorm = spec.at('model.final_norm')?.value ?? block.norms !== 'post';
  return Object.freeze({
    vocab,
    hidden,
    context,
    tieEmbeddings,
    embeddingScale,
    ...(embeddingWidth === hidden || embeddingWidth === undefined ? {} : { embeddingWidth }),
    ...(embeddingNorm === undefined ? {} : { embeddingNorm }),
    ...(tokenTypes === undefined ? {} : { tokenTypes }),
    ...(positions.kind === 'none' ? {} : { positions }),
    block,
    layerNorms: layerNorms(block, norm),
    ...(hasFinalNorm ? { finalNorm: norm } : {}),
    head,
  });
}
