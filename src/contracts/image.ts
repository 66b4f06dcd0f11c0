/** A decoded picture: uint8, height x width x 3, RGB, row by row. EXIF rotation is already applied. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  /** What had to be done to read it, for the import report: `converted from CMYK`, `first of 4 frames`. */
  readonly warnings?: readonly string[];
}

/** Decodes encoded picture bytes. Throws DatasetError naming the reason when it can't. */
export type DecodeImage = (bytes: Uint8Array, name: string) => Promise<DecodedImage>;

/** Decodes a picture to see whether it can be decoded. Throws as {@link DecodeImage} does. */
export type CheckImage = (bytes: Uint8Array, name: string) => Promise<unknown>;
