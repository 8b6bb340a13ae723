// Owns giving back the space of small blobs: what is wanted of a file of the log is appended anew, and the file removed.
//
//   copy what is wanted --> rows point to the copies --> nobody looks or reads any more --> file gone --> row gone
//
// Each step can be the last one: a copy that no row points to is not there, and a file with rows is looked at again. A
// flipped bit must not pass for a deletion, so each record without a row is looked up by its id as well, and each row
// without a record keeps the file.

import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import { logFileKey, type ObjectsContext } from '../app/context.ts';
import { planCompaction } from '../app/log-compaction.ts';
import type { BlobLog } from '../drivers/blob-log.ts';
import { decodeCrcs } from '../drivers/block-crcs.ts';
import { RECORD_HEADER_BYTES } from '../drivers/log-record.ts';
import type { FoundRecord } from '../drivers/log-scan.ts';
import type { LoggedBlob } from '../drivers/logged-blob.ts';
import { findBlobs } from '../store/blobs.ts';
import {
  deleteLogFileRow,
  type LoggedRow,
  listLogFileRows,
  listLoggedIn,
  moveLoggedBlob,
  settleLogFile,
} from '../store/logged-blobs.ts';

type CompactionContext = ObjectsContext & { log: BlobLog };

const RETRY_BUSY_MS = 500;
/** Records that are copied together; with their bytes they are a few MiB at most. */
const RECORDS_A_MOVE = 32;

export function logCompaction(context: CompactionContext): Reconciler {
  /** Reading them again would find the same again. */
  const damaged = new Set<number>();
  return {
    name: 'log-compaction',
    listKeys: async () => {
      const sizes = { fileBytes: context.log.fileBytes, headerBytes: RECORD_HEADER_BYTES };
      const files = await context.log.listFull();
      const rows = await listLogFileRows(context.db.query);
      const chosen = planCompaction(files, rows, sizes);
      return chosen.filter((file) => !damaged.has(file)).map(String);
    },
    reconcile: async (key, signal) => {
      const file = Number(key);
      if (context.busy.areAllHeld || context.log.isInUse(file)) return later;
      const damage = await new Move(context, file).run(signal);
      if (signal.aborted) return SETTLED;
      const rest = damage ?? (await findRest(context, file));
      if (rest === undefined) return await removeFile(context, file);
      damaged.add(file);
      context.logger.error('a file of the log is damaged: it stays as it is', { file, rest });
      return SETTLED;
    },
  };
}

const later: ReconcileResult = { kind: 'again', afterMs: RETRY_BUSY_MS };

/** A row that is there and could not be changed: two indexes say different things. */
async function findRest({ db }: CompactionContext, file: number): Promise<string | undefined> {
  const [row] = await listLoggedIn(db.query, file);
  return row === undefined ? undefined : `blob ${row.id} cannot be moved`;
}

/** Nobody finds it any more. */
async function removeFile(
  { busy, db, log }: CompactionContext,
  file: number,
): Promise<ReconcileResult> {
  await busy.looksEnded();
  if (busy.has(logFileKey(file))) return later;
  // What the file has of the journal is in the state by now, and has to be on stable storage there.
  await db.transaction((tx) => settleLogFile(tx, file));
  await log.remove(file);
  await db.transaction((tx) => deleteLogFileRow(tx, file));
  return SETTLED;
}

interface Copied {
  row: LoggedRow;
  bytes: Buffer;
}

/** One pass over a file. */
class Move {
  readonly #context: CompactionContext;
  readonly #file: number;
  /** Rows whose records have not been met yet, by where they should stand. */
  #wanted = new Map<number, LoggedRow>();
  #batch: Copied[] = [];
  #unwanted: FoundRecord[] = [];

  constructor(context: CompactionContext, file: number) {
    this.#context = context;
    this.#file = file;
  }

  /** What is wrong with the file, if anything. */
  async run(signal: AbortSignal): Promise<string | undefined> {
    const rows = await listLoggedIn(this.#context.db.query, this.#file);
    this.#wanted = new Map(rows.map((row) => [row.offset, row]));
    for await (const record of this.#context.log.scan(this.#file)) {
      if (signal.aborted) return undefined;
      if (record.isEntry) continue;
      const damage = await this.#take(record);
      if (damage !== undefined) return damage;
    }
    const damage = await this.#flush();
    if (damage !== undefined) return damage;
    const [lost] = this.#wanted.values();
    return lost === undefined ? undefined : `no record of blob ${lost.id} at ${lost.offset}`;
  }

  async #take(record: FoundRecord): Promise<string | undefined> {
    const row = this.#wanted.get(record.offset);
    if (row === undefined) this.#unwanted.push(record);
    else if (!isSame(row, record)) return `blob ${row.id} at ${row.offset}`;
    else {
      this.#wanted.delete(record.offset);
      this.#batch.push({ row, bytes: record.bytes });
    }
    const count = this.#batch.length + this.#unwanted.length;
    return count < RECORDS_A_MOVE ? undefined : await this.#flush();
  }

  async #flush(): Promise<string | undefined> {
    const { db } = this.#context;
    const unwanted = new Map(this.#unwanted.splice(0).map((record) => [record.id, record]));
    for (const { id, log_file, log_offset } of await findBlobs(db.query, [...unwanted.keys()])) {
      if (log_file !== this.#file || log_offset !== unwanted.get(id)?.offset) continue;
      return `an index does not know of blob ${id}`;
    }
    const batch = this.#batch.splice(0);
    using pins = new DisposableStack();
    const copies = await this.#copy(batch, pins);
    await db.transaction(async (tx) => {
      for (const [at, { row }] of batch.entries()) {
        await moveLoggedBlob(tx, row, copies[at]!.place);
      }
    });
    return undefined;
  }

  /** Those that were written are let go with `pins`, though another one fails. */
  async #copy(batch: readonly Copied[], pins: DisposableStack): Promise<LoggedBlob[]> {
    const { log } = this.#context;
    const outcomes = await Promise.allSettled(
      batch.map(async ({ row, bytes }) =>
        pins.use(await log.append(row.id, bytes, { usesReserve: true })),
      ),
    );
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  }
}

function isSame(row: LoggedRow, record: FoundRecord): boolean {
  const isOfRow = row.id === record.id && row.sizeBytes === record.bytes.length;
  return isOfRow && record.isWhole && decodeCrcs(row.blockCrcs)[0] === record.crc;
}
