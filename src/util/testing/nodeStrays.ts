// Errors that nobody waits for, in a test: vitest would take them for failures of its own.

type Take = (error: unknown) => boolean;

const NAMES = ['unhandledRejection', 'uncaughtException'] as const;

/**
 * Hand the process's stray errors over while `body` runs.
 * @param body gets what watches for them, and how many do
 * @throws what nobody took
 */
export async function withStrays<T>(
  body: (watchStray: (take: Take) => () => void, count: () => number) => Promise<T>,
): Promise<T> {
  const takers = new Set<Take>();
  const untaken: unknown[] = [];
  const onStray = (error: unknown): void => {
    if (![...takers].some((take) => take(error))) untaken.push(error);
  };
  // Node's types know each name's listeners apart; they are only put back.
  const others = NAMES.map((name) => [name, process.listeners(name as 'exit')] as const);
  for (const [name] of others) process.removeAllListeners(name).on(name, onStray);
  try {
    const result = await body(
      (take) => {
        takers.add(take);
        return () => void takers.delete(take);
      },
      () => takers.size,
    );
    if (untaken.length > 0) throw untaken[0];
    return result;
  } finally {
    for (const [name, listeners] of others) {
      process.removeAllListeners(name);
      for (const listener of listeners) process.on(name, listener as () => void);
    }
  }
}
