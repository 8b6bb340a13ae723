import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { GatewayServices } from '@ironbark/protocol/internal/gateway-messages.ts';
import { Problem } from '../problem.ts';
import { GatewayDoor } from './gateway-door.ts';
import { type GatewayFile, writeGatewayFile } from './gateway-file.ts';
import { GatewayLink } from './gateway-link.ts';

const HOST = '127.0.0.1';
const logger = createLogger({ write: () => {}, nowMs: () => 0 });
const services: GatewayServices = {
  identity: { findAccessKey: async () => undefined },
  envelopes: () => undefined,
  audit: { record: async () => {} },
};

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-door-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function openDoor(folder: string, version = '1.0'): Promise<GatewayDoor> {
  const path = join(folder, 'gateways.json');
  const parts = { clock: systemClock, random: systemRandom, logger };
  return await GatewayDoor.open({ path, services, version, ...parts });
}

test('a cloud that comes back with another version is told to the gateway, which asks it nothing', async (t) => {
  const folder = await makeFolder(t);
  const first = await openDoor(folder);
  const invitation = await first.inviteGateway({ name: 'east', host: HOST });
  await using link = new GatewayLink({ ...invitation, version: '1.0', clock: systemClock, logger });
  assert.equal(await link.services.identity.findAccessKey('AKIA'), undefined);
  await first[Symbol.asyncDispose]();
  await using _ = await openDoor(folder, '1.1');
  const refused = (error: unknown) => isServiceError(error);
  // The end of the old connection may be noticed by a call that fails.
  await assert.rejects(link.services.identity.findAccessKey('AKIA'), refused);
  await assert.rejects(link.services.identity.findAccessKey('AKIA'), refused);
  assert.equal((await link.otherVersion).version, '1.1');
});

test('while the cloud is away it is not dialled for each request', async (t) => {
  let dials = 0;
  const server = createServer((socket) => {
    dials += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, () => resolve()));
  t.after(() => server.close());
  const folder = await makeFolder(t);
  await using door = await openDoor(folder);
  const invitation = await door.inviteGateway({ name: 'east', host: HOST });
  const front = { host: HOST, port: (server.address() as { port: number }).port };
  const parts = { version: '1.0', clock: systemClock, logger };
  await using link = new GatewayLink({ ...invitation, front, ...parts });
  for (let n = 0; n < 20; n++) {
    const asked = link.services.identity.findAccessKey('AKIA');
    await assert.rejects(asked, (error) => isServiceError(error, 'unavailable'));
  }
  assert.equal(dials, 1);
});

test('a door that gateways know stays where it is, also while its port is taken', async (t) => {
  const folder = await makeFolder(t);
  const first = await openDoor(folder);
  const { front } = await first.inviteGateway({ name: 'east', host: HOST });
  await first[Symbol.asyncDispose]();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(front.port, HOST, () => resolve()));
  const door = await openDoor(folder);
  const west = door.inviteGateway({ name: 'west', host: HOST });
  await assert.rejects(west, (error) => isServiceError(error, 'unavailable'));
  await new Promise((resolve) => other.close(resolve));
  assert.deepEqual((await door.inviteGateway({ name: 'west', host: HOST })).front, front);
  await door[Symbol.asyncDispose]();
});

test('a gateway’s file that was not written is a problem, whatever became of the other one', async (t) => {
  const path = join(await makeFolder(t), 'east.gateway');
  // It cannot be written there, and does not look as if there were one.
  await symlink('nowhere', path);
  const written = writeGatewayFile(path, {} as GatewayFile);
  await assert.rejects(written, Problem);
});
