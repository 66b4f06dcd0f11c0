// What each step of Learn must show, written down apart from the steps themselves.

export interface ExpectedStep {
  readonly config: string;
  readonly tab: string;
  /** Lines of the log that must be shown beside what to look at. */
  readonly log: readonly RegExp[];
}

/** By title. */
export const STEPS: Readonly<Record<string, ExpectedStep>> = {
  'Another optimizer': { config: 'any_optimizer.py', tab: 'Charts', log: [/lr: 3\.000e-04/] },
  'The learning rate': { config: 'learning_rate.py', tab: 'Schedule', log: [/lr: 5\.000e-03/] },
  'Write an optimizer of your own': { config: 'own_optimizer.py', tab: 'Charts', log: [/lr: 1\.000e-02/] },
  'Let a run find your optimizer': {
    config: 'register_optimizer.py',
    tab: 'Charts',
    log: [/lr: 3\.000e-02/],
  },
  'Name your optimizer in the config': {
    config: 'use_optimizer.py',
    tab: 'Parameters',
    log: [/lr: 5\.000e-03/],
  },
  'An optimizer constructor': {
    config: 'optimizer_constructor.py',
    tab: 'Parameters',
    log: [/constructor='MyOptimizerConstructor'/],
  },
  'Settings for some parameters only': { config: 'paramwise.py', tab: 'Parameters', log: [/lr: 2\.000e-03/] },
  'Clip gradients': { config: 'grad_clip.py', tab: 'Charts', log: [/grad_norm: \d/] },
  'Momentum that follows the learning rate': {
    config: 'momentum_schedule.py',
    tab: 'Schedule',
    log: [/lr: 2\.000e-02/],
  },
  'Steps, the usual schedule': { config: 'step_policy.py', tab: 'Schedule', log: [/lr: 2\.000e-04/] },
  'A polynomial': { config: 'poly_policy.py', tab: 'Schedule', log: [/lr: 3\.162e-03/] },
  'Cosine annealing with warm-up': { config: 'cosine_policy.py', tab: 'Schedule', log: [/lr: 2\.000e-03/] },
  'Train and validate in turn': { config: 'workflow.py', tab: 'Charts', log: [/Epoch\(val\) \[1\]/] },
  'Write a hook': {
    config: 'own_hook.py',
    tab: 'Charts',
    log: [/MyHook: iteration 4 trained with lr/, /MyHook: the run is over, 8 iterations/],
  },
  'Let a run find your hook': { config: 'register_hook.py', tab: 'Charts', log: [/MyHook: iteration 8/] },
  'Use a hook, and say when its turn is': {
    config: 'hook_priority.py',
    tab: 'Charts',
    log: [/\(HIGHEST\s*\) MyHook/],
  },
  'A hook that is there already': {
    config: 'mmcv_hook.py',
    tab: 'Charts',
    log: [/\(ABOVE_NORMAL\s*\) EMAHook/],
  },
  'A check that every run has': { config: 'num_class_check.py', tab: 'Charts', log: [/NumClassCheckHook/] },
  'Which checkpoints are kept': {
    config: 'checkpoint_config.py',
    tab: 'Checkpoints',
    log: [/Saving checkpoint at 1 epochs/, /Saving checkpoint at 4 epochs/],
  },
  'What is logged, and where to': { config: 'log_config.py', tab: 'Charts', log: [/TensorboardLoggerHook/] },
  'When and how it is evaluated': {
    config: 'evaluation_config.py',
    tab: 'Predictions',
    log: [/bbox_mAP: 0/],
  },
};
