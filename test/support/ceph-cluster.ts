// Owns a whole Ceph on one machine for tests: a monitor, a manager and disks in files, on the loopback address alone,
// and a gateway for S3 where one is asked for. Its packages it installs; nothing else is left of it.

import { access, chmod, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GIB } from '@ironbark/core/units.ts';
import { findFreePort } from '@ironbark/node/host/free-port.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { endProcess, findProcess, type ProcessIdentity } from '@ironbark/platform/processes.ts';
import { systemRandom } from '@ironbark/platform/random.ts';

export const POOL = 'ironbark';
export const USER = 'ironbark';
const PACKAGES = ['ceph-mon', 'ceph-mgr', 'ceph-osd', 'ceph-common', 'qemu-block-extra'];
const GATEWAY_PACKAGES = ['radosgw'];
const INSTALL_TIMEOUT_MS = 600_000;
const DISKS = 3;
const DISK_BYTES = 4 * GIB;
const PLACEMENT_GROUPS = 16;
const START_TIMEOUT_MS = 180_000;

/** The packages of a whole Ceph are some 50 MB, so nobody has them without having asked. */
export function installCeph(explain: (line: string) => void): Promise<void> {
  return install('/usr/bin/ceph-osd', PACKAGES, explain);
}

export async function installCephGateway(explain: (line: string) => void): Promise<void> {
  await installCeph(explain);
  await install('/usr/bin/radosgw', GATEWAY_PACKAGES, explain);
}

async function install(
  program: string,
  packages: readonly string[],
  explain: (line: string) => void,
): Promise<void> {
  const isThere = await access(program).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  explain(`installing ${packages.join(', ')}`);
  const apt = ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    await systemCommands.run('env', [...apt, ...args], { timeoutMs: INSTALL_TIMEOUT_MS });
  }
}

export interface CephOptions {
  disks: number;
  /** Of each byte. */
  copies: number;
}

export interface S3Gateway {
  url: string;
  pid: number;
  key: { accessKeyId: string; secretAccessKey: string };
}

export class CephCluster implements AsyncDisposable {
  readonly folder: string;
  readonly confPath: string;
  readonly keyringPath: string;
  readonly #options: CephOptions;
  readonly #running = new Map<string, ProcessIdentity>();

  private constructor(folder: string, options: CephOptions) {
    this.folder = folder;
    this.#options = options;
    this.confPath = join(folder, 'ceph.conf');
    this.keyringPath = join(folder, 'user.keyring');
  }

  static async start(options: Partial<CephOptions> = {}): Promise<CephCluster> {
    const { disks = DISKS, copies = disks } = options;
    const folder = await mkdtemp(join(tmpdir(), 'ironbark-ceph-'));
    const cluster = new CephCluster(folder, { disks, copies });
    try {
      await cluster.#make();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async ceph(...args: string[]): Promise<string> {
    const all = ['--conf', this.confPath, '--connect-timeout', '20', ...args];
    return (await systemCommands.run('ceph', all)).stdout;
  }

  async rbd(...args: string[]): Promise<string> {
    const login = ['--conf', this.confPath, '--id', USER, '--keyring', this.keyringPath];
    return (await systemCommands.run('rbd', [...login, ...args])).stdout;
  }

  async killDisk(number: number): Promise<void> {
    const name = `osd.${number}`;
    await endProcess(this.#running.get(name)!, {
      clock: systemClock,
      graceMs: 0,
      isAsked: true,
    });
    this.#running.delete(name);
  }

  startDisk(number: number): Promise<void> {
    return this.#spawn('ceph-osd', 'osd', String(number));
  }

  /** Serves S3 from pools of its own. */
  async startGateway(): Promise<S3Gateway> {
    const port = await findFreePort(systemRandom, new Set());
    const keyring = join(this.folder, 'gateway.keyring');
    const caps = ['mon', 'allow rwx', 'osd', 'allow rwx', 'mgr', 'allow rwx'];
    await this.ceph('auth', 'get-or-create', 'client.rgw.a', ...caps, '-o', keyring);
    const frontend = ['--rgw-frontends', `beast endpoint=127.0.0.1:${port}`];
    const login = ['-n', 'client.rgw.a', '--keyring', keyring];
    await this.#spawn('radosgw', 'rgw', 'a', [...login, ...frontend]);
    const url = `http://127.0.0.1:${port}`;
    await this.#until('the gateway', async () => (await fetch(url)).status === 200);
    const key = { accessKeyId: 'IRONBARKBENCH', secretAccessKey: 'not-a-secret-of-anybody' };
    const names = ['--uid', 'bench', '--display-name', 'bench'];
    const keys = ['--access-key', key.accessKeyId, '--secret-key', key.secretAccessKey];
    const create = ['--conf', this.confPath, 'user', 'create', ...names, ...keys];
    await systemCommands.run('radosgw-admin', create);
    return { url, pid: this.#running.get('rgw.a')!.pid, key };
  }

  async untilHealthy(): Promise<void> {
    await this.#until('all placement groups clean', async () => {
      const status = JSON.parse(await this.ceph('status', '--format', 'json')) as CephStatus;
      const clean = status.pgmap.pgs_by_state?.find((each) => each.state_name === 'active+clean');
      return status.pgmap.num_pgs > 0 && clean?.count === status.pgmap.num_pgs;
    });
  }

  async #make(): Promise<void> {
    const fsid = crypto.randomUUID();
    const monitor = `127.0.0.1:${await findFreePort(systemRandom, new Set())}`;
    await writeFile(this.confPath, this.#config(fsid, monitor));
    await this.#makeMonitor(fsid, monitor);
    await this.#makeManager();
    for (let number = 0; number < this.#options.disks; number += 1) await this.#makeDisk(number);
    await this.ceph('osd', 'pool', 'create', POOL, String(PLACEMENT_GROUPS));
    await this.ceph('osd', 'pool', 'application', 'enable', POOL, 'rbd');
    const caps = ['mon', 'profile rbd', 'osd', `profile rbd pool=${POOL}`, 'mgr', 'profile rbd'];
    await this.ceph('auth', 'get-or-create', `client.${USER}`, ...caps, '-o', this.keyringPath);
    await chmod(this.keyringPath, 0o600);
    await this.untilHealthy();
  }

  #config(fsid: string, monitor: string): string {
    const place = (name: string) => join(this.folder, name);
    const { copies } = this.#options;
    return `[global]
fsid = ${fsid}
mon_host = v2:${monitor}
ms_bind_msgr1 = false
public_network = 127.0.0.0/8
keyring = ${place('admin.keyring')}
run_dir = ${this.folder}
admin_socket = ${place('$name.asok')}
log_file = ${place('$name.log')}
mon_cluster_log_file = ${place('cluster.log')}
osd_pool_default_size = ${copies}
osd_pool_default_min_size = ${Math.min(copies, 2)}
osd_pool_default_pg_num = 8
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 500
osd_crush_chooseleaf_type = 0
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_delete = true
mon_data_avail_warn = 1
mon_data_avail_crit = 0
mon_osd_full_ratio = 0.98
[mon]
mon_data = ${place('mon')}
[mgr]
mgr_data = ${place('mgr')}
mgr_initial_modules =
[osd]
osd_data = ${place('osd-$id')}
osd_objectstore = bluestore
osd_memory_target = 939524096
bluestore_block_size = ${DISK_BYTES}
bluestore_block_create = true
osd_heartbeat_grace = 10
`;
  }

  async #makeMonitor(fsid: string, monitor: string): Promise<void> {
    const keyring = join(this.folder, 'admin.keyring');
    const caps = ['mon', 'osd', 'mgr', 'mds'].flatMap((each) => ['--cap', each, 'allow *']);
    const run = systemCommands.run;
    await run('ceph-authtool', ['--create-keyring', keyring, '--gen-key', '-n', 'mon.', ...caps]);
    await run('ceph-authtool', [keyring, '--gen-key', '-n', 'client.admin', ...caps]);
    const map = join(this.folder, 'monmap');
    const where = ['--addv', 'a', `[v2:${monitor}]`];
    await run('monmaptool', ['--create', '--fsid', fsid, ...where, map]);
    await mkdir(join(this.folder, 'mon'));
    const make = ['--mkfs', '--id', 'a', '--monmap', map, '--keyring', keyring];
    await run('ceph-mon', ['--conf', this.confPath, ...make]);
    await this.#spawn('ceph-mon', 'mon', 'a');
    await this.#until('the monitor', async () => (await this.ceph('mon', 'stat')) !== '');
  }

  async #makeManager(): Promise<void> {
    const folder = join(this.folder, 'mgr');
    await mkdir(folder);
    const caps = ['mon', 'allow profile mgr', 'osd', 'allow *', 'mds', 'allow *'];
    await this.ceph('auth', 'get-or-create', 'mgr.x', ...caps, '-o', join(folder, 'keyring'));
    await this.#spawn('ceph-mgr', 'mgr', 'x', ['--keyring', join(folder, 'keyring')]);
  }

  async #makeDisk(number: number): Promise<void> {
    const folder = join(this.folder, `osd-${number}`);
    await mkdir(folder);
    const uuid = crypto.randomUUID();
    await this.ceph('osd', 'new', uuid, String(number));
    const caps = ['mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *'];
    const keyring = join(folder, 'keyring');
    await this.ceph('auth', 'get-or-create', `osd.${number}`, ...caps, '-o', keyring);
    const make = ['--mkfs', '--id', String(number), '--osd-uuid', uuid, '--keyring', keyring];
    await systemCommands.run('ceph-osd', ['--conf', this.confPath, ...make]);
    await this.startDisk(number);
  }

  async #spawn(
    program: string,
    kind: string,
    id: string,
    more: readonly string[] = kind === 'osd'
      ? ['--keyring', join(this.folder, `osd-${id}`, 'keyring')]
      : [],
  ): Promise<void> {
    await using log = await open(join(this.folder, `${kind}-${id}.out`), 'a');
    const args = ['--conf', this.confPath, '--foreground', '--id', id, ...more];
    const { pid } = await systemCommands.startDetached(program, args, {
      cwd: this.folder,
      stdio: ['ignore', log.fd, log.fd],
    });
    const found = await findProcess(pid);
    if (found === undefined) throw new Error(`${program} ended at once: see ${this.folder}`);
    this.#running.set(`${kind}.${id}`, found);
  }

  async #until(what: string, probe: () => Promise<boolean>): Promise<void> {
    const options = { clock: systemClock, timeoutMs: START_TIMEOUT_MS, intervalMs: 250, what };
    await waitFor(() => probe().catch(() => false), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const found of this.#running.values()) {
      await endProcess(found, { clock: systemClock, graceMs: 0, isAsked: true });
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

interface CephStatus {
  pgmap: { num_pgs: number; pgs_by_state?: { state_name: string; count: number }[] };
}
