export * from './checked.ts';
export * from './declare.ts';
export * from './docs.ts';
export * from './kinds.ts';
export type * from './types.ts';
