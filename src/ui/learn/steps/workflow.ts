import type { LearnStep } from '../step.ts';

export const workflow: LearnStep = {
  id: 'workflow',
  chapter: 'Workflow',
  title: 'Train and validate in turn',
  text: [
    '`workflow` is a list of phases, each with a number of epochs: the run goes through it again and again until it has trained for as many epochs as `runner` says. By default there is one phase, training.',
    'A second phase, `val`, computes the losses on the validation set. Such an epoch changes no parameter, and it doesn’t count: the run is as long as before.',
    'It has nothing to do with `evaluation`, which measures mAP after training epochs and goes on as it did.',
  ],
  config: `workflow = [('train', 1), ('val', 1)]`,
  tab: 'Charts',
  look: [
    {
      text: 'Every epoch has a second kind of line, with the losses on pictures that it doesn’t train on.',
      log: 'Epoch\\(val\\) \\[\\d\\].*loss_cls',
    },
  ],
};
