// Reads one Pascal VOC annotation. Source: VOC 2012 development kit; coordinates as mmdet 2.28.2 `XMLDataset`.

import { DatasetError } from '../errors/trainerError.ts';
import { child, parseXml, XmlSyntaxError, type XmlElement } from './xml.ts';

export interface VocObject {
  readonly name: string;
  /** xyxy, px counted from 0. */
  readonly box: readonly [number, number, number, number];
  readonly difficult: boolean;
}

export interface VocPicture {
  /** 0 where the file does not say. */
  readonly width: number;
  readonly height: number;
  readonly objects: readonly VocObject[];
  /** What was left out, in words. */
  readonly faults: readonly string[];
}

/** @throws DatasetError `bad-xml` */
export function readVocXml(text: string, path: string): VocPicture {
  const root = parseRoot(text, path);
  const size = child(root, 'size');
  const objects: VocObject[] = [];
  const faults: string[] = [];
  for (const element of root.children.filter((c) => c.tag === 'object')) {
    const object = readObject(element);
    if (typeof object === 'string') faults.push(object);
    else objects.push(object);
  }
  return { width: numberOf(size, 'width') || 0, height: numberOf(size, 'height') || 0, objects, faults };
}

/** @returns the object, or why it is left out */
function readObject(element: XmlElement): VocObject | string {
  const name = child(element, 'name')?.text ?? '';
  if (name === '') return 'an object without a name was left out';
  const bounds = child(element, 'bndbox');
  // Whole pixels, then from 1-based to 0-based.
  const [x1 = NaN, y1 = NaN, x2 = NaN, y2 = NaN] = ['xmin', 'ymin', 'xmax', 'ymax'].map(
    (tag) => Math.trunc(numberOf(bounds, tag)) - 1,
  );
  if (![x1, y1, x2, y2].every(Number.isFinite)) return `a ${name} whose box is not four numbers was left out`;
  if (x2 <= x1 || y2 <= y1) return `a ${name} whose box has no area was left out`;
  // Missing counts as 0; any other number is difficult.
  const difficult = (numberOf(element, 'difficult') || 0) !== 0;
  return { name, box: [x1, y1, x2, y2], difficult };
}

function parseRoot(text: string, path: string): XmlElement {
  try {
    const root = parseXml(text);
    if (root.tag === 'annotation') return root;
    throw new XmlSyntaxError(`its root is <${root.tag}>, not <annotation>`);
  } catch (cause) {
    if (!(cause instanceof XmlSyntaxError)) throw cause;
    throw new DatasetError(
      `${path} must be a Pascal VOC annotation, but it can't be read: ${cause.message}`,
      {
        code: 'bad-xml',
        path,
        cause,
      },
    );
  }
}

function numberOf(element: XmlElement | undefined, tag: string): number {
  const text = child(element, tag)?.text ?? '';
  return text === '' ? NaN : Number(text);
}
