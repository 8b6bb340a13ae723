// Owns a machine that has what this one lacks: KVM, or Xen, the full kernel and its initiators, with the checkout in it.
// It is emulated where nothing better is there, so it is slow; what it says of KVM and Xen is true all the same.

import { join, relative } from 'node:path';
import type { OnProgress } from '@ironbark/images/build/built-image.ts';
import { renderTime, systemClock } from '@ironbark/platform/clock.ts';
import {
  type CommandOptions,
  type CommandResult,
  systemCommands,
} from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { projectDir } from '../cloud-under-test.ts';
import { findAccelerator, type HostHypervisor } from './accelerator.ts';
import { API_PORT, HostLogin } from './host-login.ts';
import { HostMachine } from './host-machine.ts';
import { buildHostImage } from './image/build-host-image.ts';
import { findBeginning } from './saved-host.ts';

export interface TestHostOptions {
  hypervisor: HostHypervisor;
  onProgress?: OnProgress;
}

/** This checkout, the images that were built on this machine, and what its Node has made of modules. */
const CHECKOUT = 'checkout';
const IMAGES = 'images';
const COMPILED = 'compiled';
/** Nobody else changes them while the host looks, or it need not know. */
const MOUNT = 'trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro';
/** Xen beside its dom0 takes longest. */
const START_TIMEOUT_MS = 240_000;

export class TestHost implements AsyncDisposable {
  readonly hypervisor: HostHypervisor;
  /** Where this machine reaches the API of a cloud in it. */
  readonly endpoint: string;
  readonly #login: HostLogin;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    hypervisor: HostHypervisor,
    { login, owned, apiPort }: { login: HostLogin; owned: AsyncDisposableStack; apiPort: number },
  ) {
    this.hypervisor = hypervisor;
    this.endpoint = `http://127.0.0.1:${apiPort}`;
    this.#login = login;
    this.#owned = owned;
  }

  static async start({ hypervisor, onProgress }: TestHostOptions): Promise<TestHost> {
    const context = {
      workDir: join(CACHE_FOLDER, 'images'),
      commands: systemCommands,
      clock: systemClock,
      logger: silentLogger,
      ...(onProgress === undefined ? {} : { onProgress }),
    };
    const image = await buildHostImage(context);
    const accelerator = await findAccelerator(hypervisor);
    const shares = new Map([
      [CHECKOUT, projectDir],
      [IMAGES, join(context.workDir, 'builds')],
      [COMPILED, join(CACHE_FOLDER, 'compiled')],
    ]);
    const input = { hypervisor, accelerator, image, shares };
    const beginning = await findBeginning(context, input);
    await using owned = new AsyncDisposableStack();
    const ports = await HostLogin.choosePorts();
    const machine = owned.use(await HostMachine.start({ ...input, ...beginning, ports }));
    const way = { keyPath: image.key, ports, timeoutMs: START_TIMEOUT_MS };
    const login = owned.use(await HostLogin.open(machine, way));
    await settle(login);
    const apiPort = ports.get(API_PORT)!;
    return new TestHost(hypervisor, { login, apiPort, owned: owned.move() });
  }

  /** Runs a command in the checkout; throws on any other exit code than the allowed ones. */
  run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return this.#login.run(argv, options);
  }

  /** Standard output of a shell command, trimmed. */
  async sh(command: string, options?: CommandOptions): Promise<string> {
    return (await this.run(['sh', '-c', command], options)).stdout.trim();
  }

  /** Its own path of a file of an image that was built on this machine. */
  imagePath(path: string): string {
    return join('/', IMAGES, relative(join(CACHE_FOLDER, 'images/builds'), path));
  }

  /** A command, or a shell, in it on this process's own terminal; its exit code. */
  onTerminal(argv?: readonly string[]): Promise<number> {
    return this.#login.onTerminal(argv);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/**
 * Its memory is of another time, and has nothing of what changes. An emulated Node takes two minutes to make something
 * of the cloud's modules; what this machine's Node has made of them is good there, too, at the same path.
 */
async function settle(login: HostLogin): Promise<void> {
  const commands = [
    `date -s ${renderTime(systemClock.nowMs())} > /dev/null`,
    `mkdir -p ${projectDir} /${IMAGES} /run/${COMPILED} ${KEPT}/new ${KEPT}/work ${KEPT}/compiled`,
    `mount -t 9p -o ${MOUNT} ${CHECKOUT} ${projectDir}`,
    `mount -t 9p -o ${MOUNT} ${IMAGES} /${IMAGES}`,
    `mount -t 9p -o ${MOUNT} ${COMPILED} /run/${COMPILED}`,
    `mount -t overlay -o lowerdir=/run/${COMPILED},upperdir=${KEPT}/new,workdir=${KEPT}/work overlay ${KEPT}/compiled`,
  ];
  await login.run(['sh', '-c', commands.join(' && ')]);
}

/** The launcher's cache in it. */
const KEPT = '/root/.cache/ironbark';
