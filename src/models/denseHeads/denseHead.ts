import type { Tensor } from '../../gpu/index.ts';
import type { Module } from '../../nn/index.ts';
import type { Detections } from '../bbox/nms.ts';
import type { ImageMeta, TrainBatch } from '../detectors/batch.ts';

/** Losses by MMDetection's names, each a scalar or one scalar per level. */
export type Losses = ReadonlyMap<string, Tensor | readonly Tensor[]>;

/** Predictions of every level, as the convolutions give them. */
export interface HeadOutputs {
  /** float32 [B, H, W, A * K] per level. */
  readonly clsScores: readonly Tensor[];
  /** float32 [B, H, W, A * 4] per level. */
  readonly bboxPreds: readonly Tensor[];
}

/** A head that predicts boxes at every cell of every level. */
export interface DenseHead extends Module {
  readonly numClasses: number;
  /** @param feats float32 [B, H, W, C] per level; borrowed */
  forward(feats: readonly Tensor[]): HeadOutputs;
  /** Nothing is read back from the GPU. @throws RunError without train_cfg */
  loss(outputs: HeadOutputs, batch: Omit<TrainBatch, 'img'>): Losses;
  /**
   * Read predictions back and turn them into boxes.
   * @param rescale true: boxes in px of the original pictures, else of the network's input
   * @returns per picture, best first
   */
  getBboxes(outputs: HeadOutputs, metas: readonly ImageMeta[], rescale: boolean): Promise<Detections[]>;
}
