// Owns the calls into the C library that Node does not have.

import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';

interface LibC {
  ioctl: (fd: number, request: number, type: 'void *', argument: Buffer) => number;
  setsockopt: (fd: number, level: number, name: number, value: Buffer, size: number) => number;
  syscall: (
    number: number,
    firstType: 'long',
    first: number,
    secondType: 'void *',
    second: Buffer,
  ) => number;
  chroot: (path: string) => number;
  getsockopt: (fd: number, level: number, name: number, value: Buffer, size: Buffer) => number;
  posix_fallocate: {
    async(
      fd: number,
      offset: number,
      length: number,
      done: (failure: Error | null, errno: number) => void,
    ): void;
  };
  /** With a pointer, and on another thread: what it does takes long. */
  ioctl_pointer: {
    async(
      fd: number,
      request: number,
      argument: Buffer,
      done: (failure: Error | null, result: number) => void,
    ): void;
  };
}

let opened: ReturnType<typeof open> | undefined;
let loaded: LibC | undefined;

/** Throws an Error with a `code` such as `EBUSY`, as Node's own calls do. */
export function ioctl(fd: number, request: number, argument: Buffer, what: string): void {
  check(libC().ioctl(fd, request, 'void *', argument), what);
}

const IPPROTO_IP = 0;
const IP_TTL = 2;

export function setIpTtl(fd: number, ttl: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(ttl);
  check(libC().setsockopt(fd, IPPROTO_IP, IP_TTL, value, value.length), 'IP_TTL');
}

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

/** Of a listening socket: what it accepts has it, too. */
export function setTcpNoDelay(fd: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(1);
  check(libC().setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, value, value.length), 'TCP_NODELAY');
}

/** The same on every architecture that Linux has had since 5.1. */
const SYS_IO_URING_SETUP = 425;
/** sizeof(struct io_uring_params). */
const IO_URING_PARAMS_BYTES = 120;

/** Makes an io_uring with one entry and gives its descriptor. */
export function setUpIoUring(): number {
  const params = Buffer.alloc(IO_URING_PARAMS_BYTES);
  const fd = libC().syscall(SYS_IO_URING_SETUP, 'long', 1, 'void *', params);
  check(fd, 'io_uring_setup');
  return fd;
}

// From asm-generic/socket.h, and sizeof(struct ucred).
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const UCRED_BYTES = 12;
const UCRED_UID_OFFSET = 4;

/** The user that connected this Unix socket, as the kernel noted it at that moment. */
export function readPeerUser(fd: number): number {
  const value = Buffer.alloc(UCRED_BYTES);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(value.length);
  check(libC().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, size), 'SO_PEERCRED');
  return value.readUInt32LE(UCRED_UID_OFFSET);
}

/** The caller changes its working directory itself, or a way out is left open. */
export function changeRoot(path: string): void {
  check(libC().chroot(path), 'chroot');
}

/** Claims space for a file up to this length; where the file system has no promise of space, by writing zeros. */
export async function claimSpace(fd: number, lengthBytes: number): Promise<void> {
  const errno = await new Promise<number>((resolve, reject) => {
    libC().posix_fallocate.async(fd, 0, lengthBytes, (failure, result) => {
      if (failure === null) resolve(result);
      else reject(failure);
    });
  });
  if (errno !== 0) throw systemError(errno, 'posix_fallocate');
}

/** From linux/fs.h: the range is zeros afterwards, by the device's own means or by writing. */
const BLKZEROOUT = 0x127f;

/** False when the device or the kernel does not do it, for whatever reason; writing then says which. */
export async function zeroOut(fd: number, offset: number, length: number): Promise<boolean> {
  const range = Buffer.alloc(16);
  range.writeBigUInt64LE(BigInt(offset), 0);
  range.writeBigUInt64LE(BigInt(length), 8);
  return await new Promise<boolean>((resolve, reject) => {
    libC().ioctl_pointer.async(fd, BLKZEROOUT, range, (failure, result) => {
      if (failure === null) resolve(result === 0);
      else reject(failure);
    });
  });
}

export function check(result: number, what: string): void {
  if (result >= 0) return;
  throw systemError(opened!.koffi.errno(), what);
}

/** Of the last call. Nothing is loaded here: that would leave an error of its own. */
export function lastErrorCode(): string {
  return getSystemErrorName(-opened!.koffi.errno());
}

function systemError(errno: number, what: string): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${what}: ${code}`), { code, errno: -errno });
}

function libC(): LibC {
  loaded ??= load();
  return loaded;
}

/** For a module that has calls of its own. Loaded at first use: most runs of the program never need a native module. */
export function openLibC() {
  opened ??= open();
  return opened;
}

function open() {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  return { koffi, library: koffi.load('libc.so.6') };
}

function load(): LibC {
  const { library } = openLibC();
  return {
    ioctl: library.func('int ioctl(int fd, unsigned long request, ...)') as LibC['ioctl'],
    setsockopt: library.func(
      'int setsockopt(int fd, int level, int name, void *value, unsigned int size)',
    ) as LibC['setsockopt'],
    syscall: library.func('long syscall(long number, ...)') as LibC['syscall'],
    chroot: library.func('int chroot(const char *path)') as LibC['chroot'],
    getsockopt: library.func(
      'int getsockopt(int fd, int level, int name, void *value, void *size)',
    ) as LibC['getsockopt'],
    posix_fallocate: library.func(
      'int posix_fallocate(int fd, int64_t offset, int64_t length)',
    ) as unknown as LibC['posix_fallocate'],
    ioctl_pointer: library.func('ioctl', 'int', [
      'int',
      'unsigned long',
      'void *',
    ]) as unknown as LibC['ioctl_pointer'],
  };
}
