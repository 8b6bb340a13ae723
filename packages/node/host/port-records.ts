// Owns the list of a cloud's ports. It lies beside the other files of the running network and lives as long as
// the taps do: until a reboot.

import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceId, InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { readFileIfPresent, removeFile, replaceFile } from '@ironbark/platform/files.ts';
import type { PortSpec } from './host-network.ts';

export interface PortRecord {
  interfaceId: InterfaceId;
  instanceId: InstanceId;
  subnetId: SubnetId;
  macAddress: string;
  privateIp: string;
  hostname: string;
  domain: string;
  mtu: number;
  carriesStorage?: boolean;
  reachesNbd?: boolean;
}

export class PortRecords {
  readonly #directory: string;
  readonly #records = new Map<InterfaceId, PortRecord>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<PortRecords> {
    const records = new PortRecords(directory);
    if (!existsSync(directory)) return records;
    for (const name of await readdir(directory)) {
      if (!name.endsWith('.json')) continue;
      const bytes = await readFileIfPresent(join(directory, name));
      const record = JSON.parse(bytes?.toString('utf8') ?? 'null') as PortRecord;
      records.#records.set(record.interfaceId, record);
    }
    return records;
  }

  list(): PortRecord[] {
    return [...this.#records.values()];
  }

  find(id: InterfaceId): PortRecord | undefined {
    return this.#records.get(id);
  }

  /** Addresses of guests that may reach NBD exports. */
  nbdGuestsIn(id: SubnetId): string[] {
    return this.list()
      .filter(({ subnetId, reachesNbd }) => subnetId === id && reachesNbd === true)
      .map(({ privateIp }) => privateIp);
  }

  /** Written before the port is made, so that whatever exists has a record. */
  async put(record: PortRecord): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await replaceFile(this.#path(record.interfaceId), JSON.stringify(record));
    this.#records.set(record.interfaceId, record);
  }

  /** Called after everything of the port is gone. */
  async delete(id: InterfaceId): Promise<void> {
    await removeFile(this.#path(id));
    this.#records.delete(id);
  }

  /** Forgets all of them; their files go with the folder. */
  clear(): void {
    this.#records.clear();
  }

  #path(id: InterfaceId): string {
    return join(this.#directory, `${id}.json`);
  }
}

export function recordOf(port: PortSpec): PortRecord {
  const { interfaceId, instanceId, macAddress, privateIp, hostname, subnet, profile } = port;
  const { carriesStorage, reachesNbd } = port;
  return {
    ...{ interfaceId, instanceId, macAddress, privateIp, hostname },
    ...{ subnetId: subnet.id, domain: subnet.domain, mtu: profile.mtu },
    ...(carriesStorage === true ? { carriesStorage } : {}),
    ...(reachesNbd === true ? { reachesNbd } : {}),
  };
}
