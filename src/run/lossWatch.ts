import type { RunListener } from '../contracts/runEvents.ts';

export interface LossWatchOptions {
  /** The batch of the current iteration, whose pictures are named. */
  readonly batch: () => unknown;
  /** Called once, with a sentence that tells iteration, losses, learning rate and pictures. */
  readonly onInvalid: (message: string) => void;
}

/** What to do about losses that aren't finite. */
export const INVALID_LOSS_HINT =
  'lower optimizer.lr, lengthen the warm-up, or set optimizer_config.grad_clip; then start again from the last good checkpoint';

/**
 * Listen to a run's records for the first loss that is NaN or infinite, and to its checkpoints for such weights. Losses are looked at where they are read
 * anyway, every `log_config.interval` iterations: looking at each would make every iteration wait for the GPU.
 * @returns a listener to put before the run's own
 */
export function watchLosses({ batch, onInvalid }: LossWatchOptions): RunListener {
  let told = false;
  return (event) => {
    if (told) return;
    if (event.name === 'run.checkpointed' && event.notFinite) {
      told = true;
      const [first] = event.notFinite;
      onInvalid(
        `weights must be finite, but at iteration ${event.iter} those of ${event.notFinite.length} tensors are not, such as ${first} (saved as ${event.path})`,
      );
      return;
    }
    if (event.name !== 'run.measured' || event.mode !== 'train') return;
    const losses = Object.entries(event.values).filter(([name]) => name.includes('loss'));
    if (losses.every(([, value]) => Number.isFinite(value))) return;
    told = true;
    const values = losses.map(([name, value]) => `${name} is ${describe(value)}`).join(', ');
    const pictures = pictureIds(batch());
    onInvalid(
      `losses must be finite, but at iteration ${event.iter} (epoch ${event.epoch}, lr ${event.values.lr}) ${values}` +
        (pictures.length > 0 ? `; pictures of this iteration: ${pictures.join(', ')}` : ''),
    );
  };
}

function describe(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return Number.isFinite(value) ? value.toPrecision(4) : value > 0 ? 'inf' : '-inf';
}

function pictureIds(batch: unknown): string[] {
  const metas = (batch as { imgMetas?: readonly { img_id?: unknown; ori_filename?: unknown }[] } | null)
    ?.imgMetas;
  return (metas ?? []).map((meta) => String(meta.ori_filename ?? meta.img_id));
}
