import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import { maskSecrets } from '../util/secrets.ts';

/** Writes the text log: to its file, and to whoever listens. */
export interface Logger {
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
  /** Wait until everything is in the file. */
  flush(): Promise<void>;
}

/**
 * A logger whose lines look like MMDetection's: `2026-11-23 16:01:02,345 - mmdet - INFO - message`.
 * Secrets are masked. Lines are queued and appended in order; a failing disk never stops the training, it is told once.
 */
export function createLogger(
  fs: Pick<FileSystem, 'appendFile'>,
  path: string,
  onEvent: RunListener,
  now: () => Date = () => new Date(),
): Logger {
  let queue = '';
  let writing: Promise<void> | null = null;
  let failed = false;

  const drain = async (): Promise<void> => {
    while (queue !== '') {
      const text = queue;
      queue = '';
      try {
        await fs.appendFile(path, text);
      } catch (error) {
        if (failed) continue;
        failed = true;
        const message = error instanceof Error ? error.message : String(error);
        onEvent({
          name: 'run.noticed',
          level: 'warning',
          code: 'log-not-written',
          message: `the log file can't be written: ${message}`,
        });
      }
    }
    writing = null;
  };

  const write = (level: string, message: string): void => {
    const line = maskSecrets(`${formatTime(now())} - mmdet - ${level} - ${message}`);
    onEvent({ name: 'run.logged', line });
    queue += `${line}\n`;
    writing ??= Promise.resolve().then(drain);
  };

  return {
    info: (message) => write('INFO', message),
    warning: (message) => write('WARNING', message),
    error: (message) => write('ERROR', message),
    flush: async () => {
      while (writing) await writing;
    },
  };
}

/** `%Y-%m-%d %H:%M:%S,mmm` in local time, as Python's logging writes it. */
function formatTime(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, '0')}`;
}
