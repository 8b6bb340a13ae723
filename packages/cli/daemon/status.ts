// Owns the daemon's answers about itself: what runs, and with which key to use it.

import type { CloudConfig } from '../cloud-config.ts';
import type { Credentials, DaemonStatus } from './admin-api.ts';
import type { EmbeddedCloud } from './compose.ts';

export interface DaemonFacts {
  config: CloudConfig;
  dataDir: string;
  version: string;
  startedAt: string;
}

export async function describeCloud(
  embedded: EmbeddedCloud,
  facts: DaemonFacts,
): Promise<DaemonStatus> {
  const { cloud, node, endpoint } = embedded;
  return {
    ...facts,
    pid: process.pid,
    endpoint,
    accountId: cloud.accountId,
    node: await node.client.getReport(),
    counts: await cloud.countResources(),
    failures: embedded.listFailures(),
    loginUsers: await cloud.loginUsers(),
  };
}

export async function readCredentials(
  embedded: EmbeddedCloud,
  facts: DaemonFacts,
): Promise<Credentials> {
  const { accessKeyId, secretAccessKey } = await embedded.cloud.adminKey();
  return { endpoint: embedded.endpoint, region: facts.config.region, accessKeyId, secretAccessKey };
}
