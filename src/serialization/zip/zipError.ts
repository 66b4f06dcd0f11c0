import { TrainerError, type TrainerErrorOptions } from '../../errors/index.ts';

export type ZipErrorCode =
  | 'zip-truncated'
  | 'zip-encrypted'
  | 'zip-not-a-zip'
  | 'zip-empty'
  | 'zip-bomb'
  | 'zip-crc'
  | 'zip-bad-name'
  | 'zip-multi-disk'
  | 'zip-unsupported-method';

/** A zip archive is at fault: damaged, protected, too large when unpacked, or no zip at all. */
export class ZipError extends TrainerError {
  override readonly name: string = 'ZipError';
  override readonly isInputError = true;

  constructor(code: ZipErrorCode, message: string, options: Omit<TrainerErrorOptions, 'code'> = {}) {
    super(message, { ...options, code });
  }
}
