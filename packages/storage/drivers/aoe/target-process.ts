// Owns how an AoE target is started, and whether one that runs hears an interface as it is now.

import { join } from 'node:path';
import type { HostProcess, ProcessIdentity } from '@ironbark/platform/processes.ts';
import { renderMac } from '@ironbark/protocol/aoe/frame.ts';
import {
  endTarget,
  findTarget,
  INHERITED_FD,
  LEFT,
  startTarget,
  type TargetHost,
} from '../guest-targets/target-process.ts';
import type { PortFacts } from './frame-port.ts';

export const AOE_MAIN = join(import.meta.dirname, 'main.ts');
/** Of what it says over its control socket. One that an earlier version started is replaced by the next. */
const STATUS_VERSION = '--status=2';
/** Each disk has up to nine calls under way, so that a dozen disks that hang hold up nobody else's. */
const THREADS = 128;

/** The socket in `port` may be closed afterwards. Throws when a target does not come up. */
export function startAoeTarget(host: TargetHost, port: PortFacts): Promise<ProcessIdentity> {
  const own = [`--left=${LEFT}`, `--socket=${INHERITED_FD}`, STATUS_VERSION];
  const args = [...own, ...portArguments(port)];
  const program = { what: 'AoE target', main: AOE_MAIN, args, socketFd: port.fd, threads: THREADS };
  return startTarget(host, program);
}

/** A target whose interface was made anew hears nothing any more. */
export function listensOn(target: HostProcess, port: Omit<PortFacts, 'fd'>): boolean {
  const wanted = [STATUS_VERSION, ...portArguments(port)];
  return wanted.every((each) => target.argv.includes(each));
}

function portArguments({ mac, mtuBytes, interfaceIndex }: Omit<PortFacts, 'fd'>): string[] {
  return [
    `--mac=${renderMac(mac)}`,
    `--mtu=${mtuBytes}`,
    ...(interfaceIndex === undefined ? [] : [`--interface=${interfaceIndex}`]),
  ];
}

/** The target of this folder, whoever started it. */
export function findAoeTarget(host: Pick<TargetHost, 'folder'>): Promise<HostProcess | undefined> {
  return findTarget(host, AOE_MAIN);
}

export function endAoeTarget(host: TargetHost): Promise<void> {
  return endTarget(host, AOE_MAIN);
}
