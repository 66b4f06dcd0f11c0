import type { LearnStep } from '../step.ts';

export const checkpointConfig: LearnStep = {
  id: 'checkpoint_config',
  chapter: 'Default runtime',
  title: 'Which checkpoints are kept',
  text: [
    'Six entries set up the hooks that every run has: `lr_config`, `optimizer_config` and `momentum_config`, which you know by now, and `checkpoint_config`, `log_config` and `evaluation`.',
    '`checkpoint_config` says how often a checkpoint is written. `max_keep_ckpts` keeps the newest ones only; `save_optimizer=False` halves the files or better, but such a checkpoint can’t be gone on from exactly.',
  ],
  config: `checkpoint_config = dict(
    interval=1, max_keep_ckpts=2)`,
  tab: 'Checkpoints',
  look: [
    { text: 'One is written each epoch.', log: 'Saving checkpoint at 1 epochs' },
    {
      text: 'The Checkpoints tab has two in the end: `epoch_3.pth` and `epoch_4.pth`. PyTorch reads them.',
      log: 'Saving checkpoint at 4 epochs',
    },
  ],
};
