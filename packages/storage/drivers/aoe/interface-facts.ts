// Owns what a target has to know of the interface that it listens on.

import type { Commands } from '@ironbark/platform/commands.ts';
import { parseMac } from '@ironbark/protocol/aoe/frame.ts';
import type { PortFacts } from './frame-port.ts';

interface LinkRecord {
  ifindex: number;
  address: string;
  mtu: number;
}

/** Undefined when there is no such interface. */
export async function readPort(
  commands: Commands,
  name: string,
): Promise<Omit<PortFacts, 'fd'> | undefined> {
  const { stdout } = await commands.run('ip', ['-j', 'link', 'show', 'dev', name], {
    allowExitCodes: [0, 1],
  });
  const [link] = JSON.parse(stdout || '[]') as LinkRecord[];
  const mac = parseMac(link?.address ?? '');
  if (link === undefined || mac === undefined) return undefined;
  return { mac, mtuBytes: link.mtu, interfaceIndex: link.ifindex };
}
