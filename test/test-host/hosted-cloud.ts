// Owns a cloud inside a test host as somebody outside of it has it: its API by the AWS CLI, its image, its guests.

import { join } from 'node:path';
import { buildMicroImage } from '@ironbark/images/micro/build-micro-image.ts';
import { publishImage } from '@ironbark/images/publish-image.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { createEc2Client, type Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { Credentials, DaemonStatus } from '../../packages/cli/daemon/admin-api.ts';
import { createUploader } from '../../packages/cli/s3-upload.ts';
import { askAws } from '../support/aws-cli.ts';
import { CACHE_FOLDER } from '../support/cache-folder.ts';
import { eventually } from '../support/cloud-under-test.ts';
import { API_PORT } from '../support/test-host/host-login.ts';
import type { TestHost } from '../support/test-host/test-host.ts';

/** Where `up` keeps a cloud of root's. */
export const DATA_DIR = '/var/lib/ironbark';
/** The host's own address, behind which is this machine alone. */
const HOST_ADDRESS = '10.0.2.15';
/** Emulated twice over. */
const PATIENCE_MS = 180_000;
const COMMAND_TIMEOUT_MS = 240_000;
const KEY = `${DATA_DIR}/keys/outside`;

export class HostedCloud {
  readonly #host: TestHost;
  readonly #credentials: Credentials;
  readonly #home: string;

  private constructor(host: TestHost, credentials: Credentials, home: string) {
    this.#host = host;
    this.#credentials = credentials;
    this.#home = home;
  }

  /** `./ironbark up` without an image: the host has no archive of packages. */
  static async up(host: TestHost, home: string): Promise<HostedCloud> {
    const address = ['--host', HOST_ADDRESS, '--port', String(API_PORT)];
    await host.run(['./ironbark', 'up', '--yes', '--no-image', '--no-tune', ...address]);
    const { stdout } = await host.run(['./ironbark', 'env', '--json']);
    const inside = JSON.parse(stdout) as Credentials;
    return new HostedCloud(host, { ...inside, endpoint: host.endpoint }, home);
  }

  ec2(): Ec2Client {
    return createEc2Client({ ...this.#credentials, nowMs: () => systemClock.nowMs() });
  }

  get zone(): string {
    return `${this.#credentials.region}a`;
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers have as many shapes as there are operations
  async aws(...args: string[]): Promise<any> {
    const cli = { credentials: this.#credentials, home: this.#home, timeoutMs: COMMAND_TIMEOUT_MS };
    return await askAws(cli, args);
  }

  async status(): Promise<DaemonStatus> {
    const { stdout } = await this.#host.run(['./ironbark', 'status', '--json']);
    return JSON.parse(stdout) as DaemonStatus;
  }

  /** The micro image as this machine has built it. */
  async publishMicro(): Promise<string> {
    const built = await buildMicroImage({
      workDir: join(CACHE_FOLDER, 'images'),
      commands: systemCommands,
      clock: systemClock,
      logger: silentLogger,
    });
    const register = async (ImageLocation: string, Name: string, Description: string) => {
      const answer = await this.ec2().call('RegisterImage', { Name, ImageLocation, Description });
      return answer.ImageId ?? '';
    };
    const uploader = createUploader(this.#credentials, () => systemClock.nowMs());
    const id = await publishImage(built, { ...uploader, register });
    await this.#until(`${id} available`, async () => {
      const { Images } = await this.ec2().call('DescribeImages', { ImageIds: [id] });
      return Images?.[0]?.State === 'available';
    });
    return id;
  }

  /** A key pair, whose private half the host keeps. */
  async createKey(): Promise<void> {
    const made = ['ec2', 'create-key-pair', '--key-name', 'outside', '--key-type', 'ed25519'];
    const { KeyMaterial } = await this.aws(...made);
    await this.#host.sh(`umask 077; mkdir -p ${DATA_DIR}/keys; cat > ${KEY}`, {
      input: KeyMaterial,
    });
  }

  async untilInstance(id: string, state: string): Promise<void> {
    await this.#until(`${id} ${state}`, async () => {
      const { Reservations } = await this.ec2().call('DescribeInstances', { InstanceIds: [id] });
      return Reservations?.[0]?.Instances?.[0]?.State?.Name === state;
    });
  }

  async untilVolume(id: string, state: 'available' | 'in-use'): Promise<void> {
    await this.#until(`${id} ${state}`, async () => {
      const { Volumes } = await this.ec2().call('DescribeVolumes', { VolumeIds: [id] });
      const { State, Attachments = [] } = Volumes?.[0] ?? {};
      const isAttached = Attachments.some((each) => each.State === 'attached');
      return State === state && isAttached === (state === 'in-use');
    });
  }

  /** Runs a shell command in a guest, from the host; standard output, trimmed. */
  async inGuest(address: string, command: string): Promise<string> {
    const settings = [
      ...['IdentitiesOnly=yes', 'BatchMode=yes', 'ConnectTimeout=10', 'LogLevel=ERROR'],
      ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'],
      ...['ControlMaster=auto', 'ControlPersist=30', 'ControlPath=/run/guest-%h'],
    ].flatMap((setting) => ['-o', setting]);
    const login = ['ssh', '-F', 'none', '-i', KEY, ...settings, `root@${address}`, command];
    return (await this.#host.run(login)).stdout.trim();
  }

  async untilAnswers(address: string): Promise<void> {
    const answers = () =>
      this.inGuest(address, 'true').then(
        () => true,
        () => false,
      );
    await this.#until(`ssh to ${address}`, answers);
  }

  async #until(what: string, look: () => Promise<boolean>): Promise<void> {
    await eventually(what, look, { timeoutMs: PATIENCE_MS, intervalMs: 500 });
  }
}
