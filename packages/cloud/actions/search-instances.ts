// Owns how an account's instances are looked for: by their ids, by an index where a filter has one, or page by page in
// the order of their launch. What is read grows with what is answered, and not with what there is.

import type { AccountId, InstanceId, ReservationId } from '@ironbark/core/ids.ts';
import { compileFilters } from '../app/filters.ts';
import {
  type Page,
  type PageOptions,
  readPageRequest,
  takePage,
  tokenAfter,
} from '../app/pages.ts';
import { INSTANCE, matchIds } from '../app/resource-ids.ts';
import { findInstances, type InstancePlace, listInstancesAfter } from '../store/instances.ts';
import type { Queries } from '../store/store.ts';
import { findCandidates, instanceFilters } from './instance-filters.ts';
import { type InstanceRecord, toRecords } from './instance-records.ts';
import type { ListRequest } from './select-page.ts';

export interface InstanceSearch {
  accountId: AccountId;
  region: string;
  ids: readonly InstanceId[];
  request: ListRequest;
  options: Pick<PageOptions<InstanceRecord>, 'action' | 'idsParameter'>;
  /** What is shown at all. */
  keep?: (record: InstanceRecord) => boolean;
  table?: ReturnType<typeof instanceFilters>;
}

type Matches = (record: InstanceRecord) => boolean;

export async function searchInstances(
  db: Queries,
  search: InstanceSearch,
): Promise<Page<InstanceRecord>> {
  const { accountId, ids, request, keep = () => true } = search;
  const table = search.table ?? instanceFilters(search.region);
  const filters = request.Filters ?? [];
  const predicates = compileFilters(filters, table);
  const matches: Matches = (record) => keep(record) && predicates.every((one) => one(record));
  const options = { ...search.options, ids, sortKey };
  const { size, after } = readPageRequest(request, options);
  const candidates = ids.length > 0 ? ids : await findCandidates(db, accountId, filters);
  if (candidates === undefined) {
    const mayMiss = predicates.length > 0 || search.keep !== undefined;
    return scan(db, search, { matches, mayMiss, size, after });
  }
  const found = await findInstances(db, accountId, candidates);
  const rows = ids.length > 0 ? matchIds(INSTANCE, ids, found) : found;
  const records = await toRecords(db, accountId, rows);
  return takePage(records.filter(matches), request, options);
}

/** How many are looked at together where most of them may not match. */
const BATCH = 1_000;

async function scan(
  db: Queries,
  { accountId, options: { action } }: InstanceSearch,
  wanted: { matches: Matches; mayMiss: boolean; size: number; after: string | undefined },
): Promise<Page<InstanceRecord>> {
  const { matches, size } = wanted;
  // One more than the page says whether there is another.
  const limit = wanted.mayMiss ? BATCH : size + 1;
  const found: InstanceRecord[] = [];
  let place = wanted.after === undefined ? undefined : parseKey(wanted.after);
  for (;;) {
    const rows = await listInstancesAfter(db, accountId, place, limit);
    const records = await toRecords(db, accountId, rows);
    found.push(...records.filter(matches));
    place = rows.at(-1);
    if (found.length > size || rows.length < limit) break;
  }
  const items = found.slice(0, size);
  const more = found.length > size;
  return { items, nextToken: more ? tokenAfter(action, sortKey(items.at(-1)!)) : undefined };
}

/** Instances of one reservation stay on one page where they fit. */
function sortKey({ row }: InstanceRecord): string {
  return `${String(row.createdAt).padStart(15, '0')} ${row.reservationId} ${row.id}`;
}

function parseKey(key: string): InstancePlace {
  const [createdAt, reservationId, id] = key.split(' ');
  return {
    createdAt: Number(createdAt),
    reservationId: reservationId as ReservationId,
    id: id as InstanceId,
  };
}
