export {
  bytesOf,
  bytesPerElement,
  valueAt,
  type ScalarValue,
  type TorchData,
  type TorchDtype,
} from './dtypes.ts';
export { pythonRepr } from './pythonText.ts';
export * from './inspectPth.ts';
export * from './readPth.ts';
export type { UnpickleOptions } from './unpickler.ts';
export * from './values.ts';
export * from './writePth.ts';
