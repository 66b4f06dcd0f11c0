import type { Tensor } from '../../gpu/index.ts';
import type { Module } from '../../nn/index.ts';
import type { Detections } from '../bbox/nms.ts';
import type { ImageMeta, TrainBatch } from '../detectors/batch.ts';

/** Losses by MMDetection's names, each a scalar or one scalar per level. */
export type Losses = ReadonlyMap<string, Tensor | readonly Tensor[]>;

/** What a head predicts, in an order of its own: of each kind (scores, boxes, …) one float32 [B, H, W, …] per level. */
export type HeadOutputs = readonly (readonly Tensor[])[];

/**
 * A head that predicts boxes at every cell of every level.
 * @typeParam O what its `forward` returns; nobody else looks inside
 */
export interface DenseHead<O extends HeadOutputs = HeadOutputs> extends Module {
  readonly numClasses: number;
  /** @param feats float32 [B, H, W, C] per level; borrowed @returns as many tensors at each call */
  forward(feats: readonly Tensor[]): O;
  /** Nothing is read back from the GPU. @throws RunError without train_cfg */
  loss(outputs: O, batch: Omit<TrainBatch, 'img'>): Losses;
  /**
   * Read predictions back and turn them into boxes.
   * @param rescale true: boxes in px of the original pictures, else of the network's input
   * @returns per picture, best first
   */
  getBboxes(outputs: O, metas: readonly ImageMeta[], rescale: boolean): Promise<Detections[]>;
}
