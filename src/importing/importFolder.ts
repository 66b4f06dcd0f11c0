// Importing, as the page's worker and the command line call it.

export {
  datasetConfig,
  datasetConfigPath,
  fileOf,
  filesSource,
  importDataset,
  isUnfinished,
  lockDataset,
  recoverImports,
  reportPath,
  suggestName,
  zipSource,
} from './index.ts';
export type {
  DatasetConfigTemplate,
  DroppedFile,
  ImportFormat,
  ImportItem,
  ImportOptions,
  ImportProgress,
  ImportReport,
  ImportSource,
  SourceFile,
} from './index.ts';
