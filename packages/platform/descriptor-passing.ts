// Owns how an open file is handed to another process over a Unix socket (SCM_RIGHTS, unix(7)), which Node cannot do.

import type { Socket } from 'node:net';
import { check, openLibC } from './libc.ts';

// From asm-generic/socket.h and linux/socket.h.
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** struct cmsghdr on 64-bit Linux: its length, level and type. */
const CMSGHDR_BYTES = 16;
const FD_BYTES = 4;
/** CMSG_SPACE of one descriptor: both parts are padded to 8 bytes. */
const CONTROL_BYTES = 24;

interface Message {
  name: null;
  nameLength: number;
  pieces: { base: Buffer; length: number }[];
  pieceCount: number;
  control: Buffer;
  controlLength: number;
  flags: number;
}

type SendMessage = (fd: number, message: Message, flags: number) => number;

let loaded: SendMessage | undefined;

/**
 * Sends the text, with the descriptor in its first byte. Nothing that was written before may still wait in this process.
 * The text has to be short: what the kernel does not take at once is an error.
 */
export function sendWithDescriptor(socket: Socket, text: string, fd: number): void {
  if (socket.writableLength > 0) throw new Error('a descriptor cannot overtake what was written');
  const base = Buffer.from(text);
  const control = Buffer.alloc(CONTROL_BYTES);
  control.writeBigUInt64LE(BigInt(CMSGHDR_BYTES + FD_BYTES), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, CMSGHDR_BYTES);
  const pieces = [{ base, length: base.length }];
  const message = { name: null, nameLength: 0, pieces, pieceCount: 1 };
  const whole = { ...message, control, controlLength: CONTROL_BYTES, flags: 0 };
  loaded ??= load();
  const sent = loaded(descriptorOf(socket), whole, MSG_DONTWAIT | MSG_NOSIGNAL);
  check(sent, 'sendmsg');
  if (sent !== base.length) throw new Error(`sendmsg: ${sent} of ${base.length} bytes were taken`);
}

function descriptorOf(socket: Socket): number {
  const { _handle } = socket as unknown as { _handle?: { fd?: number } | null };
  const fd = _handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('the socket is closed');
  return fd;
}

/** struct msghdr and struct iovec of 64-bit Linux. */
function load(): SendMessage {
  const { koffi, library } = openLibC();
  const piece = koffi.struct({ base: 'void *', length: 'size_t' });
  const message = koffi.struct({
    name: 'void *',
    nameLength: 'uint32_t',
    pieces: koffi.pointer(piece),
    pieceCount: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const types = ['int', koffi.pointer(message), 'int'];
  return library.func('sendmsg', 'long', types) as unknown as SendMessage;
}
