// WGSL of normaliseImages. One thread per pixel of the result: three bytes, three look-ups. Sizes, flips and the table
// are data, so that a recorded step takes new ones each time.
import { bindings, flatMain, type Program } from '../../program.ts';
import { INFO_WORDS, MIRRORS_COLUMNS, MIRRORS_ROWS, SWAPS_CHANNELS, TABLE_ROWS } from './packedImages.ts';

/** Reads words, info, table; writes y. Floats pass as bits, so that nothing is rounded or flushed. */
export const normaliseProgram: Program = {
  key: 'normaliseImages',
  source: () => `${bindings(
    { words: 'u32', info: 'u32', table: 'u32' },
    { y: 'u32' },
    'pixels: u32, height: u32, width: u32, slot: u32',
  )}
// The three bytes of a pixel may lie across two words.
fn pixelAt(slot: u32, at: u32) -> vec3u {
  let word = slot * u.slot + at / 4u;
  let shift = 8u * (at % 4u);
  var bits = words[word] >> shift;
  if (shift > 8u) { bits |= words[word + 1u] << (32u - shift); }
  return vec3u(bits, bits >> 8u, bits >> 16u) & vec3u(255u);
}
${flatMain(`
  if (i >= u.pixels) { return; }
  let column = i % u.width;
  let row = i / u.width % u.height;
  let b = i / u.width / u.height;
  let about = b * ${INFO_WORDS}u;
  let height = info[about];
  let width = info[about + 1u];
  let flags = info[about + 4u];
  var value = vec3u();
  if (row < height && column < width) {
    let fromRow = select(row, height - 1u - row, (flags & ${MIRRORS_ROWS}u) != 0u);
    let fromColumn = select(column, width - 1u - column, (flags & ${MIRRORS_COLUMNS}u) != 0u);
    let stored = pixelAt(b, (fromRow * width + fromColumn) * 3u);
    let at = select(stored, stored.zyx, (flags & ${SWAPS_CHANNELS}u) != 0u) * 3u;
    value = vec3u(table[at.x], table[at.y + 1u], table[at.z + 2u]);
  } else if (row < info[about + 2u] && column < info[about + 3u]) {
    value = vec3u(table[${(TABLE_ROWS - 1) * 3}], table[${(TABLE_ROWS - 1) * 3 + 1}], table[${(TABLE_ROWS - 1) * 3 + 2}]);
  }
  y[i * 3u] = value.x;
  y[i * 3u + 1u] = value.y;
  y[i * 3u + 2u] = value.z;`)}`,
};
