import { expect, test } from 'vitest';
import { readLabelMap } from './labelMap.ts';
import { readVocImageSet } from './vocImageSet.ts';
import { OtherXmlError, readVocXml } from './vocXml.ts';

test('an annotation is read as it is written: corners from 1, NaN for what is no number, no size for 0', () => {
  const text = `<annotation>
    <filename> a.jpg </filename><size><width>640</width><height>0</height></size>
    <object><name>cell</name><difficult>1</difficult>
      <bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>x</xmax><ymax/></bndbox></object>
    <object><name>ship</name>
      <robndbox><cx>10</cx><cy>20</cy><w>4</w><h>2</h><angle>0.5</angle></robndbox></object>
  </annotation>`;
  expect(readVocXml(text)).toEqual({
    filename: 'a.jpg',
    width: 640,
    height: undefined,
    objects: [
      { name: 'cell', bounds: [1, 2.5, NaN, NaN], rotated: undefined, isDifficult: true },
      {
        name: 'ship',
        bounds: undefined,
        rotated: { cx: 10, cy: 20, w: 4, h: 2, angle: 0.5 },
        isDifficult: false,
      },
    ],
  });
});

test('xml of something else is told by its root', () => {
  expect(() => readVocXml('<svg/>')).toThrow(OtherXmlError);
  expect(() => readVocXml('<svg/>')).toThrow('its root is <svg>, not <annotation>');
});

test('an image set: the first column of each line, whatever the line ends', () => {
  expect(readVocImageSet('2007_000001\r\n\r\n 2007_000002  -1\rimages/3 1\n')).toEqual([
    '2007_000001',
    '2007_000002',
    'images/3',
  ]);
});

test('a label map: names by id, items without id or name left out', () => {
  expect(readLabelMap(`item { id: 2 name: 'b' }\nitem { name: "a" id: 1 }\nitem { id: 3 }`)).toEqual([
    'a',
    'b',
  ]);
});
