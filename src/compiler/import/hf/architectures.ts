import type { Architecture } from './architecture.ts';
import * as llama from './architectures/llama.ts';

/** By `model_type`. */
export const architectures: ReadonlyMap<string, Architecture> = new Map(Object.entries({ ...llama.architectures }));

export const modelTypes: readonly string[] = [...architectures.keys()].sort();
