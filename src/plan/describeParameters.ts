// What a run would train: every parameter's group, learning rate and weight decay, and what decided them.

import type { ConfigDict } from '../config/config.ts';
import type { PlannedGroup, PlannedParameter } from '../contracts/plan.ts';
import { isDict } from '../lang/plain.ts';
import type { Detector } from '../models/index.ts';
import type { Parameter } from '../nn/index.ts';
import { explainParams, NO_RULE, type Optimizer, type ParamGroup } from '../optim/index.ts';
import type { Parts } from './parts.ts';

/** In the optimizer's order. */
export function describeGroups(parts: Parts, model: Detector, optimizer: Optimizer): PlannedGroup[] {
  const ruleOf = makeRuleOf(parts, model);
  return optimizer.paramGroups.map((group) => describeGroup(group, ruleOf));
}

/** In the model's order. */
export function describeParameters(parts: Parts, model: Detector, optimizer: Optimizer): PlannedParameter[] {
  const ruleOf = makeRuleOf(parts, model);
  const groupOf = new Map(
    optimizer.paramGroups.flatMap(({ params }, i) => params.map((param) => [param, i] as const)),
  );
  return model.parameters().map((param) => ({
    name: param.name,
    shape: param.shape,
    count: param.size,
    frozenBy: param.requiresGrad ? null : whatFroze(param.name, parts.dict),
    group: groupOf.get(param) ?? null,
    rule: ruleOf(param),
  }));
}

function makeRuleOf({ dict, context }: Parts, model: Detector): (param: Parameter) => string {
  const rules = explainParams(model, dict.optimizer, context);
  // Without rules the config names a constructor of its own.
  return (param) => rules?.get(param) ?? constructorOf(dict.optimizer) ?? NO_RULE;
}

function describeGroup(group: ParamGroup, ruleOf: (param: Parameter) => string): PlannedGroup {
  const trained = group.params.filter(({ requiresGrad }) => requiresGrad);
  const { lr, weight_decay: weightDecay = null, momentum = null, betas } = group;
  return {
    lr,
    weightDecay,
    momentum,
    betas: betas ? [...betas] : null,
    rules: [...new Set(trained.map(ruleOf))],
    tensorCount: trained.length,
    valueCount: trained.reduce((sum, { size }) => sum + size, 0),
  };
}

/** The entry of the config that froze a parameter. */
function whatFroze(name: string, { model }: ConfigDict): string {
  const backbone = isDict(model) && isDict(model.backbone) ? model.backbone : {};
  const { frozen_stages: stages } = backbone;
  const layer = /^backbone\.layer(\d+)\./.exec(name)?.[1];
  // A ResNet's stem is frozen with stage 0, layer n with stage n.
  const stage = layer !== undefined ? Number(layer) : name.startsWith('backbone.') ? 0 : Infinity;
  if (typeof stages === 'number' && stage <= stages) return `frozen_stages=${stages}`;
  return 'requires_grad=False';
}

function constructorOf(cfg: unknown): string | undefined {
  return isDict(cfg) && Object.hasOwn(cfg, 'constructor') ? String(cfg['constructor']) : undefined;
}
