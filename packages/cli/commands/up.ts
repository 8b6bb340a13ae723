// Owns `ironbark up`: from whatever the host has to a cloud that is ready, and the lines to use it.

import { isDeepStrictEqual } from 'node:util';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import { type CloudConfig, findConfig, renderFront, saveConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import type { AdminApi, DaemonStatus } from '../daemon/admin-api.ts';
import { findDaemon } from '../daemon/admin-client.ts';
import { checkKeyring } from '../daemon/keyring-source.ts';
import { checkSharedObjects } from '../daemon/objects-source.ts';
import { dataPaths } from '../daemon/paths.ts';
import { startDaemon } from '../daemon/start-daemon.ts';
import { type ConfigWishes, decideConfig, keepConfig, objectsOf } from '../decide-config.ts';
import { openEc2 } from '../ec2.ts';
import { CEPH_PACKAGES, ensurePackages, NETWORK_PACKAGES, RUN_PACKAGES } from '../host-packages.ts';
import { checkCeph, checkDevices } from '../volume-devices.ts';
import { ensureMicroImage } from './image-build.ts';
import { startNode } from './join.ts';

export interface UpOptions extends ConfigWishes {
  yes: boolean;
  /** Where programs are looked for. */
  path: string;
  /** Start without building the first image. */
  image: boolean;
  /** Measure the host if nobody has. */
  tune: boolean;
}

export async function bringUp(context: CliContext, options: UpOptions): Promise<void> {
  const { terminal } = context;
  const joined = (await findConfig(context.dataDir))?.joined;
  if (joined !== undefined) return await startNode(context, renderFront(joined.front));
  const running = await findDaemon(context.dataDir);
  const daemon = running ?? (await start(context, options));
  const status = await daemon.status();
  if (running !== undefined) checkWishes(context, status, options);
  if (options.image && status.config.hypervisor === 'qemu') await ensureMicroImage(context);
  const images = await listImages(context);
  // The last thing, since what is built would be measured too; the answer is waited for and the measuring is not.
  if (options.tune && running === undefined) await daemon.beginCalibration();
  const result = {
    endpoint: status.endpoint,
    region: status.config.region,
    dataDir: context.dataDir,
    images,
  };
  terminal.result(result, () => renderReady(context, status, running !== undefined));
}

/** What cannot be had is refused; what takes a restart is said. */
function checkWishes({ terminal, self }: CliContext, status: DaemonStatus, wishes: UpOptions) {
  const { config } = status;
  const kept = keepConfig(config, wishes);
  const isOtherPort = wishes.port !== 0 && kept.port !== config.port;
  const isOtherAddress = kept.host !== config.host || isOtherPort;
  const settings = [
    ...([
      'publicAddresses',
      'allowSharedEmulation',
      'volumeDevices',
      'ceph',
      'objects',
      'keyring',
      'underlayAddress',
    ] as const),
  ];
  const isSame = settings.every((name) => isDeepStrictEqual(kept[name], config[name]));
  if (!isOtherAddress && isSame) return;
  const what = isOtherAddress ? 'another address' : 'this setting';
  terminal.warn(`it already runs at ${status.endpoint}; ${what} takes a restart:`);
  terminal.warn(`${self} down --keep-guests, then this again`);
}

async function start(context: CliContext, options: UpOptions): Promise<AdminApi> {
  const { terminal } = context;
  const saved = await findConfig(context.dataDir);
  await checkDevices(context, options);
  const { keyring = 'data-folder' } = options;
  if (keyring !== 'data-folder') await checkKeyring(keyring);
  await checkObjects(context, options, saved);
  const wantsGuests = (saved?.hypervisor ?? options.hypervisor) !== 'simulated';
  if (wantsGuests) {
    const network =
      (saved?.network ?? options.network ?? (context.isRoot ? 'bridge' : 'user')) === 'bridge';
    const wantsCeph = (options.cephPool ?? saved?.ceph?.pool ?? 'none') !== 'none';
    const wanted = [
      ...RUN_PACKAGES,
      ...(network ? NETWORK_PACKAGES : []),
      ...(wantsCeph ? CEPH_PACKAGES : []),
    ];
    await ensurePackages(context, { wanted, path: options.path, yes: options.yes });
  }
  await terminal.step(`Data folder ${context.dataDir}`, async () => {
    // Guests run as users of their own and have to reach their files inside, hence the execute bits.
    await ensureDirectory(context.dataDir, 0o711);
    await ensureDirectory(dataPaths(context.dataDir).run, 0o711);
    const config = await decideConfig(context, saved, options);
    const isNew = !isDeepStrictEqual(config.ceph, saved?.ceph);
    if (isNew) await checkCeph(context, config);
    await saveConfig(context.dataDir, config, saved);
  });
  if (!context.isRoot) warnWithoutRoot(context);
  return await terminal.step('Starting the services', async () => (await startDaemon(context))!);
}

/** What is refused leaves no data folder behind. */
async function checkObjects(
  { isRoot }: CliContext,
  options: UpOptions,
  saved: CloudConfig | undefined,
): Promise<void> {
  const { objects } = objectsOf(options, saved?.objects);
  if (objects === undefined) return;
  const hypervisor = saved?.hypervisor ?? options.hypervisor ?? 'qemu';
  await checkSharedObjects(objects, { isConfined: isRoot && hypervisor !== 'simulated' });
}

function warnWithoutRoot(context: CliContext): void {
  context.terminal.warn(
    'not root: guests share this user and reach out through user-mode networking.',
  );
  context.terminal.warn(
    'Lost: addresses of their own, traffic between guests, metadata at 169.254.169.254, one user per guest.',
  );
}

async function listImages(context: CliContext): Promise<{ id: string; name: string }[]> {
  const ec2 = await openEc2(context);
  const { Images } = await ec2.call('DescribeImages', { Owners: ['self'] });
  return (Images ?? []).map((image) => ({ id: image.ImageId ?? '', name: image.Name ?? '' }));
}

function renderReady(context: CliContext, status: DaemonStatus, wasRunning: boolean): string {
  const { terminal, self } = context;
  const lines = [
    [`${self} launch`, 'a first instance, with a key pair, and its ssh line'],
    [`eval "$(${self} env)"`, 'any AWS client in this shell: aws ec2 describe-images'],
    [`${self} status`, 'what runs here'],
    [`${self} down`, 'stop; the next up starts the same instances again'],
  ] as const;
  const width = Math.max(...lines.map(([command]) => command.length));
  return [
    terminal.bold(`Ironbark is ${wasRunning ? 'already running' : 'ready'} at ${status.endpoint}`),
    '',
    ...lines.map(([command, what]) => `  ${command.padEnd(width)}  ${terminal.dim(what)}`),
  ].join('\n');
}
