// nodeFs.ts is imported by path: it must never reach the page's bundle.
export * from './memoryFs.ts';
export * from './mountFs.ts';
export * from './opfs.ts';
export * from './path.ts';
