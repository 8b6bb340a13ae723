// Owns the guest of the block benchmark: the micro image under the product's own driver and profiles, on a root disk
// of the caller's choice, with disks plugged in as volumes are.

import { copyFile, mkdir, mkdtemp, readFile, truncate } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { DIRECT, type DiskProfile, PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { buildMicroImage } from '@ironbark/images/micro/build-micro-image.ts';
import { METADATA_PREFIX, serveMetadata } from '@ironbark/images/testing/fake-metadata.ts';
import { guestUuid } from '@ironbark/node/app/guest-uuid.ts';
import type {
  GuestHandle,
  GuestSpec,
  HypervisorDriver,
} from '@ironbark/node/drivers/hypervisor-driver.ts';
import { QMP_SOCKET } from '@ironbark/node/drivers/qemu/argv.ts';
import { createQemuDriver } from '@ironbark/node/drivers/qemu/driver.ts';
import { findFreePort } from '@ironbark/node/host/free-port.ts';
import { openTap } from '@ironbark/node/host/tap-device.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';

const ID = 'i-0b10cbe4c00000001';
const MEMORY_MIB = 1_024;
const VCPUS = 2;
const COMMAND_TIMEOUT_MS = 180_000;
const LOGIN_TIMEOUT_MS = 60_000;
const CONSOLE_SHOWN = 2_000;
const QMP_TIMEOUT_MS = 30_000;

export interface LabGuestOptions {
  /** Made anew; everything of the guest is in it. */
  folder: string;
  profile?: DiskProfile;
  /** The file that the root disk's bytes are put into; one in the folder when absent. */
  rootFile?: string;
}

export class LabGuest implements AsyncDisposable {
  readonly handle: GuestHandle;
  readonly #newDriver: () => HypervisorDriver;
  #driver: HypervisorDriver;
  readonly #login: readonly string[];
  readonly #owned: AsyncDisposableStack;

  private constructor(
    newDriver: () => HypervisorDriver,
    handle: GuestHandle,
    { login, owned }: { login: readonly string[]; owned: AsyncDisposableStack },
  ) {
    this.#newDriver = newDriver;
    this.#driver = newDriver();
    this.handle = handle;
    this.#login = login;
    this.#owned = owned;
  }

  get driver(): HypervisorDriver {
    return this.#driver;
  }

  static async boot(options: LabGuestOptions): Promise<LabGuest> {
    await using stack = new AsyncDisposableStack();
    const directory = join(options.folder, ID);
    await mkdir(join(directory, 'run'), { recursive: true });
    const { publicKey, login, sshPort } = await prepareLogin(options.folder);
    const metadata = await serveMetadata({
      instanceId: ID,
      hostname: 'bench',
      publicKeys: [publicKey],
      tokens: 'required',
    });
    stack.use(metadata);
    const metadataUrl = `http://10.0.2.2:${metadata.port}${METADATA_PREFIX}/`;
    const spec = await prepareSpec(options, { directory, sshPort, metadataUrl });
    const newDriver = () =>
      createQemuDriver({
        commands: systemCommands,
        clock: systemClock,
        dataDir: options.folder,
        openTap,
        probeUid: undefined,
      });
    const starter = newDriver();
    const handle = await starter.start(spec);
    await starter[Symbol.asyncDispose]();
    const guest = new LabGuest(newDriver, handle, { login, owned: stack.move() });
    try {
      await guest.#awaitLogin();
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
    return guest;
  }

  /** Runs a shell command; what it printed on both streams. */
  async run(command: string): Promise<string> {
    const { stdout } = await systemCommands.run('ssh', [...this.#login, `{ ${command}; } 2>&1`], {
      timeoutMs: COMMAND_TIMEOUT_MS,
    });
    return stdout.trim();
  }

  /** Plugs a disk in; the guest's name of it. */
  async attach(
    serial: VolumeId,
    source: BlockExport,
    profile: DiskProfile = DIRECT,
  ): Promise<string> {
    await this.driver.attachDisk(this.handle, { serial, source, profile });
    const wanted = serial.replace('-', '');
    const find = `for d in /sys/block/vd*; do [ "$(cat $d/serial)" = ${wanted} ] && basename $d; done; true`;
    const name = await waitFor(async () => (await this.run(find)) || undefined, {
      clock: systemClock,
      timeoutMs: LOGIN_TIMEOUT_MS,
      what: `${serial} in the guest`,
    });
    return `/dev/${name}`;
  }

  async detach(serial: VolumeId): Promise<void> {
    if (!(await this.driver.detachDisk(this.handle, serial))) {
      throw new Error(`the guest does not let go of ${serial}`);
    }
  }

  async dropCaches(): Promise<void> {
    await this.run('sync; echo 3 > /proc/sys/vm/drop_caches');
  }

  /** QEMU's monitor, which takes one client at a time: the driver lets go of the guest meanwhile. */
  async withMonitor<T>(work: (qmp: QmpClient) => Promise<T>): Promise<T> {
    await this.#driver[Symbol.asyncDispose]();
    const socketPath = join(this.handle.directory, 'run', QMP_SOCKET);
    const qmp = await connectQmp({ socketPath, clock: systemClock, timeoutMs: QMP_TIMEOUT_MS });
    try {
      return await work(qmp);
    } finally {
      qmp.close();
      this.#driver = this.#newDriver();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver.destroy(this.handle);
    await this.#driver[Symbol.asyncDispose]();
    await this.#owned.disposeAsync();
  }

  async #awaitLogin(): Promise<void> {
    let last: unknown;
    const answers = () =>
      this.run('true').then(
        () => true,
        (error: unknown) => {
          last = error;
          return false;
        },
      );
    const what = 'the guest’s ssh server';
    await waitFor(answers, { clock: systemClock, timeoutMs: LOGIN_TIMEOUT_MS, what }).catch(
      async (error: unknown) => {
        const said = Buffer.from(await this.#driver.drainConsole(this.handle)).toString('latin1');
        throw new Error(`${String(last)}; its console: ${said.slice(-CONSOLE_SHOWN)}`, {
          cause: error,
        });
      },
    );
    // What the guest does after its boot is not to be measured.
    await this.run('while pgrep -f after-boot > /dev/null; do usleep 200000; done; true');
  }
}

async function prepareLogin(folder: string) {
  const key = join(await mkdtemp(join(folder, 'key-')), 'id');
  await systemCommands.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const sshPort = await findFreePort(systemRandom, new Set());
  const settings = [
    ...['IdentitiesOnly=yes', 'BatchMode=yes', 'ConnectTimeout=10', 'LogLevel=ERROR'],
    ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'],
  ].flatMap((setting) => ['-o', setting]);
  const login = ['-F', 'none', '-i', key, ...settings, '-p', String(sshPort), 'root@127.0.0.1'];
  return { publicKey: (await readFile(`${key}.pub`, 'utf8')).trim(), login, sshPort };
}

async function prepareSpec(
  { folder, profile = DIRECT, rootFile }: LabGuestOptions,
  { directory, sshPort, metadataUrl }: { directory: string; sshPort: number; metadataUrl: string },
): Promise<GuestSpec> {
  const image = await buildMicroImage({
    workDir: join(homedir(), '.cache/ironbark/images'),
    commands: systemCommands,
    clock: systemClock,
    logger: silentLogger,
  });
  const path = rootFile ?? join(folder, 'root.raw');
  if (rootFile === undefined) {
    await copyFile(image.files.root, path);
    await truncate(path, image.manifest.rootDiskBytes);
  } else {
    const copy = [`if=${image.files.root}`, `of=${path}`, 'bs=1M', 'conv=sparse,notrunc'];
    await systemCommands.run('dd', copy);
  }
  // The driver bounds what QEMU may write by the size of the file, which it looks for from there.
  const inRunFolder = relative(join(directory, 'run'), path);
  return {
    id: ID,
    uuid: guestUuid(ID),
    vcpus: VCPUS,
    memoryMib: MEMORY_MIB,
    boot: {
      kind: 'kernel',
      kernelPath: image.files.kernel!,
      initrdPath: image.files.initrd!,
      parameters: image.manifest.kernelParameters ?? '',
    },
    rootDisk: { serial: 'root', source: { kind: 'file', path: inRunFolder }, profile },
    nics: [
      {
        id: 'eni-0b10cbe4c00000001',
        macAddress: '02:00:00:00:00:01',
        port: { kind: 'user', sshPort, metadataUrl },
        profile: PARAVIRTUAL,
      },
    ],
    directory,
  };
}
