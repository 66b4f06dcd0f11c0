// WGSL of normaliseImages. A thread makes four neighbouring pixels of a row of the result, or one where the width isn't
// a multiple of four: three bytes and three look-ups a pixel. Sizes of pictures, flips and the table are data, so that a
// recorded step takes new ones each time.
import { bindings, flatMain, type Program } from '../../dispatch/program.ts';
import { INFO_WORDS, MIRRORS_COLUMNS, MIRRORS_ROWS, SWAPS_CHANNELS, TABLE_ROWS } from './packedImages.ts';

const PADDING = (TABLE_ROWS - 1) * 3;

const STORES = {
  1: `
  let value = valueAt(b, row, column);
  y[i * 3u] = value.x;
  y[i * 3u + 1u] = value.y;
  y[i * 3u + 2u] = value.z;`,
  4: `
  let p = valueAt(b, row, column);
  let q = valueAt(b, row, column + 1u);
  let r = valueAt(b, row, column + 2u);
  let s = valueAt(b, row, column + 3u);
  y[i * 3u] = vec4u(p, q.x);
  y[i * 3u + 1u] = vec4u(q.yz, r.xy);
  y[i * 3u + 2u] = vec4u(r.z, s);`,
};

/**
 * Reads words, info, table; writes y. Floats pass as bits, so that nothing is rounded or flushed.
 * @param pixels a thread makes so many
 */
export function normaliseProgram(pixels: 1 | 4): Program {
  return {
    key: `normaliseImages p${pixels}`,
    source: () => `${bindings(
      { words: 'u32', info: 'u32', table: 'u32' },
      { y: pixels === 4 ? 'vec4u' : 'u32' },
      'threads: u32, height: u32, width: u32, slot: u32',
    )}
// The three bytes of a pixel may lie across two words.
fn pixelAt(b: u32, at: u32) -> vec3u {
  let word = b * u.slot + at / 4u;
  let shift = 8u * (at % 4u);
  let bits = (words[word] >> shift) | select(0u, words[word + 1u] << (32u - shift), shift > 8u);
  return vec3u(bits, bits >> 8u, bits >> 16u) & vec3u(255u);
}
fn valueAt(b: u32, row: u32, column: u32) -> vec3u {
  let about = b * ${INFO_WORDS}u;
  let height = info[about];
  let width = info[about + 1u];
  let flags = info[about + 4u];
  if (row < height && column < width) {
    let fromRow = select(row, height - 1u - row, (flags & ${MIRRORS_ROWS}u) != 0u);
    let fromColumn = select(column, width - 1u - column, (flags & ${MIRRORS_COLUMNS}u) != 0u);
    let stored = pixelAt(b, (fromRow * width + fromColumn) * 3u);
    let at = select(stored, stored.zyx, (flags & ${SWAPS_CHANNELS}u) != 0u) * 3u;
    return vec3u(table[at.x], table[at.y + 1u], table[at.z + 2u]);
  }
  if (row < info[about + 2u] && column < info[about + 3u]) {
    return vec3u(table[${PADDING}], table[${PADDING + 1}], table[${PADDING + 2}]);
  }
  return vec3u();
}
${flatMain(`
  if (i >= u.threads) { return; }
  let threadsPerRow = u.width / ${pixels}u;
  let column = i % threadsPerRow * ${pixels}u;
  let anyRow = i / threadsPerRow;
  let b = anyRow / u.height;
  let row = anyRow % u.height;${STORES[pixels]}`)}`,
  };
}
