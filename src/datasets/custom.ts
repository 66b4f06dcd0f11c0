import { DatasetError, RunError, StorageError } from '../errors/trainerError.ts';
import type { BboxResult } from '../evaluation/bboxResult.ts';
import type { ArgSpec } from '../registry/argSpec.ts';
import {
  absent,
  anything,
  declareArgs,
  either,
  flag,
  listOf,
  optional,
  orNone,
  required,
  str,
  unsupported,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../registry/index.ts';
import type { Rng } from '../util/prng.ts';
import type { AnnInfo, EvaluationGroundTruth, ImgInfo } from '../contracts/annotations.ts';
import type { IndexedFile } from '../contracts/datasetIndex.ts';
import { invariant } from '../errors/invariant.ts';
import { firstOf } from '../util/firstOf.ts';
import { nearbyFiles } from '../storage/nearbyFiles.ts';
import { pathBelow } from '../util/configPath.ts';
import { badValue } from './checkArgs.ts';
import { chosenClasses, type ClassSource } from './classNaming.ts';
import type { Dataset, EvaluateOptions, Metrics } from './dataset.ts';
import { EVALUATE_ARGS, evaluateBoxes, type EvaluationStyle } from './evaluateBoxes.ts';
import { joinPath } from './paths.ts';
import { buildTransforms, PIPELINE, runTransforms } from './pipelines/compose.ts';
import type { Results, Transform } from './pipelines/results.ts';

/** The arguments of every dataset. */
export const DATASET_ARGS = declareArgs({
  pipeline: required(PIPELINE, 'What is done with each picture, in order.'),
  classes: optional(
    orNone(either(str, listOf(str))),
    null,
    'Names in label order, or a text file with a name per line; None: those of the format.',
  ),
  test_mode: optional(flag, false, 'Whether pictures are for tests: all are kept, without their boxes.'),
  filter_empty_gt: optional(flag, true, 'Whether training leaves out pictures without boxes.'),
});

/** The arguments of every dataset with an annotation file. */
export const CUSTOM_DATASET_ARGS = declareArgs({
  ann_file: required(str, 'The annotation file.'),
  ...DATASET_ARGS.table,
  data_root: optional(orNone(str), null, 'The folder that ann_file and img_prefix are in.'),
  img_prefix: optional(orNone(str), '', 'The folder of the pictures.'),
  seg_prefix: absent(anything, 'Changes nothing: there are no semantic maps.'),
  seg_suffix: absent(anything, 'Changes nothing: there are no semantic maps.'),
  proposal_file: absent(unsupported(), 'Proposals from a file, which nothing here uses.'),
  file_client_args: absent(anything, 'Changes nothing: files are those of the workspace.'),
});
type CommonArgs = ArgsOf<typeof DATASET_ARGS> & Partial<Omit<ArgsOf<typeof CUSTOM_DATASET_ARGS>, 'pipeline'>>;

/** In training, a picture with a shorter side is left out. Source: mmdet 2.28.2 `_filter_imgs(min_size=32)`. */
export const MIN_TRAIN_SIDE_PX = 32;
/** Pictures tried in place of a dropped one before giving up. */
const MAX_REFETCH = 100;

/**
 * Base of the datasets: filtering, pipeline, and picking another picture where the pipeline drops one.
 * A subclass reads its format in `loadAnnotations` and answers `getAnnInfo`.
 *
 *     load():      resolve classes -> loadAnnotations() -> (training) filter -> report -> flag
 *     getItem(i):  results {img_info, ann_info} -> pipeline; null -> another picture of the same flag
 *
 * Source: mmdet 2.28.2 `CustomDataset`. Differs: files are read in `load`, not in the constructor; random
 * numbers come with the call; proposals and semantic maps are not supported.
 */
export abstract class CustomDataset implements Dataset {
  static readonly evaluateArgs: ArgSpec = EVALUATE_ARGS;
  CLASSES: readonly string[] = [];
  flag = new Uint8Array(0);
  readonly testMode: boolean;
  protected readonly annFile: string;
  protected readonly imgPrefix: string;
  protected readonly filterEmptyGt: boolean;
  protected readonly context: BuildContext;
  protected dataInfos: readonly ImgInfo[] = [];
  readonly #classes: string | readonly string[] | null;
  #followed: readonly string[] | null = null;
  readonly #pipelinePath: string;
  readonly #pipeline: readonly Transform[];
  #skipTypeKeys: readonly string[] = [];
  #dynamicScale: readonly [number, number] | null = null;

  constructor(args: CommonArgs, context: BuildContext) {
    const { classes, testMode, filterEmptyGt } = withDefaults(DATASET_ARGS, args);
    this.context = context;
    const dataRoot = args.dataRoot ?? '';
    this.annFile = joinPath(dataRoot, args.annFile ?? '');
    this.imgPrefix = joinPath(dataRoot, args.imgPrefix ?? '');
    this.testMode = testMode;
    this.filterEmptyGt = filterEmptyGt;
    this.#classes = classes;
    this.#pipelinePath = `${context.path}.pipeline`;
    this.#pipeline = buildTransforms(args.pipeline, context, 'pipeline');
  }

  get length(): number {
    return this.dataInfos.length;
  }

  get numClasses(): number {
    return this.CLASSES.length;
  }

  /** The annotation files that were read, for other workers to take over. */
  get indexedFiles(): readonly IndexedFile[] {
    return [];
  }

  followClasses(classes: readonly string[]): void {
    this.#followed = classes;
  }

  async load(): Promise<void> {
    const source = { own: await this.#readClasses(), followed: this.#followed };
    const infos = await this.loadAnnotations(chosenClasses(source), source);
    const isKept = (info: ImgInfo): boolean =>
      this.#isLargeEnough(info) && (!this.filterEmptyGt || this.hasGt(info));
    this.dataInfos = this.testMode ? infos : infos.filter(isKept);
    this.reportBoxes();
    this.#reportLeftOut(infos);
    this.flag = Uint8Array.from(this.dataInfos, (info) => (info.width / info.height > 1 ? 1 : 0));
    if (infos.length > 0 && this.dataInfos.length === 0) {
      throw new DatasetError(
        `${this.annFile} must have a picture to train on, but all ${infos.length} were left out: none has boxes of the classes ${this.CLASSES.join(', ')} and sides of at least ${MIN_TRAIN_SIDE_PX} px`,
        {
          code: 'empty-dataset',
          path: this.annFile,
          hint: 'check classes against the names in the annotation file; filter_empty_gt=False keeps pictures without boxes',
        },
      );
    }
  }

  getImgInfo(index: number): ImgInfo {
    return this.infoOf(index);
  }

  imagePath(index: number): string | null {
    const info = this.infoOf(index);
    return info.pixels ? null : joinPath(this.imgPrefix, info.filename);
  }

  async getItem(index: number, rng: Rng): Promise<Results> {
    if (this.testMode) return this.prepareTestImg(index, rng);
    let current = index;
    for (let attempt = 0; attempt < MAX_REFETCH; attempt++) {
      const results = await this.prepareTrainImg(current, rng);
      if (results) return results;
      current = this.#randAnother(current, rng);
    }
    throw new RunError(
      `the pipeline dropped ${MAX_REFETCH} pictures in a row, the last ${this.#nameOf(current)}`,
      {
        code: 'all-dropped',
        path: this.context.path,
      },
    );
  }

  /** @returns null when the pipeline drops the picture */
  async prepareTrainImg(index: number, rng: Rng): Promise<Results | null> {
    const results = this.#prePipeline(index);
    results.ann_info = this.getAnnInfo(index);
    if (this.#dynamicScale) results.scale = this.#dynamicScale;
    return runTransforms(this.#pipeline, results, rng, this.#pipelinePath, this.#skipTypeKeys);
  }

  /** As MMDetection's MultiImageMixDataset. Differs: there it is the only dataset that can. */
  updateSkipTypeKeys(skipTypeKeys: readonly string[]): void {
    this.#skipTypeKeys = skipTypeKeys;
  }

  /** As MMDetection's MultiImageMixDataset had it until 2.21: Resize finds a `scale` and takes it. */
  updateDynamicScale(dynamicScale: readonly [number, number]): void {
    this.#dynamicScale = dynamicScale;
  }

  /** @throws RunError `dropped-test-image` when the pipeline drops the picture */
  async prepareTestImg(index: number, rng: Rng): Promise<Results> {
    const results = await runTransforms(this.#pipeline, this.#prePipeline(index), rng, this.#pipelinePath);
    if (results) return results;
    throw new RunError(`a test pipeline must keep every picture, but it dropped ${this.#nameOf(index)}`, {
      code: 'dropped-test-image',
      path: this.context.path,
    });
  }

  /** How `evaluate` goes about it unless it is told. */
  get evaluationStyle(): EvaluationStyle {
    return { metric: 'bbox' };
  }

  /** @throws ConfigError for a metric that is none */
  evaluate(results: readonly BboxResult[], options: EvaluateOptions = {}): Metrics | Promise<Metrics> {
    return evaluateBoxes(this, results, options, this.evaluationStyle);
  }

  abstract getAnnInfo(index: number): AnnInfo;
  abstract evaluationGroundTruth(): EvaluationGroundTruth;

  /**
   * Read all pictures' infos, and set `CLASSES`.
   * @param classes in label order: the config's or those of the model; null for the format's own
   * @param source which of the two they are
   */
  protected abstract loadAnnotations(
    classes: readonly string[] | null,
    source: ClassSource,
  ): Promise<ImgInfo[]>;
  /** True when the picture has an annotation of one of the classes. */
  protected abstract hasGt(info: ImgInfo): boolean;

  /** Report what of the boxes is left out. */
  protected reportBoxes(): void {}

  /** @throws DatasetError `annotation-file-not-found` */
  protected async readText(path: string, what: string): Promise<string> {
    try {
      return await this.context.services.fs.readText(path);
    } catch (cause) {
      if (!(cause instanceof StorageError) || cause.code !== 'not-found') throw cause;
      throw await this.#notFound(path, what, cause);
    }
  }

  /** @throws DatasetError `annotation-file-not-found` */
  protected async checkExists(path: string, what: string): Promise<void> {
    if ((await this.context.services.fs.stat(path)) === null) throw await this.#notFound(path, what);
  }

  async #notFound(path: string, what: string, cause?: unknown): Promise<DatasetError> {
    const { context } = this;
    const near = await nearbyFiles(context.services.fs, path, path.slice(path.lastIndexOf('.')));
    return new DatasetError(`${what} ${path} must exist, but there is no such file`, {
      code: 'annotation-file-not-found',
      path: pathBelow(context.path, 'ann_file'),
      hint: near ?? 'import the data first, or check data_root and the path in the config',
      cause,
    });
  }

  protected infoOf(index: number): ImgInfo {
    const info = this.dataInfos[index];
    invariant(info, `picture ${index} of ${this.length}`);
    return info;
  }

  /** Pictures that training never sees, as in MMDetection. */
  #reportLeftOut(infos: readonly ImgInfo[]): void {
    if (this.testMode || this.dataInfos.length === infos.length) return;
    const small = infos.filter((info) => !this.#isLargeEnough(info));
    const empty = infos.filter(
      (info) => this.#isLargeEnough(info) && this.filterEmptyGt && !this.hasGt(info),
    );
    const tell = (code: string, left: readonly ImgInfo[], why: string, path: string, hint: string): void => {
      if (left.length === 0) return;
      const names = firstOf(
        left.map(({ filename }) => filename),
        3,
      );
      const message = `training leaves out ${left.length} of ${infos.length} pictures ${why}: ${names}`;
      this.context.report({ severity: 'warning', code, message, path, hint });
    };
    tell(
      'small-pictures',
      small,
      `with a side below ${MIN_TRAIN_SIDE_PX} px`,
      'ann_file',
      'enlarge them first',
    );
    tell(
      'background-pictures',
      empty,
      'without boxes of the classes',
      'ann_file',
      'filter_empty_gt=False trains on them as background',
    );
  }

  #isLargeEnough(info: ImgInfo): boolean {
    return Math.min(info.width, info.height) >= MIN_TRAIN_SIDE_PX;
  }

  #nameOf(index: number): string {
    return this.infoOf(index).filename;
  }

  #prePipeline(index: number): Results {
    const img_info = this.infoOf(index);
    return { img_info, img_prefix: this.imgPrefix, index, bbox_fields: [], img_fields: [] };
  }

  #randAnother(index: number, rng: Rng): number {
    const pool = [...this.flag.keys()].filter((i) => this.flag[i] === this.flag[index]);
    return pool[rng.integer(pool.length)] ?? index;
  }

  async #readClasses(): Promise<readonly string[] | null> {
    const classes = this.#classes;
    if (classes === null) return null;
    if (typeof classes === 'string') {
      const { fs } = this.context.services;
      if ((await fs.stat(classes)) === null) {
        throw badValue(
          'classes',
          'a tuple of names or the path of a text file with a name per line',
          classes,
          `for a single class write classes=('${classes}',) with the comma`,
        );
      }
      const lines = (await fs.readText(classes)).split(/\r?\n/);
      return checkNames(lines.at(-1) === '' ? lines.slice(0, -1) : lines);
    }
    return checkNames(classes);
  }
}

function checkNames(names: readonly string[]): readonly string[] {
  if (names.length === 0) throw badValue('classes', 'at least one name', names);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw badValue('classes', `without repetition ('${twice}' comes twice)`, names);
  return names;
}
