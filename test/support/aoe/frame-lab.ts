// Owns a wire between two hosts that are network name spaces of this one: a pair of interfaces, and packet sockets on
// both ends of it.

import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { openPacketSocket } from '@ironbark/platform/packet-socket.ts';
import { ETHERTYPE_AOE, parseMac } from '@ironbark/protocol/aoe/frame.ts';
import type { PortFacts } from '@ironbark/storage/drivers/aoe/frame-port.ts';

/** `tap`: no name space, but a real guest's end of the wire, and the target's on the host itself. */
export type WireEnd = 'target' | 'initiator' | 'stranger' | 'tap';

/** From linux/sched.h. */
const CLONE_NEWNET = 0x40000000;
let made = 0;

/** A bridge with one port for each end, as guests and the host share one. */
export class FrameLab implements AsyncDisposable {
  readonly #name: string;
  readonly #sockets: number[] = [];
  #hasTap = false;

  private constructor(name: string) {
    this.#name = name;
  }

  /** With two ends a plain pair; with three a bridge between them. */
  static async create(mtuBytes: number, ends: readonly WireEnd[] = ['target', 'initiator']) {
    made += 1;
    const lab = new FrameLab(`ibaoe-${process.pid}-${made}`);
    if (ends[0] === 'tap') {
      await lab.#tap(mtuBytes);
      return lab;
    }
    for (const end of ends) await ip('netns', 'add', lab.nameSpace(end));
    if (ends.length === 2) await lab.#pair(mtuBytes);
    else await lab.#bridge(mtuBytes, ends);
    return lab;
  }

  get tapName(): string {
    return `ibaoe${process.pid}`;
  }

  async #tap(mtuBytes: number): Promise<void> {
    await ip('tuntap', 'add', 'dev', this.tapName, 'mode', 'tap');
    this.#hasTap = true;
    await ip('link', 'set', this.tapName, 'mtu', `${mtuBytes}`, 'up');
  }

  nameSpace(end: WireEnd): string {
    return `${this.#name}-${end}`;
  }

  async #pair(mtuBytes: number): Promise<void> {
    const [one, other] = [this.nameSpace('target'), this.nameSpace('initiator')];
    const link = ['link', 'add', 'eth0', 'mtu', `${mtuBytes}`, 'netns', one, 'type', 'veth'];
    await ip(...link, 'peer', 'name', 'eth0', 'mtu', `${mtuBytes}`, 'netns', other);
    for (const name of [one, other]) await ip('-n', name, 'link', 'set', 'eth0', 'up');
  }

  /** The bridge lives with the target. */
  async #bridge(mtuBytes: number, ends: readonly WireEnd[]): Promise<void> {
    const home = this.nameSpace('target');
    await ip('-n', home, 'link', 'add', 'eth0', 'mtu', `${mtuBytes}`, 'type', 'bridge');
    await ip('-n', home, 'link', 'set', 'eth0', 'up');
    for (const end of ends.filter((each) => each !== 'target')) {
      const link = ['link', 'add', end, 'mtu', `${mtuBytes}`, 'netns', home, 'type', 'veth'];
      const peer = ['peer', 'name', 'eth0', 'mtu', `${mtuBytes}`, 'netns', this.nameSpace(end)];
      await ip(...link, ...peer);
      await ip('-n', home, 'link', 'set', end, 'master', 'eth0', 'up');
      await ip('-n', this.nameSpace(end), 'link', 'set', 'eth0', 'up');
    }
  }

  async open(end: WireEnd): Promise<PortFacts> {
    const where = this.#hasTap ? [] : ['-n', this.nameSpace(end)];
    const text = await ip(
      ...where,
      '-j',
      'link',
      'show',
      'dev',
      this.#hasTap ? this.tapName : 'eth0',
    );
    const [link] = JSON.parse(text) as { ifindex: number; address: string; mtu: number }[];
    const options = { interfaceIndex: link!.ifindex, protocol: ETHERTYPE_AOE };
    const open = () => openPacketSocket(options);
    const { fd } = this.#hasTap ? open() : inNameSpace(this.nameSpace(end), open);
    this.#sockets.push(fd);
    return { fd, mac: parseMac(link!.address)!, mtuBytes: link!.mtu };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fd of this.#sockets) closeSync(fd);
    if (this.#hasTap) await ip('link', 'delete', this.tapName);
    for (const end of ['target', 'initiator', 'stranger'] as const) {
      await systemCommands.run('ip', ['netns', 'delete', this.nameSpace(end)], {
        allowExitCodes: [0, 1],
      });
    }
  }
}

async function ip(...args: string[]): Promise<string> {
  return (await systemCommands.run('ip', args)).stdout;
}

/** Of this thread alone, and only while `work` runs. */
function inNameSpace<T>(name: string, work: () => T): T {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const setns = koffi.load('libc.so.6').func('int setns(int fd, int type)');
  const own = openSync('/proc/thread-self/ns/net', 'r');
  const other = openSync(`/run/netns/${name}`, 'r');
  try {
    if (setns(other, CLONE_NEWNET) !== 0) throw new Error(`setns: ${koffi.errno()}`);
    return work();
  } finally {
    const isBack = setns(own, CLONE_NEWNET) === 0;
    closeSync(own);
    closeSync(other);
    // Everything that this process did from now on would be done elsewhere.
    assert.ok(isBack, 'no way back to the host’s own name space');
  }
}
