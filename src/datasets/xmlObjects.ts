import { DatasetError } from '../errors/trainerError.ts';
import { readVocXml, VOC_FIRST_PIXEL, type VocObject } from '../formats/vocXml.ts';
import { XmlSyntaxError } from '../formats/xml.ts';

/** An object as training and evaluation see it. */
export interface XmlObject {
  readonly name: string;
  /** xyxy, whole px counted from 0. */
  readonly box: readonly [number, number, number, number];
  readonly difficult: boolean;
}

export interface XmlPicture {
  /** px; undefined where the file does not say. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly objects: readonly XmlObject[];
  /** What was left out, in words. */
  readonly faults: readonly string[];
}

/**
 * Take the objects of an annotation as mmdet 2.28.2 `XMLDataset` does: corners cut to whole numbers, then counted from 0.
 * Differs: boxes without area are left out.
 * @throws DatasetError `bad-xml`
 */
export function readXmlPicture(text: string, path: string): XmlPicture {
  const { width, height, objects: written } = parse(text, path);
  const objects: XmlObject[] = [];
  const faults: string[] = [];
  for (const object of written) {
    const taken = take(object);
    if (typeof taken === 'string') faults.push(taken);
    else objects.push(taken);
  }
  return { width, height, objects, faults };
}

/** @returns the object, or why it is left out */
function take({ name, bounds, isDifficult }: VocObject): XmlObject | string {
  if (name === '') return 'an object without a name was left out';
  if (!bounds?.every(Number.isFinite)) return `a ${name} whose box is not four numbers was left out`;
  const [xmin, ymin, xmax, ymax] = bounds;
  const fromZero = (corner: number): number => Math.trunc(corner) - VOC_FIRST_PIXEL;
  const [x1, y1, x2, y2] = [fromZero(xmin), fromZero(ymin), fromZero(xmax), fromZero(ymax)];
  if (x2 <= x1 || y2 <= y1) return `a ${name} whose box has no area was left out`;
  return { name, box: [x1, y1, x2, y2], difficult: isDifficult };
}

function parse(text: string, path: string): ReturnType<typeof readVocXml> {
  try {
    return readVocXml(text);
  } catch (cause) {
    if (!(cause instanceof XmlSyntaxError)) throw cause;
    throw new DatasetError(
      `${path} must be a Pascal VOC annotation, but it can't be read: ${cause.message}`,
      { code: 'bad-xml', path, cause },
    );
  }
}
