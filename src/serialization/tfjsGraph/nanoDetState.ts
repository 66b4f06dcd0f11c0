// NanoDet's state dict out of its graph model, in which batch norm is folded into the convolutions.

import { CheckpointError } from '../../errors/index.ts';
import { TorchTensor } from '../pth/values.ts';
import type { GraphModel, GraphNode } from './graphModel.ts';

interface Conv {
  readonly node: GraphNode;
  /** [kh, kw, in, out] */
  readonly shape: readonly [number, number, number, number];
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
  /** Convolutions whose outputs reach it through other nodes only. */
  readonly sources: ReadonlySet<string>;
}

const CONVS: readonly string[] = ['Conv2D', '_FusedConv2D'];
const ADDS: readonly string[] = ['Add', 'AddV2', 'BiasAdd'];

/**
 * Name the convolutions of a NanoDet graph as upstream's PyTorch model does, by where they stand in the graph: laterals are the
 * 1x1 convolutions on the backbone's outputs, a level's head ends in the output with so many cells, the rest is a chain.
 * @returns `backbone.stages.0.conv.weight` …, float32, kernels [out, in, kh, kw]
 * @throws CheckpointError `foreign-checkpoint` where the graph is none of a NanoDet with a CSP backbone
 */
export function nanoDetState(graph: GraphModel): Map<string, TorchTensor> {
  const convs = convsOf(graph);
  const named = new Map<string, string>();
  const heads = headsOf(graph, convs);
  for (const [level, [last, before]] of heads.entries()) {
    named.set(before, `head.cls_convs.${level}.0.conv`);
    named.set(last, `head.gfl_cls.${level}`);
  }
  const rest = [...convs.values()].filter(({ node }) => !named.has(node.name));
  const laterals = rest
    .filter(({ node, shape: [kh] }) => kh === 1 && !rest.some(({ sources }) => sources.has(node.name)))
    .sort((a, b) => a.shape[2] - b.shape[2]);
  for (const [level, { node }] of laterals.entries()) named.set(node.name, `fpn.lateral_convs.${level}.conv`);
  const chain = rest.filter(({ node }) => !named.has(node.name));
  const depth = depths(convs);
  chain.sort((a, b) => (depth.get(a.node.name) ?? 0) - (depth.get(b.node.name) ?? 0));
  const names = backboneNames(chain);
  if (names.length !== chain.length || laterals.length !== heads.length) throw foreign();
  for (const [i, { node }] of chain.entries()) named.set(node.name, names[i] ?? '');

  const order = [...names, ...indexed(laterals, 'fpn.lateral_convs.', '.conv')];
  order.push(...indexed(heads, 'head.cls_convs.', '.0.conv'), ...indexed(heads, 'head.gfl_cls.', ''));
  const byName = new Map([...named].map(([node, name]) => [name, node]));
  const state = new Map<string, TorchTensor>();
  for (const name of order) {
    const conv = convs.get(byName.get(name) ?? '');
    if (!conv) throw foreign();
    const [kh, kw, inputs, outputs] = conv.shape;
    const weight = toTorchLayout(conv.kernel, kh * kw, inputs, outputs);
    state.set(
      `${name}.weight`,
      new TorchTensor({ shape: [outputs, inputs, kh, kw], dtype: 'float32', data: weight }),
    );
    state.set(`${name}.bias`, new TorchTensor({ shape: [outputs], dtype: 'float32', data: conv.bias }));
  }
  // Upstream keeps the places of the distributions as a buffer: 0, 1, 2, …
  const places = Float32Array.from({ length: boxChannels(graph) / 4 }, (_, i) => i);
  state.set(
    'head.distribution_project.project',
    new TorchTensor({ shape: [places.length], dtype: 'float32', data: places }),
  );
  return state;
}

/** Numbers of a box, 4 distributions: of the outputs that go through no sigmoid. */
function boxChannels(graph: GraphModel): number {
  for (const [name, shape] of graph.outputs) {
    const isScore = [...before(graph, name)].some(({ op }) => op === 'Sigmoid');
    const channels = shape.at(-1) ?? 0;
    if (!isScore && channels % 4 === 0) return channels;
  }
  throw foreign();
}

function indexed(list: readonly unknown[], before: string, after: string): string[] {
  return list.map((_, i) => `${before}${i}${after}`);
}

/** Each stage: a convolution that keeps its channels, pairs of halving ones, and one that keeps them again. */
function backboneNames(chain: readonly Conv[]): string[] {
  const names = ['backbone.stages.0.conv'];
  // The max pooling is stage 1.
  let stage = 1;
  let block = 0;
  let isInside = false;
  for (let i = 1; i < chain.length; i++) {
    const [, , inputs, outputs] = chain[i]?.shape ?? [0, 0, 0, 0];
    if (outputs * 2 === inputs) {
      names.push(
        `backbone.stages.${stage}.res_blocks.${block}.in_conv.conv`,
        `backbone.stages.${stage}.res_blocks.${block}.mid_conv.conv`,
      );
      block += 1;
      i += 1;
    } else if (isInside) {
      names.push(`backbone.stages.${stage}.res_out_conv.conv`);
      isInside = false;
    } else {
      stage += 1;
      block = 0;
      isInside = true;
      names.push(`backbone.stages.${stage}.in_conv.conv`);
    }
  }
  return names;
}

/** Of each level, finest first: its last convolution and the one before. */
function headsOf(graph: GraphModel, convs: ReadonlyMap<string, Conv>): [string, string][] {
  const byCells = new Map<number, string>();
  for (const [name, [, cells = 0]] of graph.outputs) {
    const [last, ...others] = sourcesOf(graph, name);
    if (last !== undefined && others.length === 0) byCells.set(cells, last);
  }
  const heads = [...byCells].sort(([a], [b]) => b - a);
  return heads.map(([, last]) => {
    const [before, ...others] = convs.get(last)?.sources ?? [];
    if (before === undefined || others.length > 0) throw foreign();
    return [last, before];
  });
}

function convsOf(graph: GraphModel): Map<string, Conv> {
  const convs = new Map<string, Conv>();
  for (const node of graph.nodes.values()) {
    if (!CONVS.includes(node.op)) continue;
    const kernel = graph.weights.get(node.inputs[1] ?? '');
    const bias = biasOf(graph, node);
    const [kh, kw, inputs, outputs] = kernel?.shape ?? [];
    if (!kernel || !bias || !kh || !kw || !inputs || outputs !== bias.length) throw foreign();
    const sources = sourcesOf(graph, node.inputs[0] ?? '');
    convs.set(node.name, { node, shape: [kh, kw, inputs, outputs], kernel: kernel.values, bias, sources });
  }
  if (convs.size === 0) throw foreign();
  return convs;
}

/** Its own third input, or what the one node adds that takes its output. */
function biasOf(graph: GraphModel, conv: GraphNode): Float32Array | undefined {
  const own = graph.weights.get(conv.inputs[2] ?? '');
  if (own) return own.values;
  const add = [...graph.nodes.values()].find(
    ({ op, inputs }) => ADDS.includes(op) && inputs.includes(conv.name),
  );
  const other = add?.inputs.find((input) => input !== conv.name);
  return other === undefined ? undefined : graph.weights.get(other)?.values;
}

/** The convolutions nearest before a node, itself included. */
function sourcesOf(graph: GraphModel, start: string): Set<string> {
  const convs = [...before(graph, start)].filter(({ op }) => CONVS.includes(op));
  return new Set(convs.map(({ name }) => name));
}

/** The nodes that lead to a node, itself included, back to the convolutions nearest before it. */
function before(graph: GraphModel, start: string): Set<GraphNode> {
  const found = new Set<GraphNode>();
  const queue = [start];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const node = graph.nodes.get(name);
    if (!node || found.has(node)) continue;
    found.add(node);
    if (!CONVS.includes(node.op)) queue.push(...node.inputs);
  }
  return found;
}

/** How many convolutions lie on the longest way to each. */
function depths(convs: ReadonlyMap<string, Conv>): Map<string, number> {
  const known = new Map<string, number>();
  const visit = (name: string): number => {
    const sources = [...(convs.get(name)?.sources ?? [])];
    const depth = known.get(name) ?? 1 + Math.max(0, ...sources.map(visit));
    known.set(name, depth);
    return depth;
  };
  for (const name of convs.keys()) visit(name);
  return known;
}

/** [positions, in, out] to [out, in, positions]. */
function toTorchLayout(
  kernel: Float32Array,
  positions: number,
  inputs: number,
  outputs: number,
): Float32Array {
  const turned = new Float32Array(kernel.length);
  for (let p = 0; p < positions; p++)
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++)
        turned[(o * inputs + i) * positions + p] = kernel[(p * inputs + i) * outputs + o] ?? 0;
  return turned;
}

function foreign(): CheckpointError {
  return new CheckpointError(
    'a TensorFlow.js graph model must be that of a NanoDet-g, but this one is built otherwise',
    {
      code: 'foreign-checkpoint',
      hint: 'the weights of other models are read from .pth and safetensors files',
    },
  );
}
