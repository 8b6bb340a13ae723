// Owns the frame of ATA over Ethernet (AoEr11, section 2): what is read from one that came, and how it is turned into
// its own reply. Nothing here trusts a length: the frame's own bytes are all that there is.

/** A MAC address as a number of 48 bits. */
export type MacNumber = number;

export const ETHERTYPE_AOE = 0x88a2;
export const ETHERNET_HEADER_BYTES = 14;
/** Ethernet's header and AoE's. */
export const HEADER_BYTES = 24;
/** Ethernet's shortest frame, without its checksum. */
export const MIN_FRAME_BYTES = 60;
export const BROADCAST_MAC: MacNumber = 0xffff_ffff_ffff;
export const ANY_SHELF = 0xffff;
export const ANY_SLOT = 0xff;
export const VERSION = 1;

export const COMMAND = { ata: 0, config: 1, masks: 2, reserve: 3 } as const;

/** AoEr11, section 2.4. */
export const ERROR = {
  unknownCommand: 1,
  badArgument: 2,
  unavailable: 3,
  configPresent: 4,
  unsupportedVersion: 5,
  reserved: 6,
} as const;

const FLAG_RESPONSE = 0x08;
const FLAG_ERROR = 0x04;
const MAC_BYTES = 6;
const AT = {
  source: 6,
  type: 12,
  version: 14,
  error: 15,
  shelf: 16,
  slot: 18,
  command: 19,
  tag: 20,
};

export interface AoeHeader {
  destination: MacNumber;
  source: MacNumber;
  version: number;
  isResponse: boolean;
  /** 0 when there is none. */
  error: number;
  shelf: number;
  slot: number;
  command: number;
  tag: number;
}

/** Undefined when it is no frame of AoE, or is cut short. */
export function parseHeader(frame: Buffer): AoeHeader | undefined {
  if (frame.length < HEADER_BYTES) return undefined;
  if (frame.readUInt16BE(AT.type) !== ETHERTYPE_AOE) return undefined;
  const first = frame[AT.version]!;
  return {
    destination: frame.readUIntBE(0, MAC_BYTES),
    source: frame.readUIntBE(AT.source, MAC_BYTES),
    version: first >> 4,
    isResponse: (first & FLAG_RESPONSE) !== 0,
    error: (first & FLAG_ERROR) === 0 ? 0 : frame[AT.error]!,
    shelf: frame.readUInt16BE(AT.shelf),
    slot: frame[AT.slot]!,
    command: frame[AT.command]!,
    tag: frame.readUInt32BE(AT.tag),
  };
}

export function renderHeader(frame: Buffer, header: AoeHeader): void {
  frame.writeUIntBE(header.destination, 0, MAC_BYTES);
  frame.writeUIntBE(header.source, AT.source, MAC_BYTES);
  frame.writeUInt16BE(ETHERTYPE_AOE, AT.type);
  const flags = (header.isResponse ? FLAG_RESPONSE : 0) | (header.error === 0 ? 0 : FLAG_ERROR);
  frame[AT.version] = (header.version << 4) | flags;
  frame[AT.error] = header.error;
  frame.writeUInt16BE(header.shelf, AT.shelf);
  frame[AT.slot] = header.slot;
  frame[AT.command] = header.command;
  frame.writeUInt32BE(header.tag, AT.tag);
}

export interface Responder {
  mac: MacNumber;
  shelf: number;
  slot: number;
}

/** Turns the request in `frame` into the reply of `responder`: same command and tag, its own address. */
export function turnIntoReply(frame: Buffer, { mac, shelf, slot }: Responder, error = 0): void {
  for (let at = 0; at < MAC_BYTES; at += 1) frame[at] = frame[AT.source + at]!;
  frame.writeUIntBE(mac, AT.source, MAC_BYTES);
  frame[AT.version] = (VERSION << 4) | FLAG_RESPONSE | (error === 0 ? 0 : FLAG_ERROR);
  frame[AT.error] = error;
  frame.writeUInt16BE(shelf, AT.shelf);
  frame[AT.slot] = slot;
}

/** Group addresses send nothing, so a reply to one has nowhere to go. */
export function isGroupAddress(mac: MacNumber): boolean {
  return (Math.floor(mac / 2 ** 40) & 1) === 1;
}

/** Undefined for what is not six pairs of hexadecimal digits. */
export function parseMac(text: string): MacNumber | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Number.parseInt(text.replaceAll(':', ''), 16);
}

export function renderMac(mac: MacNumber): string {
  return mac.toString(16).padStart(12, '0').match(/../g)!.join(':');
}
