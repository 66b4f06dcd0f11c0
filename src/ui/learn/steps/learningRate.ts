import type { LearnStep } from '../step.ts';

export const learningRate: LearnStep = {
  id: 'learning_rate',
  chapter: 'Optimizer',
  title: 'The learning rate',
  text: [
    'The learning rate is the argument that matters most. To change only this one, write only this one: everything else comes from the inherited config.',
    'Open “Resolved config” above the editor: it shows what your line and the base make together.',
  ],
  config: `optimizer = dict(lr=0.005)`,
  tab: 'Schedule',
  look: [
    { text: 'The Schedule tab redraws the curve as you type, before you train.' },
    { text: 'Behind the warm-up the log has the new value.', log: 'lr: 5\\.000e-03' },
  ],
};
