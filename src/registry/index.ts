export * from './args/index.ts';
export { cfgProblems, keyProblems } from './cfgProblems.ts';
export * from './argNames.ts';
export * from './argSpec.ts';
export * from './buildContext.ts';
export * from './buildFromCfg.ts';
export * from './registries.ts';
export * from './registry.ts';
