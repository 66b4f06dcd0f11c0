// Looks at the formula of a person's own fused optimizer before the first step.

import { spanAt, type Span } from '../errors/span.ts';
import { UserCodeError } from '../errors/trainerError.ts';
import { checkFormula, type FormulaFault } from '../gpu/dispatch/checkFormula.ts';
import {
  ElementwiseOptimizer,
  type ElementwiseRule,
  type Optimizer,
  type ParamGroup,
} from '../optim/index.ts';
import type { TranspiledModule } from '../usercode/transpile.ts';

/**
 * Check the rules of all groups.
 * @throws UserCodeError `bad-formula` at the formula's line, where a module holds it as it is
 */
export async function checkFormulas(
  optimizer: Optimizer,
  modules: Iterable<TranspiledModule>,
): Promise<void> {
  if (!(optimizer instanceof ElementwiseOptimizer)) return;
  const checked = new Set<string>();
  for (const group of optimizer.paramGroups) {
    const rule = optimizer.ruleFor(group);
    if (checked.has(rule.wgsl)) continue;
    checked.add(rule.wgsl);
    const fault = await checkFormula({
      body: rule.wgsl,
      reads: ['g'],
      writes: ['p', ...rule.stateNames],
      uniforms: hyperNames(rule, group),
    });
    if (fault) throw badFormula(rule, fault, [...modules]);
  }
}

/** @throws UserCodeError `bad-formula` for what is no number */
function hyperNames(rule: ElementwiseRule, group: ParamGroup): string[] {
  const hyper = rule.hyper(group, 1, rule.scalars?.initial(group) ?? {});
  for (const [name, value] of Object.entries(hyper)) {
    if (typeof value === 'number') continue;
    throw new UserCodeError(`hyper of ${rule.name} must give numbers, but ${name} is ${String(value)}`, {
      code: 'bad-formula',
      path: 'optimizer',
    });
  }
  return Object.keys(hyper);
}

function badFormula(
  rule: ElementwiseRule,
  fault: FormulaFault,
  modules: readonly TranspiledModule[],
): UserCodeError {
  return new UserCodeError(`the formula of ${rule.name} does not compile: ${fault.message}`, {
    code: 'bad-formula',
    path: 'optimizer',
    span: placeOf(rule.wgsl, fault, modules),
    hint: 'it is WGSL: p and the states are f32 variables, g is the gradient, the numbers of hyper() are u.<name>',
  });
}

/** The place in the module that holds the formula's text; undefined when it was put together. */
function placeOf(
  wgsl: string,
  { line, column }: FormulaFault,
  modules: readonly TranspiledModule[],
): Span | undefined {
  const module = modules.find(({ text }) => text.includes(wgsl));
  if (!module) return undefined;
  const before =
    wgsl
      .split('\n')
      .slice(0, line - 1)
      .join('\n').length + (line > 1 ? 1 : 0);
  const at = module.text.indexOf(wgsl) + before + column - 1;
  return spanAt(module.path, module.text, at, at);
}
