// Owns ATA commands as AoE carries them (AoEr11, section 3.1; ATA/ATAPI-7 for the commands): what a command asks of a
// disk of a given size, and how its end is told. Sector numbers and counts are checked here, before anything is done.

import { HEADER_BYTES } from './frame.ts';

export const SECTOR_BYTES = 512;
const ARGUMENT_BYTES = 12;
/** Where the data of a frame begins. */
export const DATA_OFFSET = HEADER_BYTES + ARGUMENT_BYTES;

const AT = { flags: 24, feature: 25, count: 26, command: 27, lba: 28 };
const FLAG_EXTENDED = 0x40;
const FLAG_WRITE = 0x01;
const LBA48_BYTES = 6;
const LBA28_MASK = 0x0fff_ffff;
/** Bits of the device register that mean: by sector number. */
const LBA28_DEVICE = 0xe000_0000;

export const ATA = {
  readSectors: 0x20,
  readSectorsExt: 0x24,
  writeSectors: 0x30,
  writeSectorsExt: 0x34,
  readVerify: 0x40,
  readVerifyExt: 0x42,
  standbyImmediate: 0xe0,
  idleImmediate: 0xe1,
  checkPowerMode: 0xe5,
  flushCache: 0xe7,
  flushCacheExt: 0xea,
  identify: 0xec,
  setFeatures: 0xef,
} as const;

const FEATURE = { enableWriteCache: 0x02, setTransferMode: 0x03, disableWriteCache: 0x82 };
/** Active or idle; there is no disk that stands still. */
const POWER_ACTIVE = 0xff;

const STATUS = { ready: 0x40, seekComplete: 0x10, deviceFault: 0x20, error: 0x01 };
/** Bits of the error register. */
const FAULT = { aborted: 0x04, idNotFound: 0x10, uncorrectable: 0x40 } as const;
export type AtaFault = keyof typeof FAULT;

export interface AtaRequest {
  command: number;
  feature: number;
  count: number;
  lba: number;
  isExtended: boolean;
  /** Bytes that the frame has after its headers; Ethernet's padding counts. */
  dataBytes: number;
}

/** Undefined when the frame is too short for a command. */
export function parseAta(frame: Buffer): AtaRequest | undefined {
  if (frame.length < DATA_OFFSET) return undefined;
  const isExtended = (frame[AT.flags]! & FLAG_EXTENDED) !== 0;
  return {
    command: frame[AT.command]!,
    feature: frame[AT.feature]!,
    count: frame[AT.count]!,
    lba: isExtended
      ? frame.readUIntLE(AT.lba, LBA48_BYTES)
      : frame.readUInt32LE(AT.lba) & LBA28_MASK,
    isExtended,
    dataBytes: frame.length - DATA_OFFSET,
  };
}

/** Writes a command into a frame whose header is written already. */
export function renderAta(
  frame: Buffer,
  request: Omit<AtaRequest, 'dataBytes'> & { isWrite: boolean },
): void {
  frame[AT.flags] = (request.isExtended ? FLAG_EXTENDED : 0) | (request.isWrite ? FLAG_WRITE : 0);
  frame[AT.feature] = request.feature;
  frame[AT.count] = request.count;
  frame[AT.command] = request.command;
  frame.fill(0, AT.lba, DATA_OFFSET);
  if (request.isExtended) frame.writeUIntLE(request.lba, AT.lba, LBA48_BYTES);
  else frame.writeUInt32LE(((request.lba & LBA28_MASK) | LBA28_DEVICE) >>> 0, AT.lba);
}

export interface AtaDisk {
  sectors: number;
  isReadOnly: boolean;
  /** Sectors that a reply has room for. */
  maxSectors: number;
}

export type AtaPlan =
  | { kind: 'read' | 'write'; offset: number; length: number }
  | { kind: 'flush' }
  | { kind: 'identify' }
  | { kind: 'write-cache'; isOn: boolean }
  | { kind: 'done' }
  | { kind: 'power-mode' }
  | { kind: 'fault'; fault: AtaFault }
  /** The frame contradicts itself: AoE's own error, not the disk's. */
  | { kind: 'bad-argument' };

export function planAta(request: AtaRequest, disk: AtaDisk): AtaPlan {
  switch (request.command) {
    case ATA.readSectors:
    case ATA.readSectorsExt:
      return planTransfer('read', request, disk);
    case ATA.writeSectors:
    case ATA.writeSectorsExt:
      return planTransfer('write', request, disk);
    case ATA.readVerify:
    case ATA.readVerifyExt: {
      const read = planTransfer('read', request, disk);
      return read.kind === 'read' ? { kind: 'done' } : read;
    }
    case ATA.flushCache:
    case ATA.flushCacheExt:
    // A disk that is told to rest has nothing left in its cache.
    case ATA.standbyImmediate:
      return { kind: 'flush' };
    case ATA.idleImmediate:
      return { kind: 'done' };
    case ATA.checkPowerMode:
      return { kind: 'power-mode' };
    case ATA.identify:
      return { kind: 'identify' };
    case ATA.setFeatures:
      return planFeature(request.feature);
    default:
      return { kind: 'fault', fault: 'aborted' };
  }
}

function planTransfer(
  kind: 'read' | 'write',
  { command, count, lba, isExtended, dataBytes }: AtaRequest,
  { sectors, isReadOnly, maxSectors }: AtaDisk,
): AtaPlan {
  const needsExtended = command === ATA.readSectorsExt || command === ATA.writeSectorsExt;
  // 48 bits only where the command and its flags both say so; with fewer the address would be another one.
  if (needsExtended && !isExtended && lba !== 0) return { kind: 'bad-argument' };
  // 0 means 256 or 65,536 sectors to ATA; no frame holds so many.
  if (count === 0 || count > maxSectors) return { kind: 'bad-argument' };
  const length = count * SECTOR_BYTES;
  if (kind === 'write' && dataBytes < length) return { kind: 'bad-argument' };
  if (lba + count > sectors) return { kind: 'fault', fault: 'idNotFound' };
  if (kind === 'write' && isReadOnly) return { kind: 'fault', fault: 'aborted' };
  return { kind, offset: lba * SECTOR_BYTES, length };
}

function planFeature(feature: number): AtaPlan {
  if (feature === FEATURE.enableWriteCache) return { kind: 'write-cache', isOn: true };
  if (feature === FEATURE.disableWriteCache) return { kind: 'write-cache', isOn: false };
  if (feature === FEATURE.setTransferMode) return { kind: 'done' };
  return { kind: 'fault', fault: 'aborted' };
}

/** Writes the end of a command into its reply. */
export function renderAtaEnd(frame: Buffer, fault?: AtaFault): void {
  frame[AT.feature] = fault === undefined ? 0 : FAULT[fault];
  frame[AT.command] = STATUS.ready | STATUS.seekComplete | (fault === undefined ? 0 : STATUS.error);
}

export function renderPowerMode(frame: Buffer): void {
  renderAtaEnd(frame);
  frame[AT.count] = POWER_ACTIVE;
}

export interface AtaEnd {
  ok: boolean;
  fault: number;
  count: number;
}

/** As an initiator reads it. */
export function parseAtaEnd(frame: Buffer): AtaEnd | undefined {
  if (frame.length < DATA_OFFSET) return undefined;
  const ok = (frame[AT.command]! & (STATUS.error | STATUS.deviceFault)) === 0;
  return { ok, fault: frame[AT.feature]!, count: frame[AT.count]! };
}

/** The most sectors of a read or a write whose frame fits. */
export function sectorsPerFrame(mtuBytes: number): number {
  const room = mtuBytes - (DATA_OFFSET - ETHERNET_BYTES);
  return Math.max(0, Math.min(Math.floor(room / SECTOR_BYTES), MAX_SECTORS));
}

/** The MTU does not count Ethernet's own header. */
const ETHERNET_BYTES = 14;
/** What a frame of 9,000 bytes holds; a larger one would need larger buffers for a gain of a few percent. */
export const MAX_SECTORS = 17;
