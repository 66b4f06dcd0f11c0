// Importing this registers every transform.
export * from './compose.ts';
export * from './expand.ts';
export * from './formatting.ts';
export * from './imageOps.ts';
export * from './loadAnnotations.ts';
export * from './loadImageFromFile.ts';
export * from './minIoURandomCrop.ts';
export * from './multiScaleFlipAug.ts';
export * from './normalize.ts';
export * from './pad.ts';
export * from './photoMetricDistortion.ts';
export * from './randomAffine.ts';
export * from './randomFlip.ts';
export * from './resize.ts';
export * from './results.ts';
