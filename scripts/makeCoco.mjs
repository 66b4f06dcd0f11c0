// Writes a COCO annotation file of any size, without pictures: by default as large as COCO's train2017.
// Usage: node scripts/makeCoco.mjs FILE [pictures=118287] [boxes=860001] [--segmentation]
// Boxes are pseudo-random and the same each time. `--segmentation` adds polygons, about as long as COCO's.

import { closeSync, openSync, writeSync } from 'node:fs';

const [file, pictures = '118287', boxes = '860001'] = process.argv
  .slice(2)
  .filter((arg) => !arg.startsWith('--'));
const hasPolygons = process.argv.includes('--segmentation');
if (file === undefined) {
  process.stderr.write('usage: node scripts/makeCoco.mjs FILE [pictures] [boxes] [--segmentation]\n');
  process.exit(2);
}
const CATEGORIES = 80;
const [width, height] = [640, 480];

let state = 1;
/** A whole number in [0, n). */
function random(n) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}

const out = openSync(file, 'w');
let pending = [];
function write(text) {
  pending.push(text);
  if (pending.length < 10_000) return;
  writeSync(out, pending.join(''));
  pending = [];
}

function list(key, count, item) {
  write(`"${key}": [`);
  for (let i = 0; i < count; i++) write(`${i === 0 ? '' : ', '}${JSON.stringify(item(i))}`);
  write(']');
}

write('{"info": {"description": "made by scripts/makeCoco.mjs"}, ');
list('images', Number(pictures), (i) => ({
  id: i + 1,
  file_name: `${String(i + 1).padStart(12, '0')}.jpg`,
  width,
  height,
}));
write(', ');
list('annotations', Number(boxes), (i) => {
  const [w, h] = [8 + random(200), 8 + random(200)];
  const [x, y] = [random((width - w) * 100) / 100, random((height - h) * 100) / 100];
  return {
    id: i + 1,
    image_id: 1 + random(Number(pictures)),
    category_id: 1 + random(CATEGORIES),
    bbox: [x, y, w, h],
    area: w * h,
    iscrowd: 0,
    ...(hasPolygons && { segmentation: [Array.from({ length: 40 }, () => random(64000) / 100)] }),
  };
});
write(', ');
list('categories', CATEGORIES, (i) => ({ id: i + 1, name: `class_${i + 1}` }));
write('}\n');
writeSync(out, pending.join(''));
closeSync(out);
