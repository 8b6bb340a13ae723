// Owns writing the first contents of images: one `rbd import-diff` for each, which gets the pieces as they come. What it
// was told is durable when it has ended well; one that was lost begins again with `prepare`, from the first piece.

import { once } from 'node:events';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { AttachedProcess } from '@ironbark/platform/commands.ts';
import { cephUnavailable, type RbdCommand } from './rbd-command.ts';
import { DIFF_END, renderDiffStart, renderPieceStart } from './rbd-diff.ts';

interface Writing {
  sizeBytes: number;
  /** Absent before the first piece. */
  process?: AttachedProcess;
}

interface Piece {
  offset: number;
  bytes: Uint8Array;
}

export class RbdWriters implements AsyncDisposable {
  readonly #rbd: RbdCommand;
  readonly #all = new Map<VolumeId, Writing>();

  constructor(rbd: RbdCommand) {
    this.#rbd = rbd;
  }

  async begin(id: VolumeId, sizeBytes: number): Promise<void> {
    await this.drop(id);
    this.#all.set(id, { sizeBytes });
  }

  async write(id: VolumeId, image: string, { offset, bytes }: Piece): Promise<void> {
    const writing = this.#get(id);
    if (offset + bytes.length > writing.sizeBytes) {
      throw new Error(`${id} cannot be written at ${offset}`);
    }
    writing.process ??= await this.#start(image, writing.sizeBytes);
    await say(writing.process, renderPieceStart(offset, bytes.length));
    await say(writing.process, bytes);
  }

  /** All of it is durable. */
  async finish(id: VolumeId): Promise<void> {
    const { process } = this.#get(id);
    if (process !== undefined) {
      process.stdin.end(DIFF_END);
      if ((await process.ended) !== 0) throw cephUnavailable(new Error('rbd import-diff failed'));
    }
    this.#all.delete(id);
  }

  async drop(id: VolumeId): Promise<void> {
    const process = this.#all.get(id)?.process;
    this.#all.delete(id);
    process?.kill('SIGKILL');
    await process?.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all.keys()].map((id) => this.drop(id)));
  }

  #get(id: VolumeId): Writing {
    const found = this.#all.get(id);
    if (found !== undefined) return found;
    throw cephUnavailable(new Error(`the writing of ${id} was cut short`));
  }

  async #start(image: string, sizeBytes: number): Promise<AttachedProcess> {
    const args = ['import-diff', '--no-progress', '-', this.#rbd.imageSpec(image)];
    const process = await this.#rbd.start(args);
    process.stdout.resume();
    process.stderr.resume();
    await say(process, renderDiffStart(sizeBytes));
    return process;
  }
}

/** Resolves when there is room for more. */
async function say({ stdin, ended }: AttachedProcess, bytes: Uint8Array): Promise<void> {
  if (stdin.write(bytes)) return;
  const drained = once(stdin, 'drain').then(
    () => true,
    () => false,
  );
  const isGoingOn = await Promise.race([drained, ended.then(() => false)]);
  if (!isGoingOn) throw cephUnavailable(new Error('rbd import-diff ended early'));
}
