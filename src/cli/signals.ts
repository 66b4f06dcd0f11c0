import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Signals {
  /** 128 + the signal that came; 0 without one. */
  exitCode(): number;
  /** Leave signals to the process again. */
  ignore(): void;
}

/**
 * Call `stop` at the first signal that asks the process to end: Ctrl-C, `docker stop` and job schedulers (SIGTERM), a
 * closed terminal (SIGHUP). The second one ends it at once, with 128 + its number.
 */
export function stopOnSignals(stop: () => void): Signals {
  let code = 0;
  const onSignal = (name: (typeof SIGNALS)[number]): void => {
    const own = 128 + constants.signals[name];
    if (code !== 0) process.exit(own);
    code = own;
    console.error(
      `${name}: stopping after this iteration (a checkpoint is saved; another signal quits at once)`,
    );
    stop();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    exitCode: () => code,
    ignore: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
