// Importing, as the page's worker and the command line call it.

export {
  fileOf,
  filesSource,
  importDataset,
  isUnfinished,
  lockDataset,
  offeredConfigs,
  recoverImports,
  reportPath,
  suggestName,
  zipSource,
} from './index.ts';
export type {
  DroppedFile,
  ImportFormat,
  ImportItem,
  ImportOptions,
  ImportProgress,
  ImportReport,
  ImportSource,
  OfferedConfig,
  SourceFile,
} from './index.ts';
