// Owns how this process does something in another network name space: the thread steps over for the time of one
// synchronous call, and what was opened there stays there. Commands step over by themselves, with `nsenter`.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { CommandOptions, Commands } from './commands.ts';
import { check, openLibC } from './libc.ts';

/** Where `ip netns` keeps the name spaces that have a name. */
export const NAMESPACE_DIRECTORY = '/run/netns';

// From linux/sched.h.
const CLONE_NEWNET = 0x40000000;
const OWN = '/proc/thread-self/ns/net';

interface Calls {
  setns: (fd: number, kind: number) => number;
  socket: (family: number, type: number, protocol: number) => number;
  bind: (fd: number, address: Buffer, length: number) => number;
}

/**
 * Runs `work` with this thread in the name space of that name. It must be synchronous: other work of the process
 * would otherwise go on in there.
 */
export function inNetworkNamespace<Result>(name: string, work: () => Result): Result {
  const own = openSync(OWN, constants.O_RDONLY);
  try {
    const other = openSync(`${NAMESPACE_DIRECTORY}/${name}`, constants.O_RDONLY);
    try {
      check(calls().setns(other, CLONE_NEWNET), `setns ${name}`);
    } finally {
      closeSync(other);
    }
    try {
      return work();
    } finally {
      check(calls().setns(own, CLONE_NEWNET), 'setns back');
    }
  } finally {
    closeSync(own);
  }
}

/** Sets what `/proc/sys/net` has for the name space, by paths such as `ipv4/ip_forward`. */
export function setNetworkSettings(name: string, settings: Readonly<Record<string, string>>): void {
  inNetworkNamespace(name, () => {
    for (const [path, value] of Object.entries(settings)) {
      const fd = openIfPresent(`/proc/sys/net/${path}`);
      if (fd === undefined) continue;
      try {
        // The kernel takes it or throws; there is nothing to make durable.
        writeSync(fd, value);
      } finally {
        closeSync(fd);
      }
    }
  });
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY);
  } catch (error) {
    // A kernel without IPv6 has none of its settings.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

// From asm-generic/socket.h.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKET_TYPES = { tcp: 1, udp: 2, udp6: 2 };
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** A socket on every address of the name space, 0 for any port; what the caller does with it happens there. */
export function bindInNamespace(
  name: string,
  port: number,
  kind: keyof typeof SOCKET_TYPES = 'tcp',
): number {
  const family = kind === 'udp6' ? AF_INET6 : AF_INET;
  const address = Buffer.alloc(family === AF_INET6 ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES);
  address.writeUInt16LE(family, 0);
  address.writeUInt16BE(port, 2);
  return inNetworkNamespace(name, () => {
    const fd = calls().socket(family, SOCKET_TYPES[kind] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check(fd, 'socket');
    try {
      check(calls().bind(fd, address, address.length), `bind ${port} in ${name}`);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  });
}

/** The same commands, run in a name space. */
export function commandsInNamespace(commands: Commands, name: string): Commands {
  const inside = (file: string, args: readonly string[]) => [
    `--net=${NAMESPACE_DIRECTORY}/${name}`,
    '--',
    file,
    ...args,
  ];
  return {
    run: (file, args, options?: CommandOptions) =>
      commands.run('nsenter', inside(file, args), options),
    runInteractive: (file, args) => commands.runInteractive('nsenter', inside(file, args)),
    startDetached: (file, args, options) =>
      commands.startDetached('nsenter', inside(file, args), options),
    startAttached: (file, args, options) =>
      commands.startAttached('nsenter', inside(file, args), options),
  };
}

let loaded: Calls | undefined;

function calls(): Calls {
  loaded ??= load();
  return loaded;
}

function load(): Calls {
  const { library } = openLibC();
  return {
    setns: library.func('int setns(int fd, int kind)') as unknown as Calls['setns'],
    socket: library.func(
      'int socket(int family, int type, int protocol)',
    ) as unknown as Calls['socket'],
    bind: library.func(
      'int bind(int fd, void *address, unsigned int length)',
    ) as unknown as Calls['bind'],
  };
}
