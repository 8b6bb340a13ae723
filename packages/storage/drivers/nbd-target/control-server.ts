// Owns what an NBD target is told to serve, and what it says of it.

import { type Check, object, oneOf } from '@ironbark/protocol/internal/wire/checks.ts';
import { ControlListener } from '../guest-targets/control-listener.ts';
import { Revocations } from '../guest-targets/revocations.ts';
import { diskList, type NbdDiskSettings, serialList } from './disk-settings.ts';
import type { NbdTarget } from './nbd-target.ts';
import type { DiskStatus } from './served-disk.ts';

export interface NbdTargetStatus {
  disks: DiskStatus[];
  /** Disks that were taken from guests who may not know it yet. */
  revoked: number;
}

interface Question {
  verb: 'open' | 'close' | 'revoke' | 'status';
  /** For `open`: besides those that are served already. */
  disks?: NbdDiskSettings[];
  /** For `close` and `revoke`. */
  serials?: string[];
}

const question: Check<Question> = object<Question>({
  verb: oneOf('open', 'close', 'revoke', 'status'),
  disks: { optional: diskList },
  serials: { optional: serialList },
});

export class NbdControl {
  readonly #target: NbdTarget;
  readonly #onIdle: () => void;
  readonly #listener = new ControlListener((asked) => this.#answer(asked));
  readonly #revocations = new Revocations();

  /** `onIdle`: the last disk was taken from its guest some time ago, and there is no other. */
  constructor(target: NbdTarget, onIdle: () => void) {
    this.#target = target;
    this.#onIdle = onIdle;
  }

  listen(path: string): Promise<void> {
    return this.#listener.listen(path);
  }

  async close(): Promise<void> {
    this.#revocations.close();
    await this.#listener.close();
    await this.#target.end();
  }

  async #answer(asked: unknown): Promise<NbdTargetStatus> {
    const { verb, disks = [], serials = [] } = question(asked, '');
    for (const disk of disks) await this.#target.open(disk);
    for (const serial of serials) {
      if (verb === 'close') await this.#target.close(serial);
      if (verb === 'revoke') await this.#revoke(serial);
    }
    return { disks: this.#target.status(), revoked: this.#target.revokedCount };
  }

  async #revoke(serial: string): Promise<void> {
    await this.#target.revoke(serial);
    this.#revocations.add(() => this.#forget(serial));
  }

  async #forget(serial: string): Promise<void> {
    await this.#target.forget(serial);
    if (this.#target.status().length === 0 && this.#target.revokedCount === 0) this.#onIdle();
  }
}
