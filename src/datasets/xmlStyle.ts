import { DatasetError } from '../errors/trainerError.ts';
import {
  atLeast,
  DATASETS,
  declareArgs,
  number,
  optional,
  orNone,
  str,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../registry/index.ts';
import {
  packBoxes,
  type AnnInfo,
  type CocoAnnotation,
  type EvaluationGroundTruth,
  type ImgInfo,
} from '../contracts/annotations.ts';
import { badValue } from './checkArgs.ts';
import { VOC_CLASSES } from './classNames.ts';
import { CUSTOM_DATASET_ARGS, CustomDataset } from './custom.ts';
import type { EvaluationStyle } from './evaluateBoxes.ts';
import { sniffImage } from './decoders/sniff.ts';
import { joinPath } from './paths.ts';
import { readVocImageSet } from '../formats/vocImageSet.ts';
import { readXmlPicture, type XmlObject, type XmlPicture } from './xmlObjects.ts';

/** What a Pascal VOC dataset takes. */
export const XML_DATASET_ARGS = declareArgs({
  ...CUSTOM_DATASET_ARGS.table,
  min_size: optional(orNone(atLeast(number, 0)), null, 'Boxes with a smaller side are ignored.', 'px'),
  img_subdir: optional(str, 'JPEGImages', 'The folder of the pictures, in img_prefix.'),
  ann_subdir: optional(str, 'Annotations', 'The folder of the XML files, in img_prefix.'),
});

/** XML files read at the same time. */
const PARALLEL_READS = 16;

/**
 * Pascal VOC style: `ann_file` lists ids, `img_prefix` holds JPEGImages/<id>.jpg and Annotations/<id>.xml.
 * Boxes are xmin - 1, ymin - 1, xmax - 1, ymax - 1. Difficult objects, and with `min_size` smaller ones, are
 * ignored: neither positives nor negatives. Source: mmdet 2.28.2 `XMLDataset`.
 * Differs: a picture may have another extension than .jpg; a size that is missing in the XML is read from the
 * picture; boxes without area are left out with a warning (MMDetection trains on them).
 */
export class XMLDataset extends CustomDataset {
  static readonly args = XML_DATASET_ARGS;
  protected readonly defaultClasses: readonly string[] | null = null;
  readonly #minSize: number | null;
  readonly #imgSubdir: string;
  readonly #annSubdir: string;
  #objects = new Map<string, readonly XmlObject[]>();
  #labelOf = new Map<string, number>();

  constructor(args: ArgsOf<typeof XML_DATASET_ARGS>, context: BuildContext) {
    super(args, context);
    const { minSize, imgSubdir, annSubdir } = withDefaults(XML_DATASET_ARGS, args);
    if (minSize !== null && this.testMode) throw badValue('min_size', 'left out in test_mode', minSize);
    this.#minSize = minSize;
    this.#imgSubdir = imgSubdir;
    this.#annSubdir = annSubdir;
  }

  protected async loadAnnotations(classes: readonly string[] | null): Promise<ImgInfo[]> {
    const ids = readVocImageSet(await this.readText(this.annFile, 'image set'));
    const fileOf = await this.#pictureFiles();
    const infos: ImgInfo[] = [];
    for (let i = 0; i < ids.length; i += PARALLEL_READS) {
      const some = ids.slice(i, i + PARALLEL_READS);
      infos.push(...(await Promise.all(some.map((id) => this.#loadOne(id, fileOf.get(id) ?? `${id}.jpg`)))));
    }
    this.CLASSES = this.#chooseClasses(classes);
    this.#reportOtherCase();
    this.#labelOf = new Map(this.CLASSES.map((name, label) => [name, label]));
    return infos;
  }

  protected hasGt(info: ImgInfo): boolean {
    return this.#objectsOf(info).some((object) => this.#labelOf.has(object.name));
  }

  getAnnInfo(index: number): AnnInfo {
    const kept = this.#labelled(this.infoOf(index));
    const positives = kept.filter(({ object }) => !this.#isIgnored(object));
    return {
      bboxes: packBoxes(positives.map(({ object }) => object.box)),
      labels: Int32Array.from(positives, ({ label }) => label),
      bboxes_ignore: packBoxes(
        kept.filter(({ object }) => this.#isIgnored(object)).map(({ object }) => object.box),
      ),
    };
  }

  evaluationGroundTruth(): EvaluationGroundTruth {
    const annotations: CocoAnnotation[] = [];
    for (const info of this.dataInfos) {
      for (const { object, label } of this.#labelled(info)) {
        const [x1, y1, x2, y2] = object.box;
        annotations.push({
          id: annotations.length + 1,
          image_id: info.id,
          category_id: label + 1,
          bbox: [x1, y1, x2 - x1, y2 - y1],
          area: (x2 - x1) * (y2 - y1),
          iscrowd: this.#isIgnored(object) ? 1 : 0,
          difficult: object.difficult,
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

  async #pictureFiles(): Promise<Map<string, string>> {
    const entries = await this.context.services.fs.list(joinPath(this.imgPrefix, this.#imgSubdir));
    const files = entries.filter(
      (entry) => entry.kind === 'file' && /\.(jpe?g|png|webp|gif|bmp)$/i.test(entry.name),
    );
    return new Map(files.map(({ name }) => [name.slice(0, name.lastIndexOf('.')), name]));
  }

  async #loadOne(id: string, file: string): Promise<ImgInfo> {
    const xmlPath = joinPath(this.imgPrefix, joinPath(this.#annSubdir, `${id}.xml`));
    const filename = joinPath(this.#imgSubdir, file);
    const xml = readXmlPicture(await this.readText(xmlPath, 'annotation file'), xmlPath);
    for (const fault of xml.faults) this.context.services.warn(`${xmlPath}: ${fault}`);
    this.#objects.set(id, xml.objects);
    const { width, height } = await this.#sizeOf(xml, joinPath(this.imgPrefix, filename));
    return { id, filename, width, height };
  }

  async #sizeOf({ width, height }: XmlPicture, path: string): Promise<{ width: number; height: number }> {
    if (width !== undefined && height !== undefined) return { width, height };
    const { fs } = this.context.services;
    if ((await fs.stat(path)) === null) {
      throw new DatasetError(
        `picture ${path} must exist, as its annotation gives no size, but there is no such file`,
        {
          code: 'image-not-found',
          path,
        },
      );
    }
    return sniffImage(await fs.readFile(path), path);
  }

  #chooseClasses(classes: readonly string[] | null): readonly string[] {
    const names = new Set(
      [...this.#objects.values()].flatMap((objects) => objects.map((object) => object.name)),
    );
    const wanted = classes ?? this.defaultClasses;
    if (wanted && (names.size === 0 || wanted.some((name) => names.has(name)))) return wanted;
    const found = [...names].sort();
    throw new DatasetError(
      wanted
        ? `classes must name objects of the annotations, but none of ${wanted.join(', ')} is among ${found.join(', ')}`
        : 'XMLDataset needs classes, but the config gives none',
      {
        code: 'unknown-classes',
        path: this.annFile,
        hint: `write classes=(${found.map((name) => `'${name}',`).join(' ')})`,
      },
    );
  }

  /** Names that differ from a class in upper and lower case or in spaces only, as MMDetection leaves them out. */
  #reportOtherCase(): void {
    const plain = (name: string): string => name.trim().toLowerCase();
    const meant = new Map(this.CLASSES.map((name) => [plain(name), name]));
    const counts = new Map<string, number>();
    for (const objects of this.#objects.values()) {
      for (const { name } of objects) {
        if (!this.CLASSES.includes(name) && meant.has(plain(name)))
          counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
    for (const [name, count] of counts) {
      this.context.report({
        severity: 'warning',
        code: 'name-in-other-case',
        message: `${count} object${count === 1 ? '' : 's'} of the annotations of ${this.annFile} named '${name}' ${count === 1 ? 'is' : 'are'} left out: the class is '${meant.get(plain(name)) ?? ''}'`,
        path: 'ann_file',
        hint: 'give them one name in the annotations',
      });
    }
  }

  #objectsOf(info: ImgInfo): readonly XmlObject[] {
    return this.#objects.get(String(info.id)) ?? [];
  }

  #labelled(info: ImgInfo): { object: XmlObject; label: number }[] {
    return this.#objectsOf(info).flatMap((object) => {
      const label = this.#labelOf.get(object.name);
      return label === undefined ? [] : [{ object, label }];
    });
  }

  #isIgnored({ box, difficult }: XmlObject): boolean {
    const [x1, y1, x2, y2] = box;
    const isSmall = this.#minSize !== null && (x2 - x1 < this.#minSize || y2 - y1 < this.#minSize);
    return difficult || isSmall;
  }
}

/** Pascal VOC. Its 20 classes unless the config names others. Source: mmdet 2.28.2 `VOCDataset`. */
export class VOCDataset extends XMLDataset {
  static override readonly args = XMLDataset.args;
  protected override readonly defaultClasses = VOC_CLASSES;

  /** 2007 is evaluated with 11 points; taken from `img_prefix` as in MMDetection. Null where it names no year. */
  get year(): 2007 | 2012 | null {
    if (this.imgPrefix.includes('VOC2007')) return 2007;
    return this.imgPrefix.includes('VOC2012') ? 2012 : null;
  }

  override get evaluationStyle(): EvaluationStyle {
    return { metric: 'mAP', year: this.year ?? undefined };
  }
}

DATASETS.registerModule()(XMLDataset);
DATASETS.registerModule()(VOCDataset);
