export { offeredConfigs, type OfferedConfig } from './datasetConfig.ts';
export { importDataset, reportPath } from './importDataset.ts';
export { filesSource, fileOf, zipSource, type DroppedFile } from './sources.ts';
export { isUnfinished, lockDataset, recoverImports, suggestName } from './staging.ts';
export type {
  ImportFormat,
  ImportItem,
  ImportOptions,
  ImportProgress,
  ImportReport,
  ImportSource,
  SourceFile,
  SplitCounts,
} from './types.ts';
