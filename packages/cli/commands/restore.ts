// Owns `ironbark restore`: a cloud's folder made again from a backup, whole or not at all.

import { rmSync } from 'node:fs';
import { chmod, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { settleRestoredCloud } from '@ironbark/cloud/restored-state.ts';
import { renderBytes } from '@ironbark/core/units.ts';
import { hasRestoredEncryption } from '@ironbark/objects/restored-state.ts';
import { acquireProcessLock } from '@ironbark/platform/database/process-lock.ts';
import {
  ensureDirectory,
  listIfPresent,
  renameDurably,
  replaceFile,
} from '@ironbark/platform/files.ts';
import { openRestoredVolumes } from '@ironbark/storage/main.ts';
import { settleRestoredStorage } from '@ironbark/storage/restored-state.ts';
import type { ArchiveHeader, ArchiveSeal } from '../backup/archive-frames.ts';
import { readArchive } from '../backup/archive-reader.ts';
import { readPassphrase } from '../backup/passphrase.ts';
import { ArchiveRestorer } from '../backup/restore-archive.ts';
import { type CloudConfig, configPath, findConfig, renderConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import { dataPaths } from '../daemon/paths.ts';
import { newCloudId, newNodeId } from '../decide-config.ts';
import { Problem } from '../problem.ts';
import type { StepProgress } from '../terminal.ts';

export interface RestoreOptions {
  passphraseFile?: string;
}

interface Checked {
  path: string;
  sizeBytes: number;
  passphrase: string | undefined;
  header: ArchiveHeader;
  seal: ArchiveSeal;
}

interface Restored {
  config: CloudConfig;
  instancesTerminated: number;
  volumesRestored: number;
  volumesLost: number;
  /** What is encrypted in it waits for the keyring, which is in no backup. */
  needsKeyring: boolean;
}

export async function restoreBackup(
  context: CliContext,
  source: string,
  options: RestoreOptions,
): Promise<void> {
  const { terminal, dataDir } = context;
  await requireEmpty(dataDir);
  const path = resolve(source);
  const passphrase = await readPassphrase(options.passphraseFile);
  const checked = await terminal.step(`Checking every byte of ${path}`, (progress) =>
    check(path, passphrase, progress),
  );
  const restored = await terminal.step(`Restoring to ${dataDir}`, (progress) =>
    makeFolder(context, checked, progress),
  );
  const { header, seal } = checked;
  const { config, ...counts } = restored;
  const result = {
    dataDir,
    takenAt: header.takenAt,
    files: seal.files,
    bytes: seal.bytes,
    ...counts,
  };
  terminal.result({ ...result, region: config.region }, () => render(context, header, counts));
}

/** An existing cloud is never touched. */
async function requireEmpty(dataDir: string): Promise<void> {
  if ((await listIfPresent(dataDir)).length === 0) return;
  throw new Problem(`${dataDir} is not empty`, [
    'nothing was restored; a backup goes into a folder of its own: --data-dir FOLDER',
  ]);
}

async function check(
  path: string,
  passphrase: string | undefined,
  progress: StepProgress,
): Promise<Checked> {
  const sizeBytes = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  let header: ArchiveHeader | undefined;
  const seal = await readArchive(path, passphrase, {
    onHeader: (found) => {
      header = found;
    },
    onFile: async (_file, pieces) => {
      for await (const _piece of pieces);
    },
    onProgress: showProgress(progress, sizeBytes),
  });
  return { path, sizeBytes, passphrase, header: header!, seal };
}

function showProgress(progress: StepProgress, sizeBytes: number): (position: number) => void {
  return (position) => progress(`${renderBytes(position)} of ${renderBytes(sizeBytes)}`);
}

/** Everything is made beside the folder, and renamed when it is whole and on stable storage. */
async function makeFolder(
  context: CliContext,
  checked: Checked,
  progress: StepProgress,
): Promise<Restored> {
  await ensureDirectory(dirname(context.dataDir), 0o755);
  const parent = await realpath(dirname(context.dataDir));
  const dataDir = join(parent, basename(context.dataDir));
  const folder = `${dataDir}.restoring`;
  using lock = acquireProcessLock(`${folder}.lock`);
  if (lock === undefined) throw new Problem(`another restore to ${dataDir} is under way`);
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
    rmSync(lock.path, { force: true });
  };
  // Ctrl-C ends the process without a chance to await anything; what a killed one left goes here.
  process.once('exit', remove);
  try {
    await rm(folder, { recursive: true, force: true });
    await ensureDirectory(folder);
    const restored = await fill(context, { checked, folder }, progress);
    progress('waiting for the disk');
    await chmod(folder, 0o711);
    await context.commands.run('sync', ['--file-system', folder], { timeoutMs: SYNC_TIMEOUT_MS });
    await renameDurably(folder, dataDir);
    return restored;
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** A slow disk may have gigabytes to write. */
const SYNC_TIMEOUT_MS = 60 * 60_000;

interface Place {
  checked: Checked;
  folder: string;
}

async function fill(
  context: CliContext,
  { checked, folder }: Place,
  progress: StepProgress,
): Promise<Restored> {
  const restorer = new ArchiveRestorer({
    folder,
    openVolumes: async () => {
      const config = await findConfig(folder);
      await ensureDirectory(join(folder, 'storage'), 0o711);
      const target = config?.hypervisor === 'simulated' ? 'simulated' : 'qemu-storage-daemon';
      return await openRestoredVolumes(join(folder, 'storage'), target);
    },
  });
  await readArchive(checked.path, checked.passphrase, {
    onFile: (file, pieces) => restorer.restore(file, pieces),
    onProgress: showProgress(progress, checked.sizeBytes),
  });
  const config = await giveNewNames(context, folder);
  const cloud = await settle(folder, checked.header);
  const { volumesRestored } = restorer;
  return {
    config,
    volumesRestored,
    instancesTerminated: cloud.terminated.length,
    volumesLost: cloud.volumes - volumesRestored,
    needsKeyring: cloud.needsKeyring,
  };
}

/** Its disks and its pool of Ceph are not taken along, either. The names of bridges, taps and tables follow from these: the lost machine may not be lost after all. */
async function giveNewNames(context: CliContext, folder: string): Promise<CloudConfig> {
  const saved = await findConfig(folder);
  if (saved === undefined) throw new Problem('the backup has no config.json');
  const { random } = context;
  const { volumeDevices: _disks, ceph: _cluster, ...rest } = saved;
  const config = { ...rest, cloudId: newCloudId(random), nodeId: newNodeId(random) };
  await replaceFile(configPath(folder), renderConfig(config));
  return config;
}

async function settle(folder: string, { takenAt, version }: ArchiveHeader) {
  try {
    const { stores } = dataPaths(folder);
    const { hasEncryption } = await settleRestoredStorage(stores.storage);
    const needsKeyring = hasEncryption || (await hasRestoredEncryption(stores.objects));
    return { ...(await settleRestoredCloud(stores.cloud, takenAt)), needsKeyring };
  } catch (cause) {
    const problem = new Problem(
      `the state in the backup cannot be used here (it is from version ${version})`,
      ['nothing was restored; use the version that made the backup, or a newer one'],
    );
    problem.cause = cause;
    throw problem;
  }
}

function render(
  { dataDir, self }: CliContext,
  header: ArchiveHeader,
  { instancesTerminated, volumesRestored, volumesLost, needsKeyring }: Omit<Restored, 'config'>,
): string {
  return [
    `The cloud of account ${header.accountId}, as it was at ${header.takenAt}, is in ${dataDir}`,
    `Instances whose disks were lost with their machine and are shown as terminated: ${instancesTerminated}`,
    `Volumes with their contents: ${volumesRestored}; without, shown as error: ${Math.max(0, volumesLost)}`,
    ...(needsKeyring
      ? [
          `What is encrypted needs the keyring first: install -D -m 600 KEYRING ${dataPaths(dataDir).keyring}`,
        ]
      : []),
    `Start it: ${self} up`,
  ].join('\n');
}
