// Owns an AoE target of ours, or Debian's vblade, on one end of a wire, with a disk of its own behind it.

import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { endProcess, findProcess } from '@ironbark/platform/processes.ts';
import { readTargetStatus, serveExports } from '@ironbark/storage/drivers/aoe/control-client.ts';
import type { ExportSettings } from '@ironbark/storage/drivers/aoe/export-settings.ts';
import {
  endAoeTarget,
  findAoeTarget,
  startAoeTarget,
} from '@ironbark/storage/drivers/aoe/target-process.ts';
import type { TargetHost } from '@ironbark/storage/drivers/guest-targets/target-process.ts';
import { AoeInitiator, type Peer } from './aoe-initiator.ts';
import { FrameLab, type WireEnd } from './frame-lab.ts';

/** Far from any user of a host. */
const TARGET_UID = 1_899_999_001;

export interface AoeLabOptions {
  sizeBytes: number;
  mtuBytes?: number;
  ends?: readonly WireEnd[];
  /** A fast place: the disk is not what is measured. */
  parent?: string;
}

export class AoeLab implements AsyncDisposable {
  readonly wire: FrameLab;
  readonly folder: string;
  readonly host: TargetHost;
  readonly #disposal: (() => Promise<void>)[] = [];

  private constructor(wire: FrameLab, folder: string) {
    this.wire = wire;
    this.folder = folder;
    const isRoot = process.getuid?.() === 0;
    this.host = {
      folder: join(folder, 'target'),
      commands: systemCommands,
      clock: systemClock,
      uid: isRoot ? TARGET_UID : undefined,
    };
  }

  static async create({ sizeBytes, mtuBytes = 9_000, ends, parent = '/var/tmp' }: AoeLabOptions) {
    const wire = await FrameLab.create(mtuBytes, ends);
    const folder = await mkdtemp(join(parent, 'ironbark-aoe-'));
    const lab = new AoeLab(wire, folder);
    await mkdir(lab.host.folder, { recursive: true });
    await lab.makeDisk('disk', sizeBytes);
    return lab;
  }

  async makeDisk(name: string, sizeBytes: number): Promise<string> {
    const path = join(this.host.folder, name);
    await using file = await open(path, 'wx', 0o600);
    await file.truncate(sizeBytes);
    if (this.host.uid !== undefined) await file.chown(this.host.uid, this.host.uid);
    return path;
  }

  settings(change: Partial<ExportSettings> = {}): ExportSettings {
    const address = { shelf: 7, slot: 3, serial: 'vol0123456789abcdef0' };
    return { ...address, path: 'disk', isReadOnly: false, writeCache: 'off', ...change };
  }

  async startTarget(exports: readonly ExportSettings[] = [this.settings()]): Promise<number> {
    const port = await this.wire.open('target');
    const { pid } = await startAoeTarget(this.host, port);
    await serveExports(this.host, exports);
    return pid;
  }

  serve(exports: readonly ExportSettings[]) {
    return serveExports(this.host, exports);
  }

  status() {
    return readTargetStatus(this.host);
  }

  async initiator(end: WireEnd = 'initiator'): Promise<AoeInitiator> {
    return new AoeInitiator(await this.wire.open(end));
  }

  /** Looks until somebody is there. */
  async discover(initiator: AoeInitiator): Promise<Peer> {
    return waitFor(() => initiator.discover()[0], {
      clock: systemClock,
      timeoutMs: 10_000,
      what: 'an AoE disk',
    });
  }

  /** `isSync`: each write is on stable storage when it is answered. */
  async startVblade({ isSync = false } = {}): Promise<number> {
    const inside = ['netns', 'exec', this.wire.nameSpace('target')];
    const options = ['-b', '64', ...(isSync ? ['-s'] : [])];
    const disk = join(this.host.folder, 'disk');
    // `ip` becomes the program that it starts.
    const { pid } = await systemCommands.startDetached(
      'ip',
      [...inside, 'vblade', ...options, '7', '3', 'eth0', disk],
      { stdio: ['ignore', 'ignore', 'ignore'] },
    );
    const identity = await findProcess(pid);
    this.#disposal.push(async () => {
      if (identity !== undefined) {
        await endProcess(identity, { clock: systemClock, graceMs: 2_000 });
      }
    });
    return pid;
  }

  async end(): Promise<void> {
    for (const work of this.#disposal.splice(0)) await work();
    if ((await findAoeTarget(this.host)) !== undefined) await endAoeTarget(this.host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.wire[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
