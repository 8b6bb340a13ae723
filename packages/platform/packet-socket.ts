// Owns sockets that send and receive whole Ethernet frames of one protocol on one interface. Opening one takes
// CAP_NET_RAW; whoever has it open needs no right at all.

import { closeSync } from 'node:fs';
import { check, openLibC } from './libc.ts';

export interface PacketSocket {
  fd: number;
  /** A whole frame; throws where the interface takes none now. */
  send(frame: Buffer): void;
  close(): void;
}

// From linux/socket.h, linux/if_ether.h and asm-generic/socket.h.
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOCKADDR_LL_BYTES = 20;

/** Frames of 9 KB count for 16 KB and more: room for some hundreds that come while the process is away. */
const BUFFER_BYTES = 16 * 1024 * 1024;

export interface PacketSocketOptions {
  interfaceIndex: number;
  /** EtherType. */
  protocol: number;
}

export function openPacketSocket({ interfaceIndex, protocol }: PacketSocketOptions): PacketSocket {
  const calls = load();
  const big = Buffer.alloc(2);
  big.writeUInt16BE(protocol);
  // Protocol 0 receives nothing until the socket is bound, so that no other interface's frames come first.
  const fd = calls.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  check(fd, 'socket');
  try {
    for (const name of [SO_RCVBUFFORCE, SO_SNDBUFFORCE]) {
      const size = Buffer.alloc(4);
      size.writeInt32LE(BUFFER_BYTES);
      // Without CAP_NET_ADMIN the system's own size has to do.
      calls.setsockopt(fd, SOL_SOCKET, name, size, size.length);
    }
    const address = Buffer.alloc(SOCKADDR_LL_BYTES);
    address.writeUInt16LE(AF_PACKET, 0);
    big.copy(address, 2);
    address.writeInt32LE(interfaceIndex, 4);
    check(calls.bind(fd, address, address.length), 'bind');
    const send = (frame: Buffer) => check(calls.send(fd, frame, frame.length, 0), 'send');
    return { fd, send, close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

interface Calls {
  socket: (family: number, type: number, protocol: number) => number;
  bind: (fd: number, address: Buffer, length: number) => number;
  setsockopt: (fd: number, level: number, name: number, value: Buffer, length: number) => number;
  send: (fd: number, bytes: Buffer, length: number, flags: number) => number;
}

function load(): Calls {
  const { library } = openLibC();
  return {
    socket: library.func('int socket(int family, int type, int protocol)') as Calls['socket'],
    bind: library.func('int bind(int fd, void *address, unsigned int length)') as Calls['bind'],
    setsockopt: library.func(
      'int setsockopt(int fd, int level, int name, void *value, unsigned int length)',
    ) as Calls['setsockopt'],
    send: library.func('long send(int fd, void *bytes, size_t length, int flags)') as Calls['send'],
  };
}
