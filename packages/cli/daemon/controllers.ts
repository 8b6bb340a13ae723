// Owns the controllers: all services but the node, joined in one process, and the one address that clients use. They
// need no privilege; what needs some is behind NodeClient and BlockTarget.

import { createCloudwatchHandler } from '@ironbark/cloud/http/cloudwatch-endpoint.ts';
import { createEbsHandler } from '@ironbark/cloud/http/ebs-endpoint.ts';
import { createApiHandler } from '@ironbark/cloud/http/ec2-endpoint.ts';
import { createJsonHandler } from '@ironbark/cloud/http/json-endpoint.ts';
import { RequestBuckets } from '@ironbark/cloud/http/request-buckets.ts';
import { type Cloud, startCloud } from '@ironbark/cloud/main.ts';
import type { Joining, NodeAdmin } from '@ironbark/cluster/joining.ts';
import { startCluster } from '@ironbark/cluster/main.ts';
import type { NodeId } from '@ironbark/core/ids.ts';
import { type Objects, startObjects } from '@ironbark/objects/main.ts';
import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { type HttpListener, listen } from '@ironbark/platform/http/server.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import type { CloudTerms } from '@ironbark/protocol/internal/join-messages.ts';
import type { NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { StagedBackends } from '@ironbark/protocol/internal/staged-backend.ts';
import type { Nearness } from '@ironbark/storage/app/context.ts';
import type { KeyringSource } from '@ironbark/storage/app/keyring.ts';
import { type Storage, startStorage } from '@ironbark/storage/main.ts';
import { backendSettings, type CloudConfig } from '../cloud-config.ts';
import { type EmbeddedAudit, openAudit } from './audit.ts';
import { BackupSources } from './backup-source.ts';
import type { DaemonParts } from './daemon-parts.ts';
import { createFront } from './front.ts';
import { type GatewayAdmin, noGateways } from './gateway-admin.ts';
import { GatewayDoor } from './gateway-door.ts';
import { SYSTEM_ACCOUNT } from './system-account.ts';

export interface ControllersOptions extends DaemonParts {
  /** Of another process; absent: one of this process. */
  blockTarget?: BlockTarget;
  /** Of that process, too. */
  staged?: StagedBackends;
  keyring: KeyringSource;
  /** Absent: they are in files of the data folder. */
  sharedObjects?: SharedSettings | undefined;
  /** Called once volumes are served: a guest whose volume is not may keep its hypervisor from answering. */
  openNode(objects: ObjectsClient): Promise<NodeClient>;
}

/** Disposing it leaves volumes' targets as they are; the next one takes them up. */
export interface Controllers extends AsyncDisposable {
  endpoint: string;
  cloud: Cloud;
  objects: Objects;
  storage: Storage;
  audit: EmbeddedAudit;
  backups: BackupSources;
  nodeAdmin: NodeAdmin;
  gatewayAdmin: GatewayAdmin;
  /** What disks have failed to keep, a sentence each; what is concerned refuses changes until the next start. */
  listFailures(): string[];
}

export async function startControllers(options: ControllersOptions): Promise<Controllers> {
  await using starting = new AsyncDisposableStack();
  const { config, paths } = options;
  const zone = `${config.region}a`;
  // Walrus asks who signed, and for the keyring; both are of services that start after it.
  const later: { cloud?: Cloud; storage?: Storage; nodes?: Joining } = {};
  const { clock, logger } = options;
  // Last to go: the calls that are under way at the end are recorded too.
  const audit = starting.use(await openAudit({ directory: paths.events, clock, logger }));
  const objects = starting.use(
    await startObjects({
      ...shared(options, 'objects'),
      dataDir: paths.objects,
      ...(options.sharedObjects === undefined ? {} : { shared: options.sharedObjects }),
      region: config.region,
      systemAccountId: SYSTEM_ACCOUNT,
      audit,
      identity: {
        findAccessKey: async (id) => await later.cloud?.identity.findAccessKey(id),
        findBucketLimit: async (id) => await later.cloud?.identity.findBucketLimit?.(id),
        noteUse: (id, use) => later.cloud?.identity.noteUse?.(id, use),
      },
      envelopes: () => later.storage?.envelopes,
    }),
  );
  const nearness = {
    isElsewhere: (id: NodeId) => id !== config.nodeId,
    findOwnAddress: () => later.nodes?.ownAddress,
  };
  const storage = starting.use(await openStorage(options, { objects, nearness }));
  later.storage = storage;
  const nodes = [{ nodeId: config.nodeId, client: await options.openNode(objects.client) }];
  const cluster = starting.use(
    await startCluster({
      ...shared(options, 'cluster'),
      ...{ dataDir: paths.cluster, zone, nodes },
      joining: {
        terms: termsOf(config),
        version: options.version,
        images: objects.client,
        gates: storage.gates,
        cloudName: config.cloudId,
      },
    }),
  );
  later.nodes = cluster.joining!;
  const cloud = starting.use(
    await startCloud({
      ...shared(options, 'cloud'),
      dataDir: paths.cloud,
      region: config.region,
      zone,
      vpcCidr: config.vpcCidr,
      ...(config.publicAddresses === undefined ? {} : { publicAddresses: config.publicAddresses }),
      allowSharedEmulation: config.allowSharedEmulation === true,
      cluster: cluster.client,
      storage: storage.client,
      snapshotReader: storage.snapshots,
      snapshotWriter: storage.snapshotWriter,
      objects: objects.client,
      audit,
    }),
  );
  later.cloud = cloud;
  starting.use(await openFront(options, { cloud, objects, audit }));
  const nodeAdmin = cluster.joining!;
  const isShared = options.sharedObjects !== undefined;
  const door = isShared
    ? starting.use(await openGatewayDoor(options, { cloud, storage, audit }))
    : undefined;
  const gatewayAdmin = door ?? noGateways();
  const parts = { cloud, objects, storage, audit, nodeAdmin, gatewayAdmin };
  const backups = starting.use(
    await BackupSources.open({ ...parts, isShared, paths, clock, logger }),
  );
  const running = starting.move();
  const endpoint = `http://${config.host}:${config.port}`;
  const dispose = () => running.disposeAsync();
  const listFailures = () => [
    ...[cloud, cluster, storage].flatMap(({ failure }) => failure ?? []),
    ...objects.listFailures(),
    ...[storage.keyringProblem, nodeAdmin.problem, door?.problem].flatMap(
      (problem) => problem ?? [],
    ),
  ];
  return { endpoint, ...parts, backups, listFailures, [Symbol.asyncDispose]: dispose };
}

/** What nodes on other hosts have in common with this one. */
function termsOf({ region, hypervisor, network, vpcCidr }: CloudConfig): CloudTerms {
  return { region, hypervisor, network, vpcCidr };
}

async function openStorage(
  options: ControllersOptions,
  { objects, nearness }: { objects: Objects; nearness: Nearness },
): Promise<Storage> {
  const { config, paths, blockTarget, staged, keyring } = options;
  return await startStorage({
    keyring,
    knownEnvelope: await objects.findKeyEnvelope(),
    ...shared(options, 'storage'),
    dataDir: paths.storage,
    stateDir: paths.storageState,
    objects: objects.client,
    target: config.hypervisor === 'simulated' ? 'simulated' : 'qemu-storage-daemon',
    ...(blockTarget === undefined ? {} : { blockTarget }),
    ...(staged === undefined ? {} : { staged }),
    backends: backendSettings(config),
    nearness,
  });
}

/** What gateways on other hosts ask is answered as it is here. */
function openGatewayDoor(
  options: ControllersOptions,
  { cloud, storage, audit }: { cloud: Cloud; storage: Storage; audit: EmbeddedAudit },
): Promise<GatewayDoor> {
  const { clock, random, logger, version, paths } = options;
  const services = { identity: cloud.identity, envelopes: () => storage.envelopes, audit };
  return GatewayDoor.open({
    ...{ services, version, clock, random, path: paths.gateways },
    logger: logger.child({ service: 'gateway-door' }),
  });
}

function shared({ clock, random, commands, logger }: ControllersOptions, service: string) {
  return { clock, random, commands, logger: logger.child({ service }) };
}

function openFront(
  { config, clock, random, logger }: ControllersOptions,
  { cloud, objects, audit }: { cloud: Cloud; objects: Objects; audit: EmbeddedAudit },
): Promise<HttpListener> {
  const { ec2, sts, iam, ebs, cloudwatch, servicequotas, cloudtrail, identity } = cloud;
  const { region, host, port } = config;
  const rates = config.requestRates;
  const buckets = new RequestBuckets({ clock, ...(rates === undefined ? {} : { rates }) });
  const shared = { identity, region, clock, random, logger, audit, buckets };
  const api = createApiHandler({ ec2, sts, iam, ...shared });
  const blocks = createEbsHandler({ ebs, ...shared });
  const metrics = createCloudwatchHandler({ cloudwatch, ...shared });
  const json = createJsonHandler({ servicequotas, cloudtrail, ...shared });
  return listen({
    address: { host, port },
    handler: createFront({ api, blocks, metrics, json, objects: objects.handler }),
    logger,
    handlesContinue: true,
    // Large uploads take long; the services watch that each makes progress.
    requestTimeoutMs: 0,
  });
}
