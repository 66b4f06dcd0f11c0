export * from './diagnostic.ts';
export * from './invariant.ts';
export * from './span.ts';
export * from './trainerError.ts';
