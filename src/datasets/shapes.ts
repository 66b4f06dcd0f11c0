import {
  atLeast,
  DATASETS,
  declareArgs,
  int,
  optional,
  pairOf,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../registry/index.ts';
import { ConfigError } from '../errors/trainerError.ts';
import type { DecodedImage } from '../contracts/image.ts';
import {
  packBoxes,
  type AnnInfo,
  type CocoAnnotation,
  type EvaluationGroundTruth,
  type ImgInfo,
} from '../contracts/annotations.ts';
import { CustomDataset, DATASET_ARGS } from './custom.ts';
import {
  boundsOf,
  drawShapes,
  layOutShapes,
  SHAPE_KINDS,
  type ShapeKind,
  type ShapeScene,
} from './shapesDrawing.ts';
import { at } from '../util/at.ts';

/** Drawn pictures are kept for the next epoch up to this size, so that drawing never holds up the GPU. */
const MAX_KEPT_BYTES = 128 * 2 ** 20;

const SHAPES_ARGS = declareArgs({
  num_images: required(atLeast(int, 1), 'How many pictures there are.', 'pictures'),
  ...DATASET_ARGS.table,
  img_scale: optional(pairOf(atLeast(int, 32)), [128, 128], 'Width and height of each.', 'px'),
  max_objects: optional(atLeast(int, 1), 5, 'A picture has 1 to so many shapes.', 'shapes'),
  seed: optional(atLeast(int, 0), 0, 'Take different ones for training and validation.'),
});

/**
 * Generated pictures with circles, squares and triangles on textured grounds: nothing to download. Picture i of a
 * seed is always the same one, drawn when asked for. Sizes vary from 14 to 44 % of the shorter side, colours and
 * textures at random, so that only the outline tells the class. Ours; MMDetection has none of the kind.
 */
export class ShapesDataset extends CustomDataset {
  static readonly args = SHAPES_ARGS;
  readonly #numImages: number;
  readonly #size: readonly [number, number];
  readonly #maxObjects: number;
  readonly #seed: number;
  #scenes: readonly ShapeScene[] = [];

  constructor(args: ArgsOf<typeof SHAPES_ARGS>, context: BuildContext) {
    super(args, context);
    const { numImages, imgScale, maxObjects, seed } = withDefaults(SHAPES_ARGS, args);
    this.#numImages = numImages;
    this.#maxObjects = maxObjects;
    this.#seed = seed;
    this.#size = imgScale;
  }

  protected async loadAnnotations(classes: readonly string[] | null): Promise<ImgInfo[]> {
    const unknown = classes?.find((name) => !isShapeKind(name));
    if (unknown !== undefined) {
      throw new ConfigError(
        `classes of ShapesDataset must be among ${SHAPE_KINDS.join(', ')}, but got '${unknown}'`,
        {
          code: 'bad-value',
        },
      );
    }
    const kinds = classes ? classes.filter(isShapeKind) : SHAPE_KINDS;
    this.CLASSES = kinds;
    const [width, height] = this.#size;
    this.#scenes = Array.from({ length: this.#numImages }, (_, index) =>
      layOutShapes({ seed: this.#seed, index, width, height, maxObjects: this.#maxObjects, kinds }),
    );
    const keepsPixels = this.#numImages * width * height * 3 <= MAX_KEPT_BYTES;
    return this.#scenes.map((scene, index) => ({
      id: index + 1,
      filename: `shapes_${this.#seed}_${index}.png`,
      width,
      height,
      pixels: keepsPixels ? once(() => drawShapes(scene)) : () => drawShapes(scene),
    }));
  }

  protected hasGt(): boolean {
    return true;
  }

  getAnnInfo(index: number): AnnInfo {
    const { shapes } = this.#sceneOf(this.infoOf(index));
    return {
      bboxes: packBoxes(shapes.map(boundsOf)),
      labels: Int32Array.from(shapes, (shape) => this.CLASSES.indexOf(shape.kind)),
      bboxes_ignore: new Float32Array(0),
    };
  }

  evaluationGroundTruth(): EvaluationGroundTruth {
    const annotations: CocoAnnotation[] = [];
    for (const info of this.dataInfos) {
      for (const shape of this.#sceneOf(info).shapes) {
        const [x1, y1, x2, y2] = boundsOf(shape);
        const [w, h] = [x2 - x1, y2 - y1];
        annotations.push({
          id: annotations.length + 1,
          image_id: info.id,
          category_id: this.CLASSES.indexOf(shape.kind) + 1,
          bbox: [x1, y1, w, h],
          area: w * h,
          iscrowd: 0,
        });
      }
    }
    return {
      images: this.dataInfos.map(({ id, filename, width, height }) => ({
        id,
        file_name: filename,
        width,
        height,
      })),
      annotations,
      categories: this.CLASSES.map((name, label) => ({ id: label + 1, name })),
    };
  }

  #sceneOf(info: ImgInfo): ShapeScene {
    return at(this.#scenes, Number(info.id) - 1);
  }
}

/** Draw at the first call only. */
function once(draw: () => DecodedImage): () => DecodedImage {
  let drawn: DecodedImage | undefined;
  return () => (drawn ??= draw());
}

function isShapeKind(name: string): name is ShapeKind {
  return SHAPE_KINDS.some((kind) => kind === name);
}

DATASETS.registerModule()(ShapesDataset);
