export * from './cfgOptions.ts';
export * from './compatCfg.ts';
export * from './config.ts';
export {
  checkCustomImports,
  missingModule,
  moduleAround,
  moduleCandidates,
  moduleRoots,
} from '../usercode/customImports.ts';
export { OWN_MODULES, OWN_SPECIFIERS } from '../usercode/ownModules.ts';
export { dumpText } from './dump.ts';
export * from './encode.ts';
export * from '../usercode/entryModules.ts';
export { deepCopy, DELETE_KEY, mergeAIntoB } from './merge.ts';
export * from '../usercode/moduleGraph.ts';
export * from '../usercode/moduleTypes.ts';
export * from './path.ts';
export { resolveImport, type IsFile, type Resolution } from '../usercode/resolveImport.ts';
export { configTextReader } from './textReader.ts';
export { replaceCfgVals } from './replaceCfgVals.ts';
