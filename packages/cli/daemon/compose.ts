// Owns the embedded cloud: every service in one process, joined by the same contracts that join them over a
// network elsewhere. Started from the bottom (objects, network, node) to the top (cloud, API).

import { join } from 'node:path';
import { createApiHandler } from '@ironbark/cloud/http/api-handler.ts';
import { startCloud } from '@ironbark/cloud/main.ts';
import { startCluster } from '@ironbark/cluster/main.ts';
import { startNode } from '@ironbark/node/main.ts';
import { startObjects } from '@ironbark/objects/main.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { IdentityClient } from '@ironbark/protocol/internal/identity-client.ts';
import { startStorage } from '@ironbark/storage/main.ts';
import type { CloudConfig } from '../cloud-config.ts';
import type { AdminApi } from './admin-api.ts';
import { createFront } from './front.ts';
import type { DataPaths } from './paths.ts';

export interface ComposeOptions {
  config: CloudConfig;
  paths: DataPaths;
  version: string;
  startedAt: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  commands: Commands;
}

/** How long guests get to power down before they are switched off. */
const GUEST_GRACE_MS = 30_000;
/** Owns the buckets of images and snapshots; no one can sign as it. */
const SYSTEM_ACCOUNT = '000000000000';

export type EmbeddedCloud = AsyncDisposable &
  Omit<AdminApi, 'halt'> & {
    /** Stops every guest and takes everything of this cloud off the host. */
    haltGuests(): Promise<void>;
  };
