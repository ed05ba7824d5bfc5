/** What a module needs in Node beyond the runtime: a GPU adapter, and checkpoints as files. */
export { type AdapterMode, adapterMode, type OpenedDevice, type OpenedGpu, openDevice, openGpu } from './adapter.ts';
export { type AdapterDescription, describeAdapter } from './adapter-description.ts';
export { type CheckpointOptions, openCheckpoint } from './checkpoint-file.ts';
export { openFile } from './file-source.ts';
export { pollSparsely } from './polling.ts';
