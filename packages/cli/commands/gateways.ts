// Owns `ironbark gateways`: the other hosts and ports where this cloud's objects are served, as its administrator has them.

import { resolve } from 'node:path';
import { NODE_NAME } from '@ironbark/protocol/internal/wire/join-wire.ts';
import { findConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import type { ListedGateway } from '../daemon/gateway-admin.ts';
import { type GatewayFile, requireNoFile, writeGatewayFile } from '../daemon/gateway-file.ts';
import { collectShared } from '../daemon/objects-source.ts';
import { Problem } from '../problem.ts';
import { renderTable } from '../terminal.ts';
import { findOutwardAddress, parseAddress } from './nodes.ts';

export interface InviteOptions {
  name: string;
  /** Where the file is to be written. */
  file: string;
  /** Of this host, with or without a port. */
  address?: string;
}

export async function showGateways(context: CliContext): Promise<void> {
  const gateways = await (await getDaemon(context.dataDir, context.self)).listGateways();
  context.terminal.result(gateways, () =>
    gateways.length === 0
      ? `No gateways but the cloud’s own. Another: ${context.self} gateways invite NAME FILE`
      : renderTable(['GATEWAY', 'STATE', 'ADDRESS', 'INVITED'], gateways.map(rowOf)),
  );
}

function rowOf({ name, isConnected, address = '-', invitedAt }: ListedGateway): string[] {
  return [name, isConnected ? 'connected' : 'away', address, invitedAt];
}

export async function inviteGateway(
  context: CliContext,
  { name, file, address }: InviteOptions,
): Promise<void> {
  const { terminal, dataDir, self } = context;
  requireName(name);
  const path = resolve(file);
  await requireNoFile(path);
  const daemon = await getDaemon(dataDir, self);
  const config = await findConfig(dataDir);
  const known = await daemon.listGateways();
  const isFirst = known.length === 0;
  const place =
    address === undefined
      ? isFirst
        ? { host: await findOutwardAddress(context, `${self} gateways invite`) }
        : {}
      : parseAddress(address);
  const objects = config?.objects === undefined ? undefined : await collectShared(config.objects);
  const invitation = await daemon.inviteGateway({ name, ...place });
  if (objects === undefined) throw new Problem('this cloud has its objects in files');
  const contents: GatewayFile = {
    ...{ format: 'ironbark-gateway/1', region: config!.region, objects },
    ...invitation,
  };
  try {
    await writeGatewayFile(path, contents);
  } catch (error) {
    // Without the file nobody can be it.
    await daemon.removeGateway({ name });
    throw error;
  }
  const { front } = invitation;
  for (const line of localOnly(contents)) terminal.warn(line);
  terminal.result({ name, file: path, front }, () =>
    [
      terminal.bold(
        `${path} makes a host the gateway ${name}. It is a secret: it opens all objects.`,
      ),
      '',
      '  Take it to the other host, with Ironbark of the same version; there:',
      `  ./ironbark gateway ${path} --host ADDRESS`,
      '',
      terminal.dim(`It comes to ${front.host} port ${front.port}, which a firewall has to let in.`),
    ].join('\n'),
  );
}

function requireName(name: string): void {
  if (NODE_NAME.test(name)) return;
  throw new Problem(`a gateway cannot be called ${JSON.stringify(name)}`, [
    'small letters, digits and hyphens, up to 63 of them',
  ]);
}

/** What another host would look for on itself. */
function localOnly({ objects: { database, engine }, front }: GatewayFile): string[] {
  const places = [
    ['the database', database],
    ['the engine', engine.endpoint],
    ['this cloud', `https://${front.host}`],
  ] as const;
  const LOCAL =
    /^\w+:\/\/(?:[^/@]*@)?(?:127\.|localhost\b|\[::1\])|[?&]host=(?:\/|%2F)|^\w+:\/\/[^/@]*@?\//i;
  return places.flatMap(([what, at]) =>
    LOCAL.test(at) ? [`${what} is at an address that is good on this host alone: ${at}`] : [],
  );
}

export async function removeGateway(context: CliContext, name: string): Promise<void> {
  const gone = await (await getDaemon(context.dataDir, context.self)).removeGateway({ name });
  context.terminal.result(gone, () =>
    [
      `${name} is no gateway any more: it is told nothing, and serves nobody whom it has to ask about.`,
      'Its file still has the keys of the database and of the engine; change them if it may be in wrong hands.',
    ].join('\n'),
  );
}
