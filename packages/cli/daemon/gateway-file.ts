// Owns the file that makes a host a gateway: written where the cloud is, carried over by its administrator, and as secret
// as all that it opens.

import type { Identity } from '@ironbark/platform/certificates.ts';
import { createFile, exists } from '@ironbark/platform/files.ts';
import type { FrontAddress } from '../cloud-config.ts';
import { Problem } from '../problem.ts';
import { readSecretFile } from './secret-file.ts';

export interface GatewayFile {
  format: 'ironbark-gateway/1';
  name: string;
  region: string;
  /** Where the cloud listens for gateways. */
  front: FrontAddress;
  /** PEM; the gateway talks to nobody else. */
  authority: string;
  identity: Identity;
  objects: {
    /** `postgres://user@host/database`. */
    database: string;
    databasePassword?: string;
    engine: {
      endpoint: string;
      bucket: string;
      region: string;
      accessKeyId: string;
      secretAccessKey: string;
    };
  };
}

export async function requireNoFile(path: string): Promise<void> {
  if (await exists(path)) throw isThere(path);
}

function isThere(path: string): Problem {
  return new Problem(`${path} is there already`, ['name a file that is not there yet']);
}

/** For its owner alone to read. Throws a Problem where something of that name is there, whatever it is. */
export async function writeGatewayFile(path: string, contents: GatewayFile): Promise<void> {
  const isWritten = await createFile(path, `${JSON.stringify(contents, null, 2)}\n`);
  if (!isWritten) throw isThere(path);
}

export async function readGatewayFile(path: string): Promise<GatewayFile> {
  const text = await readSecretFile(path, {
    what: 'the gateway’s file',
    advice: 'it is made where the cloud is: ironbark gateways invite NAME FILE',
  });
  const found = parse(text);
  if (isWhole(found)) return found;
  throw new Problem(`${path} is no gateway’s file, or not all of it`, [
    'make another where the cloud is: ironbark gateways invite NAME FILE',
  ]);
}

function parse(text: string): Partial<GatewayFile> | undefined {
  try {
    return JSON.parse(text) as Partial<GatewayFile>;
  } catch {
    return undefined;
  }
}

function isWhole(found: Partial<GatewayFile> | undefined): found is GatewayFile {
  if (found?.format !== 'ironbark-gateway/1') return false;
  const { name, region, front, authority, identity, objects } = found;
  const { endpoint, bucket, region: place, accessKeyId, secretAccessKey } = objects?.engine ?? {};
  const texts = [
    ...[name, region, front?.host, authority, identity?.certificate, identity?.key],
    ...[objects?.database, endpoint, bucket, place, accessKeyId, secretAccessKey],
  ];
  return texts.every((each) => typeof each === 'string' && each !== '') && front!.port > 0;
}
