// Owns config.json: what a cloud decided at its first start and keeps, so that every later start is the same.

import { join } from 'node:path';
import type { RequestRates } from '@ironbark/cloud/http/request-buckets.ts';
import type { SimulatedOptions } from '@ironbark/node/drivers/simulated/driver.ts';
import { createFile, readKeptFile, replaceFile } from '@ironbark/platform/files.ts';
import type { StagedBackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { BackendSettings } from '@ironbark/storage/drivers/privileged-backends.ts';
import type { CephSettings } from '@ironbark/storage/drivers/rbd-command.ts';
import { Problem } from './problem.ts';

export interface CloudConfig {
  format: 'ironbark-config/1';
  /** Short and stable; part of the names of bridges, taps and rules, so that two clouds never share one. */
  cloudId: string;
  nodeId: `node-${string}`;
  region: string;
  host: string;
  port: number;
  hypervisor: 'qemu' | 'simulated';
  network: 'bridge' | 'user' | 'simulated';
  vpcCidr: string;
  /** The block that public addresses are of; absent: the Cloud Controller's own choice. */
  publicAddresses?: string;
  /** Nodes that emulate, which is no boundary between accounts, take guests of several; absent: they do not. */
  allowSharedEmulation?: boolean;
  /** Disks and partitions that each hold one volume; absent: volumes are files alone. */
  volumeDevices?: string[];
  /** The Ceph cluster that volumes may be in; absent: none. */
  ceph?: CephSettings;
  /** Where objects are that several gateways serve; absent: in files of the data folder. */
  objects?: SharedObjects;
  /** Where the administrator keeps the master key; absent: in the data folder. */
  keyring?: string;
  /** How often each account may call each action; absent: as RequestBuckets has it. An administrator writes it. */
  requestRates?: RequestRates;
  /** IPv4, by which nodes on other hosts reach this one; absent: where they come to join, or went out from. */
  underlayAddress?: string;
  /** This host is a node of a cloud elsewhere, and of what is above only the node's part counts; absent: it is a cloud. */
  joined?: JoinedConfig;
  /** How the simulated hypervisor misbehaves; absent: not at all. */
  simulated?: SimulatedOptions;
}

export interface FrontAddress {
  host: string;
  port: number;
}

export interface JoinedConfig {
  front: FrontAddress;
  /** What people call the node. */
  name: string;
}

export function renderFront({ host, port }: FrontAddress): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export interface SharedObjects {
  /** `postgres://user@host/database`, without a password. */
  database: string;
  engine: {
    /** `http://host:port` of any S3-compatible engine. */
    endpoint: string;
    bucket: string;
    /** Absent: us-east-1. */
    region?: string;
    /** A file: keys of the engine, and the database's password. */
    credentials: string;
  };
}

/** What of it the Storage Controller’s backends are opened with. */
export function backendSettings({ volumeDevices = [], ceph }: CloudConfig): BackendSettings {
  return { volumeDevices, ...(ceph === undefined ? {} : { ceph }) };
}

/** The backends besides files. */
export function stagedNames(config: CloudConfig): StagedBackendName[] {
  const { volumeDevices = [], ceph } = config;
  return [
    ...(volumeDevices.length > 0 ? ['device' as const] : []),
    ...(ceph ? ['rbd' as const] : []),
  ];
}

export function configPath(dataDir: string): string {
  return join(dataDir, 'config.json');
}

/** Undefined when the folder holds no cloud yet. */
export async function findConfig(dataDir: string): Promise<CloudConfig | undefined> {
  const bytes = await readKeptFile(configPath(dataDir));
  if (bytes === undefined) return undefined;
  try {
    return checkConfig(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new Problem(
      `${configPath(dataDir)} cannot be read: ${error instanceof Error ? error.message : error}`,
      ['restore it from a backup, or start over with another --data-dir'],
    );
  }
}

/** `saved` is what was there. Of two first starts at once, the first decides and the other goes by it. */
export async function saveConfig(
  dataDir: string,
  config: CloudConfig,
  saved: CloudConfig | undefined,
): Promise<void> {
  const text = renderConfig(config);
  if (saved === undefined) await createFile(configPath(dataDir), text);
  else if (text !== renderConfig(saved)) await replaceFile(configPath(dataDir), text);
}

export function renderConfig(config: CloudConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

function checkConfig(value: unknown): CloudConfig {
  const config = value as CloudConfig;
  if (config?.format !== 'ironbark-config/1')
    throw new Error('its format is not ironbark-config/1');
  const texts = [config.cloudId, config.nodeId, config.region, config.host, config.vpcCidr];
  if (!texts.every((text) => typeof text === 'string' && text !== ''))
    throw new Error('a setting is missing');
  if (!Number.isInteger(config.port)) throw new Error('port is not a number');
  if (config.objects !== undefined) checkObjects(config.objects);
  if (config.requestRates !== undefined) checkRates(config.requestRates);
  return config;
}

function checkObjects({ database, engine }: Partial<SharedObjects>): void {
  const texts = [database, engine?.endpoint, engine?.bucket, engine?.credentials];
  if (texts.every((text) => typeof text === 'string' && text !== '')) return;
  throw new Error('objects needs database, and engine with endpoint, bucket and credentials');
}

function checkRates({ reading, changing }: RequestRates): void {
  const isGood = [reading, changing].every((rate) => rate?.burst >= 1 && rate?.perSecond > 0);
  if (isGood) return;
  throw new Error('requestRates needs reading and changing, each with burst and perSecond');
}
