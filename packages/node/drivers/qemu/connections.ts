// Owns the open QMP connections: at most one for each guest, since QEMU's socket takes one client at a time.

import { join } from 'node:path';
import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { connectQmp, type QmpClient, type QmpEvent } from '@ironbark/platform/qmp.ts';
import type { GuestHandle } from '../hypervisor-driver.ts';
import { QMP_SOCKET } from './argv.ts';

/** A QEMU that does not answer for so long is wedged; it may still be running its guest. */
const QMP_TIMEOUT_MS = 5_000;

/** Events after which someone should look at the guest. */
const EVENTS_OF_INTEREST: ReadonlySet<string> = new Set([
  'SHUTDOWN',
  'STOP',
  'RESUME',
  'GUEST_PANICKED',
  'BLOCK_IO_ERROR',
  'DEVICE_DELETED',
  'RESET',
]);

export interface ConnectionsOptions {
  clock: Clock;
  onChange: (id: InstanceId) => void;
  timeoutMs?: number;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<InstanceId, Promise<QmpClient>>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  async execute(
    handle: GuestHandle,
    command: string,
    parameters?: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    const client = await this.#get(handle);
    return client.execute(command, parameters);
  }

  /** Gives the guest's process a copy of an open file. */
  async passDescriptor(handle: GuestHandle, name: string, fd: number): Promise<void> {
    const client = await this.#get(handle);
    await client.passDescriptor(name, fd);
  }

  #get(handle: GuestHandle): Promise<QmpClient> {
    const known = this.#open.get(handle.id);
    if (known !== undefined) return known;
    const fresh: Promise<QmpClient> = this.#connect(handle, () => {
      // One that was forgotten before was closed by us.
      if (this.#forget(handle.id, fresh)) this.#options.onChange(handle.id);
    });
    fresh.catch(() => this.#forget(handle.id, fresh));
    this.#open.set(handle.id, fresh);
    return fresh;
  }

  #connect(handle: GuestHandle, onClose: () => void): Promise<QmpClient> {
    return connectQmp({
      socketPath: join(handle.directory, 'run', QMP_SOCKET),
      clock: this.#options.clock,
      ownerUid: handle.uid,
      timeoutMs: this.#options.timeoutMs ?? QMP_TIMEOUT_MS,
      onEvent: (event) => this.#take(handle.id, event),
      onClose,
    });
  }

  #take(id: InstanceId, event: QmpEvent): void {
    if (EVENTS_OF_INTEREST.has(event.event)) this.#options.onChange(id);
  }

  #forget(id: InstanceId, connection: Promise<QmpClient>): boolean {
    return this.#open.get(id) === connection && this.#open.delete(id);
  }

  /** Hangs up; the guest runs on. */
  close(id: InstanceId): void {
    const connection = this.#open.get(id);
    this.#open.delete(id);
    connection?.then(
      (client) => client.close(),
      () => {},
    );
  }

  closeAll(): void {
    for (const id of [...this.#open.keys()]) this.close(id);
  }
}
