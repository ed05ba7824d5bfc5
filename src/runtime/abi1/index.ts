/** ABI 1: what generated modules import. Nothing here needs Node, and nothing comes from the compiler. */
export { type AttentionCall, AttentionSession, type AttentionSize } from './attention.ts';
export { BufferLedger, type LedgerEntry } from './buffers.ts';
export { type ByteSource, bytesSource, type FetchSourceOptions, fetchSource } from './byte-source.ts';
export type { GenerateOptions, Logits, PrefillOptions } from './call-options.ts';
export type { Checkpoint } from './checkpoint.ts';
export type { ModuleDefinition } from './definition.ts';
export { requestDevice } from './device.ts';
export {
  CheckpointError,
  DeviceLostError,
  FeatureError,
  GqacError,
  LimitError,
  NoGpuError,
  OutOfMemoryError,
  UsageError,
} from './errors.ts';
export { LoadedModule, type LoadOptions } from './loaded-module.ts';
export { Attention, loadAttention, loadModel, Model } from './model.ts';
export type { PerSequence } from './per-sequence.ts';
export { SafetensorsFile } from './safetensors.ts';
export type { SamplingOptions } from './sampling.ts';
export { Session } from './session.ts';
export type { SessionOptions } from './session-options.ts';
export { type OpenShard, ShardedCheckpoint } from './sharded-checkpoint.ts';
export { type DeviceTensor, deviceTensor, type Shape, type Tensor, type TensorDtype, tensorUsage } from './tensor.ts';
export { charVocabulary, type Vocabulary } from './vocabulary.ts';
export type { LoadProgress } from './weights.ts';
