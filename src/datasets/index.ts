// Importing this registers every dataset and transform. The decoders are not here: each host imports its own.
export * from '../contracts/annotations.ts';
export * from './coco.ts';
export * from './custom.ts';
export * from './dataLoader.ts';
export * from './dataset.ts';
export * from './evaluateBoxes.ts';
export * from './expandCfg.ts';
export * from './pipelines/index.ts';
export * from './sample.ts';
export * from './sampleSource.ts';
export * from './samplers/groupSampler.ts';
export * from './samplers/sequentialSampler.ts';
export * from './shapes.ts';
export * from './wrappers.ts';
export * from './xmlStyle.ts';
