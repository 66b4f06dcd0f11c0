// What the person chose and expects to find again. Kept in localStorage; every value is checked on load.

export const TABS = [
  'Charts',
  'Schedule',
  'Data',
  'Predictions',
  'Checkpoints',
  'Parameters',
  'Profile',
] as const;
export type TabName = (typeof TABS)[number];
export type Theme = 'system' | 'light' | 'dark';
export type ChartAxis = 'iterations' | 'epochs';

const KEY = 'tabtrain.settings';
export const DEFAULT_CONFIG = 'workspace/configs/shapes/retinanet_tiny_shapes.py';

interface Stored {
  theme: Theme;
  tab: TabName;
  openPath: string;
  /** The config that was open last. */
  configPath: string;
  /** The run shown in the tabs, by its work dir. */
  shownRun: string | null;
  axis: ChartAxis;
  /** Weight of the past in the smoothed curves, [0, 0.99]. */
  smoothing: number;
  /** Boxes below it are not drawn, [0, 1]. */
  scoreThreshold: number;
  showResolved: boolean;
  learnOpen: boolean;
  /** Id of the step of Learn that was read last. */
  learnStep: string;
  /** Ids of the steps that were tried. */
  learnTried: readonly string[];
  /** Files of the workspace that Learn put there. */
  learnFiles: readonly string[];
}

function readStored(): Partial<Stored> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return typeof stored === 'object' && stored !== null ? stored : {};
  } catch {
    return {};
  }
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], fallback: T): T {
  return allowed.find((candidate) => candidate === value) ?? fallback;
}

function numberIn(value: unknown, low: number, high: number, fallback: number): number {
  return typeof value === 'number' && value >= low && value <= high ? value : fallback;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

/** The page's settings; writing one stores all. */
export class Settings {
  readonly #values: Stored = $state(validated(readStored()));

  get values(): Readonly<Stored> {
    return this.#values;
  }

  set(change: Partial<Stored>): void {
    Object.assign(this.#values, change);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // Storage may be forbidden or full; the settings then last as long as the page.
    }
  }
}

function validated(stored: Partial<Stored>): Stored {
  return {
    theme: oneOf(stored.theme, ['system', 'light', 'dark'], 'system'),
    tab: oneOf(stored.tab, TABS, 'Charts'),
    openPath: typeof stored.openPath === 'string' ? stored.openPath : DEFAULT_CONFIG,
    configPath: typeof stored.configPath === 'string' ? stored.configPath : DEFAULT_CONFIG,
    shownRun: typeof stored.shownRun === 'string' ? stored.shownRun : null,
    axis: oneOf(stored.axis, ['iterations', 'epochs'], 'iterations'),
    smoothing: numberIn(stored.smoothing, 0, 0.99, 0),
    scoreThreshold: numberIn(stored.scoreThreshold, 0, 1, 0.3),
    showResolved: stored.showResolved === true,
    learnOpen: stored.learnOpen === true,
    learnStep: typeof stored.learnStep === 'string' ? stored.learnStep : '',
    learnTried: textsOf(stored.learnTried),
    learnFiles: textsOf(stored.learnFiles),
  };
}
