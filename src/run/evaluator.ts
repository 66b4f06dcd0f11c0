import type { DataLoader } from '../datasets/dataLoader.ts';
import type { Dataset, EvaluationLogger, Metrics } from '../datasets/dataset.ts';
import { evaluateBoxes } from '../datasets/evaluateBoxes.ts';
import type { Batch } from '../datasets/sample.ts';
import { RunError } from '../errors/trainerError.ts';
import type { BboxResult } from '../evaluation/index.ts';
import { isDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { snakeToCamel } from '../registry/argNames.ts';
import type { Evaluation, Evaluator } from '../runner/hooks/evaluation.ts';
import type { DecodedImage, DecodeImage } from '../contracts/image.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { ClassScore, DrawnBox, PredictedImage } from '../contracts/runEvents.ts';
import { RunControl } from '../runner/runControl.ts';
import { untilStopped } from '../runner/untilStopped.ts';
import { at } from '../util/at.ts';
import { turn } from '../util/turn.ts';

/** A model that can detect. */
export interface TestableModel {
  eval(): unknown;
  simpleTest(batch: Batch, options: { rescale: boolean }): Promise<BboxResult[]>;
}

export interface DetectorEvaluatorOptions {
  model: TestableModel;
  dataset: Dataset;
  loader: DataLoader;
  fs: FileSystem;
  decodeImage: DecodeImage;
  log: (line: string) => void;
  /** How many of the first pictures come back with their boxes drawn. Default 6. */
  numPreviews?: number;
}

/** Scores below this are not drawn; the page's slider goes up from here. */
const DRAWN_SCORE = 0.05;
const PREVIEW_SIDE_PX = 480;

/** Runs a detector over a dataset and scores it as that dataset's `evaluate` does. */
export class DetectorEvaluator implements Evaluator {
  readonly #options: DetectorEvaluatorOptions;
  #previews: Promise<DecodedImage>[] | null = null;

  constructor(options: DetectorEvaluatorOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#options.loader.length;
  }

  /**
   * Detections of every picture, in the dataset's order and in its own pixels. Pauses between two batches, and stops
   * there, as `control` says.
   */
  async detect(control = new RunControl()): Promise<BboxResult[]> {
    const { model, loader } = this.#options;
    model.eval();
    const results: BboxResult[] = [];
    for await (const batch of untilStopped(loader.epoch(0), control)) {
      results.push(...(await model.simpleTest(batch, { rescale: true })));
      await turn();
    }
    return results;
  }

  async evaluate(
    evalKwargs: Readonly<Record<string, unknown>>,
    control = new RunControl(),
  ): Promise<Evaluation | null> {
    const results = await this.detect(control);
    if (await control.checkpoint()) return null;
    return { ...(await this.score(results, evalKwargs)), predictions: await this.#draw(results) };
  }

  /**
   * Compute the metrics of results that are already there.
   * @param evalKwargs by their config names
   * @throws RunError `bad-metrics` when a person's own `evaluate` returns something else
   */
  async score(
    results: readonly BboxResult[],
    evalKwargs: Readonly<Record<string, unknown>>,
  ): Promise<Omit<Evaluation, 'predictions'>> {
    const { dataset, log } = this.#options;
    let perClass: readonly ClassScore[] = [];
    const logger: EvaluationLogger = { info: log, classScores: (scores) => void (perClass = scores) };
    const kwargs = Object.entries(evalKwargs).map(([key, value]) => [snakeToCamel(key), value] as const);
    const options = { ...Object.fromEntries(kwargs), logger };
    const metrics: unknown = await (dataset.evaluate?.(results, options) ??
      evaluateBoxes(dataset, results, options));
    if (isMetrics(metrics)) return { metrics, perClass };
    throw new RunError(
      `${dataset.constructor.name}.evaluate must return an object of numbers and texts, but returned ${plainRepr(metrics)}`,
      { code: 'bad-metrics', path: 'data.val', hint: 'return { mAP: 0.5 }' },
    );
  }

  async #draw(results: readonly BboxResult[]): Promise<PredictedImage[]> {
    const { dataset, numPreviews = 6 } = this.#options;
    const shown = results.slice(0, numPreviews);
    const previews = (this.#previews ??= shown.map((_, i) => this.#readPicture(i)));
    const drawn: PredictedImage[] = [];
    for (const [i, result] of shown.entries()) {
      const picture = await at(previews, i);
      const small = shrink(picture, PREVIEW_SIDE_PX);
      const scale = small.width / picture.width;
      const { bboxes, labels } = dataset.getAnnInfo(i);
      drawn.push({
        name: dataset.getImgInfo(i).filename,
        ...small,
        detections: detectionBoxes(result, scale),
        groundTruth: Array.from(labels, (label, n) => ({
          label,
          score: 1,
          bbox: boxAt(bboxes, n * 4, scale),
        })),
      });
    }
    return drawn;
  }

  async #readPicture(index: number): Promise<DecodedImage> {
    const { dataset, fs, decodeImage } = this.#options;
    const info = dataset.getImgInfo(index);
    if (info.pixels) return info.pixels();
    const path = dataset.imagePath(index) ?? info.filename;
    return decodeImage(await fs.readFile(path), path);
  }
}

function detectionBoxes(result: BboxResult, scale: number): DrawnBox[] {
  return result.flatMap((rows, label) => {
    const boxes: DrawnBox[] = [];
    for (let from = 0; from < rows.length; from += 5) {
      const score = rows[from + 4] ?? 0;
      if (score >= DRAWN_SCORE) boxes.push({ label, score, bbox: boxAt(rows, from, scale) });
    }
    return boxes;
  });
}

function boxAt(values: Float32Array, from: number, scale: number): [number, number, number, number] {
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = values.subarray(from, from + 4);
  return [x1 * scale, y1 * scale, x2 * scale, y2 * scale];
}

/** Shrink to at most `side` px by averaging whole blocks of pixels. */
function shrink(image: DecodedImage, side: number): { width: number; height: number; rgb: Uint8Array } {
  const factor = Math.ceil(Math.max(image.width, image.height) / side);
  if (factor === 1) return { width: image.width, height: image.height, rgb: image.rgb.slice() };
  const width = Math.floor(image.width / factor);
  const height = Math.floor(image.height / factor);
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let dy = 0; dy < factor; dy++) {
          for (let dx = 0; dx < factor; dx++)
            sum += image.rgb[((y * factor + dy) * image.width + x * factor + dx) * 3 + c] ?? 0;
        }
        rgb[(y * width + x) * 3 + c] = sum / (factor * factor);
      }
    }
  }
  return { width, height, rgb };
}

function isMetrics(value: unknown): value is Metrics {
  return (
    isDict(value) && Object.values(value).every((one) => typeof one === 'number' || typeof one === 'string')
  );
}
