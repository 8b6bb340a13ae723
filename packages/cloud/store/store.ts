// Owns the opening of the Cloud Controller's database: names are snake_case in SQL and camelCase in code.

import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Database, Migrations, OpenDatabase } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { syncDirectory } from '@ironbark/platform/files.ts';
import { CamelCasePlugin, type Kysely } from 'kysely';
import { cloudTables } from './migrations/0001-cloud.ts';
import { accountNames } from './migrations/0002-account-names.ts';
import { volumeTypes } from './migrations/0003-volume-types.ts';
import { sharedSnapshots } from './migrations/0006-shared-snapshots.ts';
import { encryption } from './migrations/0007-encryption.ts';
import { ebsImages } from './migrations/0008-ebs-images.ts';
import { attachModes } from './migrations/0009-attach-modes.ts';
import { writtenSnapshots } from './migrations/0010-written-snapshots.ts';
import { volumeMetrics } from './migrations/0011-volume-metrics.ts';
import { multiAttach } from './migrations/0012-multi-attach.ts';
import { guestTransports } from './migrations/0013-guest-transports.ts';
import { imagePermissions } from './migrations/0015-image-permissions.ts';
import { launchTemplates } from './migrations/0016-launch-templates.ts';
import { placementGroups } from './migrations/0017-placement-groups.ts';
import { fleet } from './migrations/0018-fleet.ts';
import { ownMetrics } from './migrations/0019-own-metrics.ts';
import { iam } from './migrations/0020-iam.ts';
import { sessions } from './migrations/0021-sessions.ts';
import { vpcIntent } from './migrations/0022-vpc-intent.ts';
import { vpcNetwork } from './migrations/0023-vpc-network.ts';
import { vpcGone } from './migrations/0024-vpc-gone.ts';
import { trustedIds } from './migrations/0025-trusted-ids.ts';
import { quotas } from './migrations/0026-quotas.ts';
import { goneImages } from './migrations/0028-gone-images.ts';
import { interfaceAttachments } from './migrations/0029-interface-attachments.ts';
import { aclsAndDhcp } from './migrations/0030-acls-and-dhcp.ts';
import { networkMetrics } from './migrations/0031-network-metrics.ts';
import { interfaceUse } from './migrations/0032-interface-use.ts';
import { severalNodes } from './migrations/0034-several-nodes.ts';
import { networkNumbers } from './migrations/0036-network-numbers.ts';
import { portChanges } from './migrations/0037-port-changes.ts';
import { nodeRoom } from './migrations/0040-node-room.ts';
import { imageDeclarations } from './migrations/0041-image-declarations.ts';
import { alarmTags } from './migrations/0042-alarm-tags.ts';
import { gates } from './migrations/0046-gates.ts';
import { ipv6 } from './migrations/0048-ipv6.ts';
import { vpcPeerings } from './migrations/0058-vpc-peerings.ts';
import { forcedDetachments } from './migrations/0059-forced-detachments.ts';
import { flowLogs } from './migrations/0060-flow-logs.ts';
import { tagsByAccount } from './migrations/0070-tags-by-account.ts';
import { detailedMonitoring } from './migrations/0071-detailed-monitoring.ts';
import { imageProtection } from './migrations/0072-image-protection.ts';
import type { Schema } from './schema.ts';

/** What the store's functions run on: the database, or one transaction of it. */
export type Queries = Kysely<Schema>;
export type Store = Database<Schema>;

const MIGRATIONS: Migrations = {
  '0001-cloud': cloudTables,
  '0002-account-names': accountNames,
  '0003-volume-types': volumeTypes,
  '0006-shared-snapshots': sharedSnapshots,
  '0007-encryption': encryption,
  '0008-ebs-images': ebsImages,
  '0009-attach-modes': attachModes,
  '0010-written-snapshots': writtenSnapshots,
  '0011-volume-metrics': volumeMetrics,
  '0012-multi-attach': multiAttach,
  '0013-guest-transports': guestTransports,
  '0015-image-permissions': imagePermissions,
  '0016-launch-templates': launchTemplates,
  '0017-placement-groups': placementGroups,
  '0018-fleet': fleet,
  '0019-own-metrics': ownMetrics,
  '0020-iam': iam,
  '0021-sessions': sessions,
  '0022-vpc-intent': vpcIntent,
  '0023-vpc-network': vpcNetwork,
  '0024-vpc-gone': vpcGone,
  '0025-trusted-ids': trustedIds,
  '0026-quotas': quotas,
  '0028-gone-images': goneImages,
  '0029-interface-attachments': interfaceAttachments,
  '0030-acls-and-dhcp': aclsAndDhcp,
  '0031-network-metrics': networkMetrics,
  '0032-interface-use': interfaceUse,
  '0034-several-nodes': severalNodes,
  '0036-network-numbers': networkNumbers,
  '0037-port-changes': portChanges,
  '0040-node-room': nodeRoom,
  '0041-image-declarations': imageDeclarations,
  '0042-alarm-tags': alarmTags,
  '0046-gates': gates,
  '0048-ipv6': ipv6,
  '0058-vpc-peerings': vpcPeerings,
  '0059-forced-detachments': forcedDetachments,
  '0060-flow-logs': flowLogs,
  '0070-tags-by-account': tagsByAccount,
  '0071-detailed-monitoring': detailedMonitoring,
  '0072-image-protection': imageProtection,
};

/** `path` is a file, or `:memory:`. */
export async function openStore(
  path: string,
  openDatabase: OpenDatabase = openSqlite,
): Promise<Store> {
  if (path !== ':memory:') await ensurePrivateFile(path);
  const database = await openDatabase<Schema>({
    path,
    migrations: MIGRATIONS,
  });
  const names = new CamelCasePlugin();
  return {
    query: database.query.withPlugin(names),
    transaction: (work) => database.transaction((tx) => work(tx.withPlugin(names))),
    statement: (work) => database.statement((db) => work(db.withPlugin(names))),
    get failure() {
      return database.failure;
    },
    findDamage: () => database.findDamage(),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** Secret keys are in it. SQLite gives the files that it makes beside it the same mode. */
async function ensurePrivateFile(path: string): Promise<void> {
  const handle = await open(path, 'a', 0o600);
  try {
    await handle.chmod(0o600);
  } finally {
    await handle.close();
  }
  await syncDirectory(dirname(path));
}
