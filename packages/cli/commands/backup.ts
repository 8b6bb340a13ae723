// Owns `ironbark backup`: one file with everything of a cloud that runs, as it was at one moment.

import { lstat, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { renderBytes, renderCount } from '@ironbark/core/units.ts';
import { listStoredBlobs, type StoredBlobFile } from '@ironbark/objects/store/stored-blobs.ts';
import { hasCode, listIfPresent, statIfPresent } from '@ironbark/platform/files.ts';
import { ARCHIVE_FORMAT, type ArchiveSeal, type Piece } from '../backup/archive-frames.ts';
import { ArchiveWriter, alreadyThere } from '../backup/archive-writer.ts';
import { copyOwned, filePieces, ownerOf } from '../backup/file-pieces.ts';
import { readPassphrase } from '../backup/passphrase.ts';
import { configPath, findConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import type { AdminApi, BackupSource } from '../daemon/admin-api.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { dataPaths } from '../daemon/paths.ts';
import { readHeldVolume } from '../daemon/volume-stream.ts';
import type { StepProgress } from '../terminal.ts';

export interface BackupOptions {
  withVolumes: boolean;
  passphraseFile?: string;
}

interface Backup {
  context: CliContext;
  daemon: AdminApi;
  source: BackupSource;
  writer: ArchiveWriter;
  progress: StepProgress;
  /** Aborted when the daemon has let the source go. */
  signal: AbortSignal;
  counts: { objects: number; damaged: string[]; bytes: number };
}

export async function takeBackup(
  context: CliContext,
  target: string,
  options: BackupOptions,
): Promise<void> {
  const path = resolve(target);
  if (await exists(path)) throw alreadyThere(path);
  const passphrase = await readPassphrase(options.passphraseFile);
  const daemon = await getDaemon(context.dataDir, context.self);
  const { withVolumes } = options;
  const result = await context.terminal.step(`Backing up to ${path}`, async (progress) => {
    progress('holding one moment still');
    const source = locate(context, await daemon.beginBackup({ withVolumes }));
    await using lease = holdLease(context, daemon, source);
    const { takenAt, accountId } = source;
    const { version } = context;
    const header = { format: ARCHIVE_FORMAT, version, takenAt, accountId, withVolumes } as const;
    const { random } = context;
    await using writer = await ArchiveWriter.create({
      ...{ path, header, random },
      ...(passphrase === undefined ? {} : { passphrase }),
    });
    const counts = { objects: 0, damaged: [] as string[], bytes: 0 };
    const { signal } = lease;
    await addAll({ context, daemon, source, writer, progress, signal, counts });
    const seal = await writer.finish();
    return { ...describe(source, counts, seal), isEncrypted: passphrase !== undefined };
  });
  const summary = { path, ...result };
  context.terminal.result(summary, () => render(summary));
  warnAboutDamage(context, result.damagedBlobs);
  if (result.needsKeyring) await warnAboutKeyring(context);
}

/** It is named from the data folder on. */
function locate({ dataDir }: CliContext, source: BackupSource): BackupSource {
  const { directory, objects } = source;
  return { ...source, directory: join(dataDir, directory), objects: join(dataDir, objects) };
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    },
  );
}

interface Lease extends AsyncDisposable {
  signal: AbortSignal;
}

const RENEWALS_A_LEASE = 5;

/** Tells the daemon now and then that somebody still copies; ends with telling it that nobody does. */
function holdLease(context: CliContext, daemon: AdminApi, { leaseMs }: BackupSource): Lease {
  const lost = new AbortController();
  const done = new AbortController();
  const renewing = (async () => {
    while (!done.signal.aborted) {
      await context.clock.sleep(leaseMs / RENEWALS_A_LEASE, done.signal);
      await daemon.renewBackup();
    }
  })().catch((error: unknown) => {
    if (!done.signal.aborted) lost.abort(error);
  });
  return {
    signal: lost.signal,
    [Symbol.asyncDispose]: async () => {
      done.abort();
      await renewing;
      if (!lost.signal.aborted) await daemon.endBackup();
    },
  };
}

async function addAll(backup: Backup): Promise<void> {
  const { context, daemon, source, writer } = backup;
  const paths = dataPaths(context.dataDir);
  await addFileAt(backup, 'config.json', configPath(context.dataDir));
  const ownerUid = await ownerOf(paths.objects);
  for (const { path, sizeBytes } of source.files) {
    const pieces = filePieces(join(source.directory, path), sizeBytes, ownerUid);
    await writer.addFile({ path, sizeBytes }, pieces);
  }
  for (const name of await listKeys(paths.keys)) {
    await addFileAt(backup, `keys/${name}`, join(paths.keys, name));
  }
  await addBlobs(backup, ownerUid);
  for (const { id, sizeBytes } of source.volumes) {
    const file = { path: `volumes/${id}`, sizeBytes };
    await writer.addFile(file, counted(backup, id, readHeldVolume(daemon, id)));
  }
  backup.progress('waiting for the disk');
}

/** Its path within a backup, which has the layout of a data folder. */
const OBJECTS_STORE = dataPaths('').stores.objects;

/** The list is read from a copy that only we can change, since the engine follows links and writes. */
async function addBlobs(backup: Backup, ownerUid: number): Promise<void> {
  const { directory, files } = backup.source;
  const sizeBytes = files.find(({ path }) => path === OBJECTS_STORE)?.sizeBytes ?? 0;
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-backup-'));
  try {
    const copy = join(folder, 'objects.sqlite');
    await copyOwned(join(directory, OBJECTS_STORE), copy, { sizeBytes, ownerUid });
    for await (const blob of listStoredBlobs(copy)) await addBlob(backup, blob, ownerUid);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function addFileAt({ writer }: Backup, path: string, from: string): Promise<void> {
  const { size: sizeBytes } = await stat(from);
  await writer.addFile({ path, sizeBytes }, filePieces(from, sizeBytes));
}

async function listKeys(folder: string): Promise<string[]> {
  return (await listIfPresent(folder)).sort();
}

/** One that is missing or of another length was lost before: its loss must not prevent the rest’s backup. */
async function addBlob(
  backup: Backup,
  { path, sizeBytes, grows, blobs }: StoredBlobFile,
  ownerUid: number,
): Promise<void> {
  const from = join(backup.source.objects, path);
  const size = (await statIfPresent(from))?.size ?? -1;
  if (grows ? size < sizeBytes : size !== sizeBytes) {
    backup.counts.damaged.push(path);
    return;
  }
  const file = { path: `objects/${path}`, sizeBytes };
  const pieces = counted(backup, 'objects', filePieces(from, sizeBytes, ownerUid));
  await backup.writer.addFile(file, pieces);
  backup.counts.objects += blobs;
}

/** Ends with a sentence instead of waiting for a daemon that has let go. */
async function* counted(
  { counts, progress, signal }: Backup,
  what: string,
  pieces: AsyncIterable<Piece>,
): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    counts.bytes += piece.bytes.length;
    progress(`${what}, ${renderBytes(counts.bytes)}`);
    yield piece;
  }
  signal.throwIfAborted();
}

function describe(source: BackupSource, counts: Backup['counts'], seal: ArchiveSeal) {
  return {
    takenAt: source.takenAt,
    accountId: source.accountId,
    files: seal.files,
    bytes: seal.bytes,
    blobs: counts.objects,
    volumes: source.volumes.length,
    needsKeyring: source.needsKeyring,
    damagedBlobs: counts.damaged,
    sha256: seal.sha256,
  };
}

function render(
  summary: ReturnType<typeof describe> & { path: string; isEncrypted: boolean },
): string {
  const volumes =
    summary.volumes === 0 ? 'no volumes’ contents' : renderCount(summary.volumes, 'volumes');
  return [
    `Everything up to ${summary.takenAt} is in ${summary.path}`,
    `${renderCount(summary.files, 'files')}, ${renderBytes(summary.bytes)}, ${volumes}, seal ${summary.sha256}`,
    summary.isEncrypted
      ? 'It is encrypted: without its passphrase it is worth nothing.'
      : 'The cloud’s secret keys are in it: who can read it can use the cloud and everything in it. Its mode is 0600.',
  ].join('\n');
}

async function warnAboutKeyring({ terminal, dataDir }: CliContext): Promise<void> {
  const path = (await findConfig(dataDir))?.keyring ?? dataPaths(dataDir).keyring;
  terminal.warn(
    'encrypted volumes and snapshots in it can be read with this cloud’s keyring alone,',
  );
  terminal.warn(`which is not in it: keep a copy of ${path} in another place.`);
}

function warnAboutDamage(context: CliContext, damaged: readonly string[]): void {
  if (damaged.length === 0) return;
  context.terminal.warn(
    `${damaged.length} files of objects were lost before this backup and are not in it: ${damaged.slice(0, 3).join(', ')}`,
  );
}
