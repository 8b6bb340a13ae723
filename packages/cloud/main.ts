// Owns the composition of the Cloud Controller: store, actions and reconcilers from the parts that it is given.

import { join } from 'node:path';
import type { AccountId, InstanceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { OpenDatabase } from '@ironbark/platform/database/database.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type AroundStep, ReconcilerRunner, takeStep } from '@ironbark/platform/reconciler.ts';
import { type AuditReader, NOTHING_RECORDED } from '@ironbark/protocol/internal/audit-reader.ts';
import type { ClusterClient } from '@ironbark/protocol/internal/cluster-client.ts';
import type {
  AccessKeyRecord,
  IdentityClient,
} from '@ironbark/protocol/internal/identity-client.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { SnapshotReader } from '@ironbark/protocol/internal/snapshot-reader.ts';
import type { SnapshotWriter } from '@ironbark/protocol/internal/snapshot-writer.ts';
import type { StorageClient } from '@ironbark/protocol/internal/storage-client.ts';
import type { ActionTable } from './actions/action.ts';
import type { EbsActions } from './actions/ebs-handler.ts';
import { createEc2Actions } from './actions/table.ts';
import { createCloudtrailActions } from './actions/table-cloudtrail.ts';
import { createCloudwatchActions } from './actions/table-cloudwatch.ts';
import { createEbsActions } from './actions/table-ebs.ts';
import { createIamActions } from './actions/table-iam.ts';
import { createServicequotasActions } from './actions/table-servicequotas.ts';
import { createStsActions } from './actions/table-sts.ts';
import { type AccountAdmin, createAccountAdmin } from './app/accounts.ts';
import type { App, Wake } from './app/app.ts';
import { ensureMessageKey } from './app/authorization-messages.ts';
import { ensureBlockSecret } from './app/block-tokens.ts';
import { ensureAccount } from './app/bootstrap.ts';
import { KeyUses } from './app/iam/key-uses.ts';
import { createIdentity, toAccessKey } from './app/identity.ts';
import { parseObservation } from './app/instance-outcome.ts';
import { createQuotaAdmin, type QuotaAdmin } from './app/quotas/admin.ts';
import { countResources, listLoginUsers, type ResourceCounts } from './app/summary.ts';
import { summarizeVolumes, type VolumeSummary } from './app/volume-summary.ts';
import { createAlarms } from './reconcilers/alarms.ts';
import { createExpiry } from './reconcilers/expiry.ts';
import { createFlowLogDelivery } from './reconcilers/flow-log-delivery.ts';
import { createImageMaking } from './reconcilers/image-making.ts';
import { createInstanceOutcome } from './reconcilers/instance-outcome.ts';
import { createInstancePlacement, PLACEMENT_KEY } from './reconcilers/instance-placement.ts';
import { createNetworkMetrics } from './reconcilers/network-metrics.ts';
import { createSnapshotReconciler } from './reconcilers/snapshot.ts';
import { createStorageReport, STORAGE_KEY } from './reconcilers/storage-report.ts';
import { createVolumeReconciler } from './reconcilers/volume.ts';
import { createVolumeAttachment } from './reconcilers/volume-attachment.ts';
import { createVolumeMetrics } from './reconcilers/volume-metrics.ts';
import { createVolumeModification } from './reconcilers/volume-modification.ts';
import { createVpcIntent } from './reconcilers/vpc-intent.ts';
import { VpcSender } from './reconcilers/vpc-sender.ts';
import { createZoneIntent } from './reconcilers/zone-intent.ts';
import { createZoneReport, ZONE_KEY } from './reconcilers/zone-report.ts';
import { getRootKey } from './store/accounts.ts';
import { findInstance } from './store/instances.ts';
import { forgetUse } from './store/node-use.ts';
import { recountUse } from './store/quotas.ts';
import { openStore } from './store/store.ts';

export interface CloudOptions {
  /** Where `cloud.db` lives; made if it does not exist. */
  dataDir: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  region: string;
  /** The one availability zone, such as `us-east-1a`. */
  zone: string;
  /** Host and port of the EC2 API, for DescribeRegions; without it no endpoint is shown. */
  endpoint?: string;
  /** For a new data folder; an existing one has to have this account. */
  accountId?: AccountId;
  /** The block of the default VPCs, such as `172.31.0.0/16`; used when an account is made. */
  vpcCidr: string;
  /** The block of public addresses; {@link PUBLIC_ADDRESSES} when absent. */
  publicAddresses?: string;
  /** Emulating nodes, which are no boundary between accounts, take guests of several. */
  allowSharedEmulation?: boolean;
  cluster: ClusterClient;
  storage: StorageClient;
  snapshotReader?: SnapshotReader;
  snapshotWriter?: SnapshotWriter;
  objects: ObjectsClient;
  /** The record of calls; without it nothing is found there. */
  audit?: AuditReader;
  /** Tests keep the state elsewhere, and interfere with steps. */
  openDatabase?: OpenDatabase;
  aroundStep?: AroundStep;
}

/** TEST-NET-3 (RFC 5737): nobody's in public, so that a cloud that was told of no others takes none away. */
const PUBLIC_ADDRESSES = '203.0.113.0/24';

export interface Cloud extends AsyncDisposable {
  ec2: ActionTable;
  sts: ActionTable;
  iam: ActionTable;
  ebs: EbsActions;
  cloudwatch: ActionTable;
  servicequotas: ActionTable;
  cloudtrail: ActionTable;
  identity: IdentityClient;
  /** For the one who runs the cloud: no request of a client gets here. */
  accounts: AccountAdmin;
  quotas: QuotaAdmin;
  /** The first account. */
  accountId: AccountId;
  /** The account owner's key, for the one who runs the cloud. */
  adminKey(): Promise<AccessKeyRecord>;
  /** How the host reaches the guest's ssh server; undefined until its node has said so. */
  findSsh(id: string): Promise<{ host: string; port: number } | undefined>;
  /** How many resources there are, terminated ones that are still listed included. */
  countResources(): Promise<ResourceCounts>;
  /** Of all accounts. */
  listVolumes(): Promise<VolumeSummary[]>;
  /** Image id to the user that a key pair logs in as. */
  loginUsers(): Promise<Record<string, string>>;
  /** True when no reconciler has work that it can do now. */
  isQuiet(): boolean;
  /** Runs `work` while nothing is committed; keep it short. */
  whileQuiet<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Why nothing can be changed until the next start, for people; undefined while all is well. */
  readonly failure: string | undefined;
}

export async function startCloud(options: CloudOptions): Promise<Cloud> {
  await ensureDirectory(options.dataDir);
  const store = await openStore(join(options.dataDir, 'cloud.db'), options.openDatabase);
  try {
    const accountId = await ensureAccount(store, { ...options, nowMs: options.clock.nowMs() });
    await ensureBlockSecret(store, options.random);
    await ensureMessageKey({ store, random: options.random });
    await store.transaction(recountUse);
    await store.transaction(forgetUse);
    const { wake, connect } = createWake();
    const { dataDir: _dataDir, aroundStep = takeStep, ...parts } = options;
    const { allowSharedEmulation = false, publicAddresses = PUBLIC_ADDRESSES } = options;
    const keyUses = new KeyUses();
    const { audit = NOTHING_RECORDED } = options;
    const chosen = { allowSharedEmulation, publicAddresses, keyUses, audit };
    const app: App = { ...parts, aroundStep, store, accountId, ...chosen, wake };
    const runner = new ReconcilerRunner(options);
    const stopListening = startReconcilers(app, runner, connect);
    return {
      ec2: createEc2Actions(app),
      sts: createStsActions(app),
      iam: createIamActions(app),
      ebs: createEbsActions(app),
      cloudwatch: createCloudwatchActions(app),
      servicequotas: createServicequotasActions(app),
      cloudtrail: createCloudtrailActions(app),
      identity: createIdentity(store, keyUses),
      accounts: createAccountAdmin({ ...options, store }),
      quotas: createQuotaAdmin({ store }),
      accountId,
      adminKey: async () => toAccessKey(await getRootKey(store.query, accountId)),
      findSsh: (id) => findSsh(app, id as InstanceId),
      countResources: () => countResources(store.query),
      listVolumes: () => summarizeVolumes(store.query),
      loginUsers: () => listLoginUsers(store.query, accountId),
      isQuiet: () => runner.isQuiet(),
      whileQuiet: (work) => store.transaction(() => work()),
      get failure() {
        return store.failure;
      },
      [Symbol.asyncDispose]: async () => {
        stopListening();
        await runner[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

async function findSsh(
  app: App,
  id: InstanceId,
): Promise<{ host: string; port: number } | undefined> {
  const instance = await findInstance(app.store.query, id);
  return instance === undefined ? undefined : parseObservation(instance)?.ssh;
}

/** The actions hold this before the reconcilers exist; a hint that comes too early is not needed. */
function createWake(): { wake: Wake; connect: (target: Wake) => void } {
  let target: Wake | undefined;
  return {
    wake: {
      instance: (id) => target?.instance(id),
      volume: (id) => target?.volume(id),
      snapshot: (id) => target?.snapshot(id),
      image: (id) => target?.image(id),
      vpc: (id) => target?.vpc(id),
      placement: () => target?.placement(),
    },
    connect: (next) => {
      target = next;
    },
  };
}

/** Starts every reconciler; answers the way to stop listening to the controllers. */
function startReconcilers(
  app: App,
  runner: ReconcilerRunner,
  connect: (wake: Wake) => void,
): () => void {
  const placement = runner.add(createInstancePlacement(app), { resyncMs: RESYNC_MS });
  const vpcSender = new VpcSender(app);
  const vpc = runner.add(createVpcIntent(app, vpcSender));
  const zoneIntent = createZoneIntent(app, vpcSender);
  const ofInstance = [runner.add(zoneIntent), runner.add(createInstanceOutcome(app))];
  const ofVolume = [
    runner.add(createVolumeReconciler(app)),
    runner.add(createVolumeAttachment(app)),
    runner.add(createVolumeModification(app)),
  ];
  const snapshot = runner.add(createSnapshotReconciler(app));
  const image = runner.add(createImageMaking(app));
  connect({
    instance: (id) => {
      for (const handle of ofInstance) handle.poke(id);
    },
    volume: (id) => {
      for (const handle of ofVolume) handle.poke(id);
    },
    snapshot: (id) => snapshot.poke(id),
    image: (id) => image.poke(id),
    vpc: (id) => vpc.poke(id),
    placement: () => placement.poke(PLACEMENT_KEY),
  });
  const zone = runner.add(createZoneReport(app));
  const storage = runner.add(createStorageReport(app));
  runner.add(createExpiry(app));
  runner.add(createVolumeMetrics(app));
  runner.add(createNetworkMetrics(app));
  runner.add(createFlowLogDelivery(app));
  runner.add(createAlarms(app));
  const stops = [
    app.cluster.onChange(() => zone.poke(ZONE_KEY)),
    app.storage.onChange(() => storage.poke(STORAGE_KEY)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Room that nobody announced, such as a node that came back, is found this soon. */
const RESYNC_MS = 10_000;
