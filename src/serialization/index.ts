export * from './pth/index.ts';
export * from './zip/index.ts';
