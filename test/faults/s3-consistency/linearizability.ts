// Owns the question whether what was seen of one key could have been: whether its operations, each at some moment between
// its call and its answer, give in some order what every reader was told. The search is Wing and Gong's (1993), which
// remembers where it has been (Lowe, 2017).

export interface Operation {
  kind: 'put' | 'delete' | 'get';
  /** What was put, or what the reader was told; undefined: nothing. */
  value: string | undefined;
  /** When it was called and when it was over, in one order of all events. */
  from: number;
  to: number;
  /** Nobody was told how it ended: it has happened before `to`, or never. */
  isMaybe: boolean;
}

interface Place {
  /** All before it are done, and these of what follows. */
  base: number;
  done: readonly number[];
  value: string | undefined;
}

export function isLinearizable(operations: readonly Operation[]): boolean {
  const all = operations.toSorted((left, right) => left.from - right.from);
  const open: Place[] = [{ base: 0, done: [], value: undefined }];
  const seen = new Set<string>();
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (place.base === all.length) return true;
    const name = `${place.base} ${place.done.join(',')} ${place.value}`;
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...followers(all, place));
  }
  return false;
}

/** Where one can be after one more operation. */
function followers(all: readonly Operation[], place: Place): Place[] {
  const { value } = place;
  const next = candidates(all, place);
  const fits = next.find((at) => all[at]!.kind === 'get' && all[at]!.value === value);
  // It changes nothing, so that doing it now prevents nothing.
  if (fits !== undefined) return [after(all, place, fits, value)];
  return next.flatMap((at) => {
    const { kind, isMaybe, value: put } = all[at]!;
    if (kind === 'get') return [];
    const happened = after(all, place, at, kind === 'put' ? put : undefined);
    return isMaybe ? [after(all, place, at, value), happened] : [happened];
  });
}

/** Those that may come first: called before any of the rest was over. */
function candidates(all: readonly Operation[], { base, done }: Place): number[] {
  const found: number[] = [];
  let limit = Number.POSITIVE_INFINITY;
  for (let at = base; at < all.length && all[at]!.from < limit; at++) {
    if (done.includes(at)) continue;
    found.push(at);
    limit = Math.min(limit, all[at]!.to);
  }
  return found.filter((at) => all[at]!.from < limit);
}

function after(
  all: readonly Operation[],
  { base, done }: Place,
  at: number,
  value: string | undefined,
): Place {
  const more = new Set([...done, at]);
  let first = base;
  while (first < all.length && more.delete(first)) first += 1;
  return { base: first, done: [...more].sort((a, b) => a - b), value };
}
