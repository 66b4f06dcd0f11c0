// Which variant of each kernel runs on this machine's adapter: measured at the first run of a shape, kept in a file, and
// used again at every later visit.

import { adapterInfo, setVariantChoices, setVariantTuning } from '../gpu/index.ts';
import { isDict } from '../lang/plain.ts';
import { ConfigError } from '../errors/trainerError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

/**
 * `measure`: each shape once; `rule`: the kernels' own choice; `auto`: measure on a GPU, where it differs from one to the
 * other, and go by the rule on a software adapter, whose pipelines take longer to compile than they could save.
 */
export type KernelMode = 'auto' | 'measure' | 'rule';

export interface KernelOptions {
  /** Default auto. */
  readonly mode?: KernelMode;
  /** Folder of the remembered choices; without it nothing outlives the run. */
  readonly folder?: string;
  /** Refuse variants that round differently. */
  readonly isDeterministic: boolean;
  /** Asked between two measurements; may wait. True: what isn't measured yet goes by the rule. */
  readonly isStopped?: () => Promise<boolean>;
}

interface KernelFile {
  readonly version: 1;
  /** Its key: vendor, architecture, device and description. */
  readonly adapter: string;
  /** Variant names by kernel and shape. */
  readonly choices: Readonly<Record<string, string>>;
}

export interface KernelsInUse {
  /** Whether another run with the seed gives the same bits, whatever is remembered of this adapter by then. */
  readonly areDeterministic: boolean;
  /** Switches measuring off and waits for the last write; to be called when the run ends. */
  end(): Promise<void>;
}

/**
 * Use what is remembered for this adapter and measure the rest. New choices are written down at once: a run that is
 * killed must go on with the very kernels it had, since others may round differently.
 */
export async function useKernelChoices(fs: FileSystem, options: KernelOptions): Promise<KernelsInUse> {
  const { mode = 'auto', folder, isDeterministic, isStopped } = options;
  const { key, isSoftware } = adapterInfo();
  setVariantChoices({});
  if (mode === 'rule' || (mode === 'auto' && isSoftware))
    return { areDeterministic: true, end: () => Promise.resolve() };
  const path =
    folder &&
    `${folder}/kernels-${key.replaceAll(/\W+/g, '-')}${isDeterministic ? '-deterministic' : ''}.json`;
  if (path) setVariantChoices(await readChoices(fs, path, key));
  let written = Promise.resolve();
  const keep = (choices: Readonly<Record<string, string>>): void => {
    const file: KernelFile = { version: 1, adapter: key, choices };
    // What can't be kept is measured again by the next run.
    if (path)
      written = written
        .then(() => fs.writeFile(path, `${JSON.stringify(file, null, 1)}\n`))
        .catch(() => undefined);
  };
  setVariantTuning({ isDeterministic, onMeasured: keep, isStopped });
  const end = async (): Promise<void> => {
    setVariantTuning(null);
    await written;
    setVariantChoices({});
  };
  return { areDeterministic: isDeterministic, end };
}

/** What is remembered; a file that can't be read is as good as none, since everything can be measured again. */
async function readChoices(fs: FileSystem, path: string, adapter: string): Promise<Record<string, string>> {
  if (!(await fs.stat(path))) return {};
  try {
    const file: unknown = JSON.parse(await fs.readText(path));
    if (!isDict(file) || file.version !== 1 || file.adapter !== adapter || !isDict(file.choices)) return {};
    return Object.fromEntries(
      Object.entries(file.choices).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return {};
  }
}

/** @param path of the key in a config, where it comes from one @throws ConfigError `bad-option` */
export function readKernelMode(text: unknown, path?: string): KernelMode {
  if (text === 'auto' || text === 'measure' || text === 'rule') return text;
  throw new ConfigError(`kernels must be auto, measure or rule, but got ${String(text)}`, {
    code: 'bad-option',
    path,
    hint: 'measure tries every variant of a kernel once; rule takes the one that the kernel itself would',
  });
}
