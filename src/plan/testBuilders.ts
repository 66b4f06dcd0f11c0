// What evaluating weights is made of: a plan with these builders, and a checkpoint.

import type { ConfigDict } from '../config/config.ts';
import { TrainerError } from '../errors/trainerError.ts';
import type { BuildContext } from '../registry/buildContext.ts';
import { numClassProblems } from '../runner/hooks/numClassCheck.ts';
import { buildDataset } from './buildDataset.ts';
import { importModules, makeModel, type Builder } from './builders.ts';

/** `data.test`, its labels numbered as the weights number them. */
export const openTestSet: Builder = {
  name: 'testSet',
  needs: [],
  async build(parts) {
    const { dict, context, host } = parts;
    const classes = host.weights?.classes ?? (await trainedClasses(dict, context));
    parts.testSet = await buildDataset(dict, 'test', context, classes);
  },
};

/** Whether the model has as many classes as the data. */
export const compareModelAndTestSet: Builder = {
  name: 'modelOnTestSet',
  needs: ['model', 'testSet'],
  build({ model, testSet, problems }) {
    if (!model || !testSet) return;
    model.CLASSES = testSet.CLASSES;
    problems.push(...numClassProblems(model, testSet.CLASSES, 'data.test.classes'));
  },
};

export const TEST_BUILDERS: readonly Builder[] = [
  importModules,
  openTestSet,
  makeModel,
  compareModelAndTestSet,
];

/** Those of the training set; undefined where it can't be read here: the test set's own order is all there is then. */
async function trainedClasses(
  dict: ConfigDict,
  context: BuildContext,
): Promise<readonly string[] | undefined> {
  try {
    return (await buildDataset(dict, 'train', context)).CLASSES;
  } catch (error) {
    if (error instanceof TrainerError) return undefined;
    throw error;
  }
}
