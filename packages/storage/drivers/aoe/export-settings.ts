// Owns what is said of a disk that is to be exported, and the check of it: the owner's word comes over a socket.

import {
  ANY_SHELF,
  ANY_SLOT,
  type MacNumber,
  parseMac,
  renderMac,
} from '@ironbark/protocol/aoe/frame.ts';
import {
  type Check,
  flag,
  integer,
  list,
  object,
  oneOf,
  pattern,
  refuse,
} from '@ironbark/protocol/internal/wire/checks.ts';

export interface DiskAddress {
  shelf: number;
  slot: number;
}

export interface ExportSettings extends DiskAddress {
  /** What the disk says of itself; 20 characters. */
  serial: string;
  /** Of the file, or of the socket of the volume's storage daemon, as the target sees it. */
  path: string;
  /** What the volume is called at that socket; absent: the path is a file's. */
  exportName?: string;
  /** Who is answered; absent: everybody on the interface. */
  admits?: MacNumber[];
  isReadOnly: boolean;
  /**
   * `off`: a write that is told done is on stable storage, which users need that never flush, such as Linux's own
   * driver. `on`: once it is followed by a flush. Users may choose otherwise with SET FEATURES.
   */
  writeCache: 'on' | 'off';
}

/** More disks than this on one interface want a second target. */
export const MAX_EXPORTS = 1_024;
const MAX_ADMITTED = 64;

const mac: Check<MacNumber> = (value, path) => {
  const parsed = typeof value === 'string' ? parseMac(value) : undefined;
  if (parsed === undefined) throw refuse(path, 'an address such as 02:00:00:00:00:01');
  return parsed;
};

const address = {
  shelf: integer(0, ANY_SHELF - 1),
  slot: integer(0, ANY_SLOT - 1),
};

const settings = object<ExportSettings>({
  ...address,
  serial: pattern(/^[A-Za-z0-9._-]{1,20}$/),
  path: pattern(/^[A-Za-z0-9._/-]{1,512}$/),
  exportName: { optional: pattern(/^[A-Za-z0-9._-]{1,64}$/) },
  admits: { optional: list(mac, MAX_ADMITTED) },
  isReadOnly: flag,
  writeCache: oneOf('on', 'off'),
});

export const exportList: Check<ExportSettings[]> = list(settings, MAX_EXPORTS);
export const addressList: Check<DiskAddress[]> = list(object<DiskAddress>(address), MAX_EXPORTS);

export function renderSettings({ admits, ...rest }: ExportSettings): object {
  return admits === undefined ? rest : { ...rest, admits: admits.map(renderMac) };
}

export function addressOf({ shelf, slot }: DiskAddress): number {
  return shelf * 256 + slot;
}
