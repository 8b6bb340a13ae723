// Owns the host's `ip_forward`: switched on for the first cloud, put back after the last. What it was before lies
// in /run, which like the setting itself does not outlive a reboot, and which all clouds of the host share.

import { readFile } from 'node:fs/promises';
import {
  ensureDirectory,
  readFileIfPresent,
  removeFile,
  replaceFile,
  writeUnsynced,
} from '@ironbark/platform/files.ts';

const SETTING = '/proc/sys/net/ipv4/ip_forward';
/** Shared by all clouds of the host; each has a folder of its own in it. */
export const RUN_DIRECTORY = '/run/ironbark';
const REMEMBERED = `${RUN_DIRECTORY}/ip-forward-before`;

export async function ensureForwarding(): Promise<void> {
  const now = (await readFile(SETTING, 'utf8')).trim();
  if (now === '1') return;
  await ensureDirectory(RUN_DIRECTORY, 0o755);
  await replaceFile(REMEMBERED, `${now}\n`, { mode: 0o644 });
  await writeUnsynced(SETTING, '1');
}

/** Call it when no cloud's bridge is left on the host. */
export async function restoreForwarding(): Promise<void> {
  const before = await readFileIfPresent(REMEMBERED);
  if (before === undefined) return;
  await writeUnsynced(SETTING, before.toString('utf8').trim());
  await removeFile(REMEMBERED);
}
