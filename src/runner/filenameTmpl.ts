import { ConfigError } from '../errors/trainerError.ts';
import { formatTemplate } from '../lang/format.ts';
import { PyError } from '../lang/pyError.ts';

/**
 * Python's `template.format(number)`: what a checkpoint is called.
 * @param template with fields for one whole number: `{}`, `{0}`, `{:d}`, `{:03d}`, `{:>5}`, `{:x}`, …
 * @throws ConfigError `bad-value` for what Python can't format so
 * @example formatFilename('epoch_{:03d}.pth', 7) // 'epoch_007.pth'
 */
export function formatFilename(template: string, number: number): string {
  try {
    return formatTemplate(template, (field) => {
      if (field === '0') return number;
      throw new PyError('KeyError', `the only number is 0, but the field is ${field}`);
    });
  } catch (error) {
    if (!(error instanceof PyError)) throw error;
    throw new ConfigError(
      `filename_tmpl must have a place for one number, as in 'epoch_{}.pth', but got '${template}': ${error.message}`,
      {
        code: 'bad-value',
        hint: 'write {} or a format of whole numbers, such as {:03d}; {{ and }} stand for braces',
        cause: error,
      },
    );
  }
}
