export * from './bboxResult.ts';
export * from './cocoDatasetEvaluate.ts';
export * from './cocoEval.ts';
export * from './cocoTypes.ts';
export * from './readCoco.ts';
export * from './recalls.ts';
export * from './vocDatasetEvaluate.ts';
export * from './vocMap.ts';
