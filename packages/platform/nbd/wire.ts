// Owns the bytes of the NBD protocol (doc/proto.md of the NBD project): fixed newstyle handshake, simple replies.

export const NBD_OPTION = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  setMetaContext: 10,
} as const;
export const NBD_OPTION_REPLY = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 2 ** 31 + 1,
  invalid: 2 ** 31 + 3,
  unknown: 2 ** 31 + 6,
} as const;
export const NBD_COMMAND = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const;
/** Of a request: its bytes are on stable storage before it is answered. */
export const NBD_FORCE_UNIT_ACCESS = 1;
/** The protocol's own numbers, whatever the host's are. */
export const NBD_ERROR = { permission: 1, io: 5, invalid: 22, noSpace: 28 } as const;

/** What a request or an export failed with. */
export class NbdError extends Error {
  readonly errno: number;

  constructor(message: string, errno: number) {
    super(message);
    this.name = 'NbdError';
    this.errno = errno;
  }
}

export interface NbdRequest {
  flags: number;
  command: number;
  /** Chosen by the client, returned with the reply. */
  cookie: bigint;
  offset: number;
  length: number;
}

export interface NbdExportFacts {
  sizeBytes: number;
  isReadOnly: boolean;
  /** Offsets and lengths are multiples of it. */
  blockBytes: number;
}

export const HELLO_BYTES = 18;
export const CLIENT_FLAGS_BYTES = 4;
export const OPTION_HEAD_BYTES = 16;
export const OPTION_REPLY_HEAD_BYTES = 20;
export const REQUEST_BYTES = 28;
export const REPLY_BYTES = 16;
/** What servers take that announce nothing else. */
export const MAX_REQUEST_BYTES = 32 * 1024 * 1024;

const GREETING = Buffer.from('NBDMAGICIHAVEOPT', 'latin1');
const OPTION_MAGIC = GREETING.subarray(8);
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;
const FIXED_NEWSTYLE = 1;
const NO_ZEROES = 2;
const INFO = { export: 0, blockSize: 3 } as const;
/** Has flags, takes FLUSH and FUA. */
const ALWAYS = 1 | (1 << 2) | (1 << 3);
const READ_ONLY = 1 << 1;
const TRIM_AND_ZEROES = (1 << 5) | (1 << 6);
/** Several connections see the same bytes, also right after a flush. */
const MULTI_CONNECTION = 1 << 8;
const PREFERRED_BLOCK_BYTES = 4096;
const ZEROES_AFTER_EXPORT_NAME = 124;

export function renderHello(): Buffer {
  return Buffer.concat([GREETING, uint16(FIXED_NEWSTYLE | NO_ZEROES)]);
}

/** Throws unless the peer is a server of this protocol. */
export function checkHello(bytes: Buffer): void {
  if (!bytes.subarray(0, GREETING.length).equals(GREETING)) {
    throw new Error('nbd: the peer is no NBD server');
  }
}

/** What a client answers to the server's greeting. */
export function renderClientFlags(): Buffer {
  return uint32(FIXED_NEWSTYLE | NO_ZEROES);
}

export function wantsZeroes(clientFlags: Buffer): boolean {
  return (clientFlags.readUInt32BE() & NO_ZEROES) === 0;
}

export function parseOptionHead(bytes: Buffer): { option: number; length: number } {
  if (!bytes.subarray(0, 8).equals(OPTION_MAGIC)) throw new Error('nbd: not an option');
  return { option: bytes.readUInt32BE(8), length: bytes.readUInt32BE(12) };
}

/** The name that GO and INFO ask for; undefined when the bytes are none. What else they ask for is always told. */
export function parseExportName(data: Buffer): string | undefined {
  if (data.length < 6) return undefined;
  const length = data.readUInt32BE();
  if (length > data.length - 6) return undefined;
  return data.toString('utf8', 4, 4 + length);
}

/** A client's choice of an export. */
export function renderGo(exportName: string): Buffer {
  return renderOption(NBD_OPTION.go, Buffer.concat([counted(exportName), uint16(0)]));
}

/** A client's wish for replies that say what they are; block status needs them. */
export function renderStructuredReplies(): Buffer {
  return renderOption(NBD_OPTION.structuredReply, Buffer.alloc(0));
}

/** A client's choice of what it will ask the block status of. */
export function renderMetaContext(exportName: string, context: string): Buffer {
  const data = Buffer.concat([counted(exportName), uint32(1), counted(context)]);
  return renderOption(NBD_OPTION.setMetaContext, data);
}

function renderOption(option: number, data: Buffer): Buffer {
  return Buffer.concat([OPTION_MAGIC, uint32(option), uint32(data.length), data]);
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([uint32(bytes.length), bytes]);
}

export function renderOptionReply(
  option: number,
  type: number,
  data: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(8);
  head.writeBigUInt64BE(OPTION_REPLY_MAGIC);
  return Buffer.concat([head, uint32(option), uint32(type), uint32(data.length), data]);
}

export function parseOptionReplyHead(bytes: Buffer): { type: number; length: number } {
  if (bytes.readBigUInt64BE() !== OPTION_REPLY_MAGIC) {
    throw new Error('nbd: unexpected option reply');
  }
  return { type: bytes.readUInt32BE(12), length: bytes.readUInt32BE(16) };
}

export function isOptionError(type: number): boolean {
  return type >= 2 ** 31;
}

/** The answer to EXPORT_NAME, after which requests follow. */
export function renderExport(facts: NbdExportFacts, withZeroes: boolean): Buffer {
  const zeroes = Buffer.alloc(withZeroes ? ZEROES_AFTER_EXPORT_NAME : 0);
  return Buffer.concat([renderSizeAndFlags(facts), zeroes]);
}

/** The answers to GO and INFO, but for the acknowledgement that ends them. */
export function renderExportInfos(option: number, facts: NbdExportFacts): Buffer {
  const { blockBytes } = facts;
  const preferred = Math.max(blockBytes, PREFERRED_BLOCK_BYTES);
  const sizes = [uint32(blockBytes), uint32(preferred), uint32(MAX_REQUEST_BYTES)];
  const infos = [
    Buffer.concat([uint16(INFO.export), renderSizeAndFlags(facts)]),
    Buffer.concat([uint16(INFO.blockSize), ...sizes]),
  ];
  const { info } = NBD_OPTION_REPLY;
  return Buffer.concat(infos.map((data) => renderOptionReply(option, info, data)));
}

/** Size and flags of the export, where the bytes of an INFO reply hold them. */
export function parseExportInfo(
  data: Buffer,
): { sizeBytes: number; isReadOnly: boolean } | undefined {
  if (data.length < 12 || data.readUInt16BE() !== INFO.export) return undefined;
  const isReadOnly = (data.readUInt16BE(10) & READ_ONLY) !== 0;
  return { sizeBytes: Number(data.readBigUInt64BE(2)), isReadOnly };
}

/** An entry of the answer to LIST. */
export function renderListed(exportName: string): Buffer {
  const name = Buffer.from(exportName, 'utf8');
  return Buffer.concat([uint32(name.length), name]);
}

function renderSizeAndFlags({ sizeBytes, isReadOnly }: NbdExportFacts): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(sizeBytes));
  const access = isReadOnly ? READ_ONLY : TRIM_AND_ZEROES;
  return Buffer.concat([size, uint16(ALWAYS | MULTI_CONNECTION | access)]);
}

export function renderRequest(request: NbdRequest): Buffer {
  const bytes = Buffer.alloc(REQUEST_BYTES);
  bytes.writeUInt32BE(REQUEST_MAGIC, 0);
  bytes.writeUInt16BE(request.flags, 4);
  bytes.writeUInt16BE(request.command, 6);
  bytes.writeBigUInt64BE(request.cookie, 8);
  bytes.writeBigUInt64BE(BigInt(request.offset), 16);
  bytes.writeUInt32BE(request.length, 24);
  return bytes;
}

export function parseRequest(bytes: Buffer): NbdRequest {
  if (bytes.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('nbd: not a request');
  return {
    flags: bytes.readUInt16BE(4),
    command: bytes.readUInt16BE(6),
    cookie: bytes.readBigUInt64BE(8),
    offset: Number(bytes.readBigUInt64BE(16)),
    length: bytes.readUInt32BE(24),
  };
}

/** `errno` 0: it was done. The bytes of a read follow. */
export function renderReply(cookie: bigint, errno: number): Buffer {
  const bytes = Buffer.alloc(REPLY_BYTES);
  bytes.writeUInt32BE(REPLY_MAGIC, 0);
  bytes.writeUInt32BE(errno, 4);
  bytes.writeBigUInt64BE(cookie, 8);
  return bytes;
}

export function parseReply(bytes: Buffer): { cookie: bigint; errno: number } {
  if (bytes.readUInt32BE(0) !== REPLY_MAGIC) throw new Error('nbd: unexpected reply');
  return { cookie: bytes.readBigUInt64BE(8), errno: bytes.readUInt32BE(4) };
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
