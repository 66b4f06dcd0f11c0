// nodeFs.ts and nodeLocks.ts are imported by path: they must never reach the page's bundle.
export * from './memoryFs.ts';
export * from './memoryLocks.ts';
export * from './mountFs.ts';
export * from './opfs.ts';
export * from './path.ts';
export * from './webLocks.ts';
