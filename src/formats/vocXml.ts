// Pascal VOC's annotation of one picture, as it is written; what to make of it is the reader's business.
//
// | element of <annotation>     | value                                                        | here                    |
// |-----------------------------|--------------------------------------------------------------|-------------------------|
// | filename                    | the picture's name, often with another folder or extension   | filename                |
// | size: width, height         | px; some writers leave them out or write 0                   | width, height           |
// | object: name                | the class                                                    | name                    |
// | object: bndbox              | xmin, ymin, xmax, ymax in px, counted from 1, corners inside | bounds                  |
// | object: robndbox            | roLabelImg: cx, cy, w, h in px, angle in radians             | rotated                 |
// | object: difficult           | 1 for objects that evaluation and training ignore            | isDifficult             |
//
// Source: VOC 2012 development kit; MMDetection 2.28.2 `datasets/xml_style.py`; roLabelImg's README.

import { child, parseXml, XmlSyntaxError, type XmlElement } from './xml.ts';

/** VOC counts pixels from here. */
export const VOC_FIRST_PIXEL = 1;

export interface VocObject {
  /** Trimmed; '' where there is none. */
  readonly name: string;
  /** xmin, ymin, xmax, ymax, px from {@link VOC_FIRST_PIXEL}; NaN for what is no number. Undefined without `bndbox`. */
  readonly bounds: readonly [number, number, number, number] | undefined;
  readonly rotated: VocRotatedBox | undefined;
  /** Missing counts as 0; any number but 0 is difficult. */
  readonly isDifficult: boolean;
}

/** px and radians; NaN for what is no number. */
export interface VocRotatedBox {
  readonly cx: number;
  readonly cy: number;
  readonly w: number;
  readonly h: number;
  readonly angle: number;
}

export interface VocAnnotation {
  /** '' where the file does not say. */
  readonly filename: string;
  /** px, positive; undefined where the file gives no usable number. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly objects: readonly VocObject[];
}

/** XML, but not of Pascal VOC. */
export class OtherXmlError extends XmlSyntaxError {
  /** @param root the root element's name */
  constructor(readonly root: string) {
    super(`its root is <${root}>, not <annotation>`);
  }
}

/** @throws XmlSyntaxError with a reason in words; OtherXmlError */
export function readVocXml(text: string): VocAnnotation {
  const root = parseXml(text);
  if (root.tag !== 'annotation') throw new OtherXmlError(root.tag);
  const size = child(root, 'size');
  return {
    filename: textOf(root, 'filename'),
    width: sideOf(size, 'width'),
    height: sideOf(size, 'height'),
    objects: root.children.filter(({ tag }) => tag === 'object').map(readObject),
  };
}

function readObject(element: XmlElement): VocObject {
  const bounds = child(element, 'bndbox');
  const rotated = child(element, 'robndbox');
  const corner = (tag: string): number => numberOf(bounds, tag);
  const value = (tag: string): number => numberOf(rotated, tag);
  return {
    name: textOf(element, 'name'),
    bounds: bounds && [corner('xmin'), corner('ymin'), corner('xmax'), corner('ymax')],
    rotated: rotated && {
      cx: value('cx'),
      cy: value('cy'),
      w: value('w'),
      h: value('h'),
      angle: value('angle'),
    },
    isDifficult: (numberOf(element, 'difficult') || 0) !== 0,
  };
}

function sideOf(size: XmlElement | undefined, tag: string): number | undefined {
  const value = numberOf(size, tag);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

function numberOf(element: XmlElement | undefined, tag: string): number {
  const text = textOf(element, tag);
  return text === '' ? NaN : Number(text);
}

const textOf = (element: XmlElement | undefined, tag: string): string => child(element, tag)?.text ?? '';
