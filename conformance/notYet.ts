// The one list of what conformance skips. A case that needs something built nowhere and listed nowhere fails, and so does the
// test when a case that mentions a listed name passes: then the name comes off the list.

/** Stands for every case of a file. */
export const EVERYTHING = '*';

/** By fixture file, names of what is not built yet: a registered class, a kind of case, a folder of MMDetection's configs. */
export const NOT_YET: Readonly<Record<string, readonly string[]>> = {
  'augment.json': [
    'AutoAugment',
    'BrightnessTransform',
    'ColorTransform',
    'ContrastTransform',
    'CutOut',
    'EqualizeTransform',
    'FilterAnnotations',
    'MixUp',
    'Mosaic',
    'RandomCenterCropPad',
    'RandomCrop',
    'RandomShift',
    'Rotate',
    'Shear',
    'Translate',
    'YOLOXHSVRandomAug',
    'resize_area',
    'resize_bicubic',
    'resize_near',
  ],
  'models.json': ['SSDHead', 'YOLOX'],
  'models2.json': [EVERYTHING],
  'ops.json': [
    'BalancedL1Loss',
    'BoundedIoULoss',
    'CIoULoss',
    'DIoULoss',
    'MSELoss',
    'SSDAnchorGenerator',
    'simota_assigner',
  ],
  'state_dicts.json': ['ssd', 'yolox'],
  // The GPU has no float64.
  'bccd_first_steps.json': ['YOLOX', 'float64'],
};

/** True where a name (or the whole file) is listed. @param file base name of a fixture file */
export function isNotYet(file: string, name: string): boolean {
  const names = NOT_YET[file] ?? [];
  return names.includes(name) || names.includes(EVERYTHING);
}
