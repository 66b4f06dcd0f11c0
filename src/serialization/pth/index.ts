export {
  bytesOf,
  bytesPerElement,
  valueAt,
  type ScalarValue,
  type TorchData,
  type TorchDtype,
} from './dtypes.ts';
export { dictOf, findStateDict, metaOf, type FoundStateDict } from './findStateDict.ts';
export { pythonRepr } from './pythonText.ts';
export * from './inspectPth.ts';
export * from './readPth.ts';
export type { UnpickleOptions } from './unpickler.ts';
export { toFloat32, toInt64, type RawData } from './toFloat32.ts';
export * from './values.ts';
export * from './writePth.ts';
