export * from './cfgOptions.ts';
export * from './compatCfg.ts';
export * from './config.ts';
export { dumpText } from './dump.ts';
export * from './encode.ts';
export { deepCopy, DELETE_KEY, mergeAIntoB } from './merge.ts';
export * from './path.ts';
export { configTextReader } from './textReader.ts';
export { replaceCfgVals } from './replaceCfgVals.ts';
