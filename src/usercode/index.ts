// Which modules a config imports, and what their imports mean: pure, for the editor too. Compiling and linking are loaded
// with the first module.
export {
  checkCustomImports,
  missingModule,
  moduleAround,
  moduleCandidates,
  moduleRoots,
} from './customImports.ts';
export * from './entryModules.ts';
export * from './moduleGraph.ts';
export * from './moduleTypes.ts';
export { OWN_MODULES, OWN_SPECIFIERS } from './ownModules.ts';
export { resolveImport, type IsFile, type Resolution } from './resolveImport.ts';
