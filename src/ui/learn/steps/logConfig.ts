import type { LearnStep } from '../step.ts';

export const logConfig: LearnStep = {
  id: 'log_config',
  chapter: 'Default runtime',
  title: 'What is logged, and where to',
  text: [
    '`log_config` holds a list of loggers and the interval, in iterations, at which they all speak. What lies between two lines is averaged.',
    '`TextLoggerHook` writes the log below. `TensorboardLoggerHook` writes event files that TensorBoard opens. `WandbLoggerHook` and `MlflowLoggerHook` send the values to a server of yours; while it is away they wait, and training goes on.',
    'A real run logs every 50 iterations or so. This one is too short for that.',
  ],
  config: `log_config = dict(
    interval=2,
    hooks=[
        dict(type='TextLoggerHook'),
        dict(type='TensorboardLoggerHook')
    ])`,
  tab: 'Charts',
  look: [
    { text: 'A line now stands for two iterations.', log: 'Epoch \\[1\\]\\[2/2\\]' },
    {
      text: 'The second logger is in the list of hooks; its files are in the run’s folder, under `tf_logs`.',
      log: '\\(VERY_LOW\\s*\\) TensorboardLoggerHook',
    },
  ],
};
