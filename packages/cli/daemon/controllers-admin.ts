// Owns what the controllers answer to whoever runs the cloud, in one process with the node or in their own.

import type { VolumeSummary } from '@ironbark/cloud/app/volume-summary.ts';
import type { InstancesElsewhere } from '@ironbark/cluster/app/membership.ts';
import type { CallTransport, VerbTable } from '@ironbark/protocol/internal/wire/transport.ts';
import type { CloudConfig } from '../cloud-config.ts';
import { ADMIN_METHODS, type AdminApi, type AdminMethod } from './admin-api.ts';
import type { Controllers } from './controllers.ts';

/** What the privileged process answers itself. */
const PRIVILEGED_METHODS = [
  'status',
  'diskStats',
  'volumes',
  'beginCalibration',
  'networkReadings',
  'halt',
] as const;
type PrivilegedMethod = (typeof PRIVILEGED_METHODS)[number];

export interface CloudFacts {
  accountId: string;
  counts: Record<string, number>;
  loginUsers: Record<string, string>;
  failures: string[];
  /** Instances on other hosts. */
  elsewhere?: InstancesElsewhere[];
}

export type ControllersAdmin = Omit<AdminApi, PrivilegedMethod> & {
  describe(): Promise<CloudFacts>;
  listVolumes(): Promise<VolumeSummary[]>;
};

const METHODS: readonly string[] = [
  'describe',
  'listVolumes',
  ...ADMIN_METHODS.filter((name: AdminMethod) => !PRIVILEGED_METHODS.some((own) => own === name)),
];

export function controllersAdmin(
  {
    cloud,
    objects,
    storage,
    endpoint,
    listFailures,
    backups,
    nodeAdmin,
    gatewayAdmin,
  }: Controllers,
  { region }: CloudConfig,
): ControllersAdmin {
  return {
    ...cloud.accounts,
    ...cloud.quotas,
    makeJoinToken: (request) => nodeAdmin.makeJoinToken(request),
    findDoor: () => nodeAdmin.findDoor(),
    listNodes: () => nodeAdmin.listNodes(),
    listElsewhere: () => nodeAdmin.listElsewhere(),
    drainNode: (request) => nodeAdmin.drainNode(request),
    resumeNode: (request) => nodeAdmin.resumeNode(request),
    removeNode: (request) => nodeAdmin.removeNode(request),
    inviteGateway: (request) => gatewayAdmin.inviteGateway(request),
    listGateways: () => gatewayAdmin.listGateways(),
    removeGateway: (request) => gatewayAdmin.removeGateway(request),
    describe: async () => ({
      accountId: cloud.accountId,
      counts: await cloud.countResources(),
      loginUsers: await cloud.loginUsers(),
      failures: listFailures(),
      elsewhere: await nodeAdmin.listElsewhere(),
    }),
    listVolumes: () => cloud.listVolumes(),
    bucketUsage: () => objects.measureUsage(),
    objectCounts: async () => objects.counts(),
    credentials: async () => {
      const { accessKeyId, secretAccessKey } = await cloud.adminKey();
      return { endpoint, region, accessKeyId, secretAccessKey };
    },
    beginBackup: (request) => backups.begin(request),
    renewBackup: async () => {
      backups.renew();
      return { renewed: true };
    },
    endBackup: async () => {
      await backups.end();
      return { ended: true };
    },
    readHeldVolume: (request) => backups.readVolume(request),
    beginVolumeMeasure: ({ id }) => storage.measured.begin(id),
    renewVolumeMeasure: async ({ id }) => {
      storage.measured.renew(id);
      return { renewed: true };
    },
    endVolumeMeasure: async ({ id }) => {
      await storage.measured.end(id);
      return { ended: true };
    },
  };
}

type AnyCall = (input: unknown) => Promise<unknown>;

export function adminVerbs(admin: ControllersAdmin): VerbTable {
  const calls = admin as unknown as Record<string, AnyCall>;
  return Object.fromEntries(METHODS.map((name) => [name, (input) => calls[name]!(input)]));
}

export function remoteAdmin(transport: CallTransport): ControllersAdmin {
  const entries = METHODS.map((name) => [name, (input: unknown) => transport.call(name, input)]);
  return Object.fromEntries(entries) as ControllersAdmin;
}
