export * from './cfgOptions.ts';
export * from './compatCfg.ts';
export * from './config.ts';
export {
  checkCustomImports,
  missingModule,
  moduleAround,
  moduleCandidates,
  moduleRoots,
} from './customImports.ts';
export { OWN_MODULES, OWN_SPECIFIERS } from './ownModules.ts';
export { dumpText } from './dump.ts';
export * from './encode.ts';
export * from './entryModules.ts';
export { deepCopy, DELETE_KEY, mergeAIntoB } from './merge.ts';
export * from './moduleGraph.ts';
export * from './moduleTypes.ts';
export * from './path.ts';
export { resolveImport, type IsFile, type Resolution } from './resolveImport.ts';
export { configTextReader } from './textReader.ts';
export { replaceCfgVals } from './replaceCfgVals.ts';
