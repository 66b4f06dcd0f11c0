// Pascal VOC's lists of pictures, `ImageSets/Main/{train,val,trainval,test}.txt`: one id a line, the name of the
// picture and of its annotation without extension. Lists of single classes (`cat_train.txt`) have a second column:
// 1 the class is in the picture, -1 it is not, 0 only difficult ones are. Source: VOC 2012 development kit.

import { linesOf } from '../util/lines.ts';

/** The ids of a list, in its order; empty lines are none. */
export function readVocImageSet(text: string): string[] {
  return linesOf(text)
    .map((line) => line.trim().split(/\s+/)[0] ?? '')
    .filter((id) => id !== '');
}
