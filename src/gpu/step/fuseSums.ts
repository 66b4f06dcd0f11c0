// Chains of additions in a recorded step become one dispatch each. The tape adds the gradients of a tensor that is used
// several times one by one: five pyramid levels that share a head's weights take four dispatches for each of them.
import { ADDITIONS, sumProgram } from '../kernels/map/sum.wgsl.ts';
import type { ChosenDispatch } from '../dispatch/recorder.ts';
import type { DataId } from '../device/backend.ts';
import { take } from '../../util/at.ts';

// The terms live until the last of them is there: where they are large, memory is worth more than a dispatch.
const MAX_TERM_BYTES = 256 * 1024;

interface Uses {
  /** Dispatches that bind it. */
  count: number;
  lastWrite: number;
}

export interface FusedSums {
  readonly dispatches: readonly ChosenDispatch[];
  /** Sums halfway that nothing computes any more. */
  readonly gone: ReadonlySet<DataId>;
}

/**
 * Join chains of additions, in their order: the bits stay.
 *
 * @param canDrop whether nobody but the dispatches wants a tensor
 * @param maxTerms that one dispatch can bind
 */
export function fuseSums(
  dispatches: readonly ChosenDispatch[],
  canDrop: (data: DataId) => boolean,
  maxTerms: number,
): FusedSums {
  const uses = usesOf(dispatches);
  const gone = new Set<DataId>();
  /** By the sum: the place of its dispatch. */
  const sums = new Map<DataId, number>();
  const result: (ChosenDispatch | null)[] = [...dispatches];
  dispatches.forEach((dispatch, at) => {
    const element = ADDITIONS.get(dispatch.program.key);
    if (!element) return;
    const [a, b, sum] = take(dispatch.bindings, 3);
    // Addition commutes: the chain may be either term.
    for (const [chain, term] of [
      [a, b],
      [b, a],
    ] as const) {
      const from = sums.get(chain.data);
      const before = from === undefined ? null : result[from];
      const isWanted = (uses.get(chain.data)?.count ?? 0) > 2 || !canDrop(chain.data);
      if (from === undefined || !before || isWanted || before.readCount >= maxTerms) continue;
      if (before.work.bytes / before.bindings.length > MAX_TERM_BYTES) continue;
      const terms = before.bindings.slice(0, before.readCount);
      // The terms are read later than before.
      if (terms.some(({ data }) => (uses.get(data)?.lastWrite ?? 0) >= from)) continue;
      result[from] = null;
      gone.add(chain.data);
      const bytes = before.work.bytes + dispatch.work.bytes - 2 * bytesOfOne(dispatch);
      result[at] = {
        ...dispatch,
        program: sumProgram(terms.length + 1, element),
        bindings: [...terms, term, sum],
        readCount: terms.length + 1,
        work: { ...dispatch.work, bytes },
      };
      break;
    }
    sums.set(sum.data, at);
  });
  return { dispatches: result.filter((dispatch) => dispatch !== null), gone };
}

const bytesOfOne = ({ work, bindings }: ChosenDispatch): number => work.bytes / bindings.length;

function usesOf(dispatches: readonly ChosenDispatch[]): Map<DataId, Uses> {
  const uses = new Map<DataId, Uses>();
  dispatches.forEach(({ bindings }, at) => {
    for (const { data, isWritten } of bindings) {
      let known = uses.get(data);
      if (!known) uses.set(data, (known = { count: 0, lastWrite: -1 }));
      known.count += 1;
      if (isWritten) known.lastWrite = at;
    }
  });
  return uses;
}
