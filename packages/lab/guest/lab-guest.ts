// Owns a guest of the lab: started for some rows, with their disks plugged, driven over a serial port, and ended.

import { mkdir, readFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { AttachedProcess, Commands } from '@ironbark/platform/commands.ts';
import { first, putSessionFirst } from '../disk/first.ts';
import { inNameSpace } from '../network/in-name-space.ts';
import { Orders } from './orders.ts';
import {
  CONSOLE_LOG,
  type LabMachine,
  labArguments,
  ORDERS_SOCKET,
  QEMU,
} from './qemu-arguments.ts';

export interface LabGuestOptions extends LabMachine {
  commands: Commands;
  clock: Clock;
  /** Made, and holds the guest's socket and console. */
  folder: string;
  /** The network name space that it runs in; the host's own when absent. */
  nameSpace?: string;
  /** Among the host's processes; as everybody when absent. */
  niceness?: number;
  /** Ends the guest, whatever it is at. */
  signal: AbortSignal;
}

/** Emulated, with the kernel for all machines, it takes 7 s on an idle host. */
const BOOT_TIMEOUT_MS = 120_000;
/** An adapter that looks for its disks one after the other. */
const DISKS_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 600_000;
const LOG_SHOWN = 1_000;

/** Every disk's kernel name and serial: each driver shows that in a place of its own. */
const LIST_DISKS = [
  'for d in /sys/block/*; do n=${d##*/}; case $n in loop*|ram*|nbd*) continue ;; esac;',
  's=$(cat $d/serial 2>/dev/null || cat $d/device/serial 2>/dev/null ||',
  "tr -cd '[:alnum:]' < $d/device/vpd_pg80 2>/dev/null); echo $n $s; done; true",
].join(' ');

export class LabGuest implements AsyncDisposable {
  readonly #process: AttachedProcess;
  readonly #options: LabGuestOptions;
  readonly #said: { stderr: string };
  #orders: Orders | undefined;
  #bootMs = 0;
  #names: ReadonlyMap<string, string> = new Map();

  private constructor(child: AttachedProcess, options: LabGuestOptions) {
    this.#process = child;
    this.#options = options;
    const said = { stderr: '' };
    this.#said = said;
    child.stdout.resume();
    child.stderr.on('data', (bytes: Buffer) => {
      said.stderr = (said.stderr + bytes.toString()).slice(-LOG_SHOWN);
    });
  }

  static async boot(options: LabGuestOptions): Promise<LabGuest> {
    const { commands, clock, folder, signal, nameSpace, niceness } = options;
    signal.throwIfAborted();
    await mkdir(folder, { recursive: true });
    const surroundings = { cwd: folder, env: {}, detached: true };
    const beganMs = clock.monotonicMs();
    const argv = [QEMU, ...labArguments(options)] as const;
    const placed = niceness === undefined ? argv : first(niceness, argv);
    const [file, ...args] = inNameSpace(nameSpace, placed);
    const child = await commands.startAttached(file, args, surroundings);
    if (niceness !== undefined) await putSessionFirst(child.pid, niceness);
    const guest = new LabGuest(child, options);
    try {
      await guest.#connect();
      guest.#bootMs = clock.monotonicMs() - beganMs;
      await guest.#findDisks();
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
    return guest;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** From QEMU's start to a guest that takes commands. */
  get bootMs(): number {
    return this.#bootMs;
  }

  /** The guest's path of a disk; undefined when its kernel has no driver for it. */
  deviceOf(serial: string): string | undefined {
    const name = this.#names.get(serial);
    return name === undefined ? undefined : `/dev/${name}`;
  }

  /** What the command printed on both streams. */
  async run(command: string, timeoutMs = COMMAND_TIMEOUT_MS): Promise<string> {
    const { clock, signal } = this.#options;
    signal.throwIfAborted();
    const over = new AbortController();
    const late = clock.sleep(timeoutMs, AbortSignal.any([signal, over.signal])).then(() => {
      throw new Error(`the lab guest did not end within ${timeoutMs} ms: ${command}`);
    });
    late.catch(() => {});
    try {
      return await Promise.race([this.#orders!.run(command), late]);
    } finally {
      over.abort();
    }
  }

  async dropCaches(): Promise<void> {
    await this.run('sync; echo 3 > /proc/sys/vm/drop_caches');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#orders?.fail(new Error('the lab guest was ended'));
    this.#process.kill('SIGKILL');
    await this.#process.ended;
  }

  async #connect(): Promise<void> {
    const { clock, folder, signal } = this.#options;
    let ended: number | string | undefined;
    void this.#process.ended.then((code) => {
      ended = code;
    });
    const wait = { clock, signal, timeoutMs: BOOT_TIMEOUT_MS, what: 'the lab guest’s start' };
    const socket = await waitFor(async () => {
      if (ended !== undefined) throw await this.#whyItEnded();
      return await connect(join(folder, ORDERS_SOCKET));
    }, wait);
    const orders = new Orders(socket);
    this.#orders = orders;
    let isReady = false;
    let failure: unknown;
    orders.ready.then(
      () => {
        isReady = true;
      },
      (error: unknown) => {
        failure = error;
      },
    );
    await waitFor(() => isReady || failure !== undefined, wait);
    if (failure !== undefined) throw await this.#whyItEnded();
  }

  async #whyItEnded(): Promise<Error> {
    const path = join(this.#options.folder, CONSOLE_LOG);
    const console = await readFile(path, 'latin1').catch(() => '');
    const said = this.#said.stderr.trim() || console.slice(-LOG_SHOWN).trim();
    return new Error(`the lab guest did not start: ${said === '' ? 'it said nothing' : said}`);
  }

  /** Those whose driver the guest's kernel lacks never come. */
  async #findDisks(): Promise<void> {
    const { clock, signal, disks } = this.#options;
    const wanted = disks.filter(({ profile }) => profile.bus !== 'none').length;
    const look = async () => {
      const lines = (await this.run(LIST_DISKS)).split('\n').map((line) => line.split(' '));
      this.#names = new Map(
        lines.flatMap(([name, text = '']) => {
          const disk = disks.find(({ serial }) => text.endsWith(serial));
          return disk === undefined ? [] : [[disk.serial, name!] as const];
        }),
      );
      return this.#names.size >= wanted;
    };
    const wait = { clock, signal, timeoutMs: DISKS_TIMEOUT_MS, intervalMs: 500 };
    await waitFor(look, { ...wait, what: 'the disks of the lab guest' }).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });
  }
}

/** Undefined while QEMU has not made it. */
function connect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
