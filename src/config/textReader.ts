import { ConfigError } from '../errors/trainerError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

/**
 * Make the function by which configs are read.
 * @returns the text of a file, or null when there is no such file; throws ConfigError `not-utf8`
 */
export function configTextReader(fs: FileSystem): (path: string) => Promise<string | null> {
  return async (path) => {
    if ((await fs.stat(path))?.kind !== 'file') return null;
    const bytes = await fs.readFile(path);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      const line = firstBadLine(bytes);
      throw new ConfigError(`a config must be UTF-8 text, but line ${line} of ${path} is not`, {
        code: 'not-utf8',
        span: { file: path, from: 0, to: 0, line, column: 1, endLine: line, endColumn: 1 },
        hint: 'save the file again with the encoding UTF-8',
        cause,
      });
    }
  };
}

/** No line feed is part of a longer UTF-8 sequence, so lines can be tried one by one. */
function firstBadLine(bytes: Uint8Array): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(10, start);
    const end = feed === -1 ? bytes.length : feed;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}
