export * from './pth/index.ts';
export * from './zip/index.ts';
export { encodePng } from './png.ts';
export * from './tfevents/index.ts';
