import { Optimizer } from './optimizer.ts';

/** Clears the gradients, computes the loss, sets the gradients anew, and returns the loss. */
export type LossClosure = () => number | Promise<number>;

/** An optimizer that needs the loss several times in one step. OptimizerHook gives it a closure that runs the model again. */
export abstract class ClosureOptimizer extends Optimizer {
  /**
   * @returns the loss at the start
   * @throws ConfigError `missing-closure` without a closure
   */
  abstract override step(closure?: LossClosure): Promise<number>;
}
