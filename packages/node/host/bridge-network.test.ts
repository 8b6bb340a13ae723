import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { HttpListener } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { endProcess, findProcesses } from '@ironbark/platform/processes.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { startMetadataService } from '../http/metadata-service.ts';
import {
  ASK_FOR_LEASE,
  createGuest,
  FETCH,
  Namespace,
  whyNoNamespaces,
} from '../testing/guest-namespace.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
import { createTestCloud, type TestCloud } from '../testing/test-cloud.ts';
import { limitHops } from './hop-limit.ts';
import type { HostNetwork } from './host-network.ts';
import { RUN_DIRECTORY } from './ip-forwarding.ts';
import { createNetworkNames, isAnyCloudBridge } from './network-names.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);

/** Everything on the host that carries this cloud's name. */
async function tracesOf({ cloudId }: TestCloud): Promise<string[]> {
  const { tag } = createNetworkNames(cloudId);
  const run = async (file: string, ...args: string[]) =>
    (await systemCommands.run(file, args)).stdout.split('\n');
  const isOurs = (line: string) => line.includes(`ib${tag}`) || line.includes(`ironbark_${tag}`);
  const directory = `${RUN_DIRECTORY}/${tag}`;
  const processes = await findProcesses((argument) => argument.includes(directory));
  return [
    ...(await run('ip', '-o', 'link')).filter(isOurs),
    ...(await run('nft', 'list', 'ruleset')).filter(isOurs),
    ...processes.map(({ argv }) => argv.join(' ')),
    ...(existsSync(directory) ? [directory] : []),
  ];
}

async function dnsmasqOf({ cloudId }: TestCloud) {
  const prefix = `--pid-file=${RUN_DIRECTORY}/${createNetworkNames(cloudId).tag}/`;
  return findProcesses((argument) => argument.startsWith(prefix));
}

function forwarding(): Promise<string> {
  return readFile('/proc/sys/net/ipv4/ip_forward', 'utf8');
}

describe('guests on a bridge', { skip }, () => {
  let cloud: TestCloud;
  let network: HostNetwork;
  let metadata: HttpListener;
  let hostServer: { port: number; close(): void };
  const guests: Namespace[] = [];

  before(async () => {
    cloud = await createTestCloud('main');
    metadata = await startMetadataService({
      host: '0.0.0.0',
      port: 0,
      findInstanceByAddress: (address) => {
        const place = [5, 6].find((one) => cloud.address(one) === address);
        return place === undefined
          ? undefined
          : instanceIntent({ id: cloud.port(place).instanceId });
      },
      limitHops,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      onRead: () => {},
    });
    hostServer = await startHostServer();
    network = await cloud.open({ metadataPort: metadata.port });
    await network.ensureSubnets([cloud.subnet]);
    for (const place of [5, 6]) {
      guests.push(await createGuest(cloud.cloudId, cloud.port(place)));
      await network.ensurePort(cloud.port(place));
    }
  });

  after(async () => {
    await network.removeAll();
    for (const guest of guests) await guest[Symbol.asyncDispose]();
    await metadata[Symbol.asyncDispose]();
    hostServer.close();
  });

  const first = () => guests[0]!;
  const second = () => guests[1]!;

  test('a guest gets its own address, gateway, name server, name and MTU by DHCP', async () => {
    const broadcast = ['255.255.255.255', 'dev', 'eth0'];
    await first().ip('route', 'add', ...broadcast);
    const lease = JSON.parse(await first().script(ASK_FOR_LEASE)) as Record<string, unknown>;
    assert.deepEqual(lease, {
      address: cloud.address(5),
      mask: '255.255.240.0',
      router: cloud.address(1),
      dns: cloud.address(1),
      hostname: `ip-${cloud.address(5).replaceAll('.', '-')}`,
      domain: 'ec2.internal',
      mtu: 1500,
    });
    await first().ip('route', 'delete', ...broadcast);
  });

  test('every guest that comes later gets its address too', async () => {
    for (const place of [7, 8, 9]) {
      const port = cloud.port(place);
      await using guest = await createGuest(cloud.cloudId, port);
      await network.ensurePort(port);
      await guest.ip('route', 'add', '255.255.255.255', 'dev', 'eth0');
      const lease = JSON.parse(await guest.script(ASK_FOR_LEASE)) as Record<string, unknown>;
      assert.equal(lease['address'], cloud.address(place));
      await network.removePort(port.interfaceId);
    }
  });

  test('a stranger on the bridge gets no lease', async () => {
    await using stranger = await Namespace.create('stranger');
    await stranger.connect('ibteststranger');
    const bridge = createNetworkNames(cloud.cloudId).bridge(cloud.subnet.id);
    await systemCommands.run('ip', ['link', 'set', 'ibteststranger', 'master', bridge]);
    await stranger.ip('route', 'add', '255.255.255.255', 'dev', 'eth0');
    assert.equal(await stranger.script(ASK_FOR_LEASE, '1000'), 'no offer');
  });

  test('guests reach each other and the host answers names', async () => {
    await first().configure(`${cloud.address(5)}/20`, cloud.address(1));
    await second().configure(`${cloud.address(6)}/20`, cloud.address(1));
    const source = `
      import { Resolver } from 'node:dns/promises';
      const [server, ...names] = process.argv.slice(1);
      const resolver = new Resolver({ timeout: 2000, tries: 1 });
      resolver.setServers([server]);
      for (const name of names) {
        const isAddress = /^[\\d.]+$/.test(name);
        const answer = isAddress ? resolver.reverse(name) : resolver.resolve4(name);
        console.log(await answer.then(String, (error) => error.code));
      }`;
    const other = `ip-${cloud.address(6).replaceAll('.', '-')}.ec2.internal`;
    const names = [other, cloud.address(6), 'instance-data.ec2.internal', 'nobody.ec2.internal'];
    const answers = await first().script(source, cloud.address(1), ...names);
    const wanted = [cloud.address(6), other, '169.254.169.254', 'ENOTFOUND'];
    assert.deepEqual(answers.split('\n'), wanted);
  });

  test('each guest reads its own metadata, by its address alone', async () => {
    const url = 'http://169.254.169.254/latest/meta-data/instance-id';
    assert.equal(await first().script(FETCH, url), cloud.port(5).instanceId);
    assert.equal(await second().script(FETCH, url), cloud.port(6).instanceId);
  });

  test('the host itself is no guest, and keeps its own way to 169.254.169.254', async () => {
    const routes = await systemCommands.run('ip', ['route', 'get', '169.254.169.254'], {
      allowExitCodes: [0, 2],
    });
    assert.ok(!routes.stdout.includes(createNetworkNames(cloud.cloudId).tag));
    const reply = await fetch(`http://127.0.0.1:${metadata.port}/latest/meta-data/`);
    assert.equal(reply.status, 404);
  });

  test('a guest reaches no other listener of the host, on any of its addresses', async () => {
    const url = (host: string, port: number) => `http://${host}:${port}/`;
    for (const target of [
      url(cloud.address(1), hostServer.port),
      url(cloud.address(1), metadata.port),
      url(await otherAddressOfHost(cloud), hostServer.port),
    ]) {
      assert.equal(await first().script(FETCH, target), 'ECONNREFUSED', target);
    }
  });

  test('the ports that the cloud opens for its guests can be reached', async () => {
    const options = { metadataPort: metadata.port };
    const opened = await cloud.open({ ...options, hostPorts: [hostServer.port] });
    await opened.ensureSubnets([cloud.subnet]);
    const url = `http://${cloud.address(1)}:${hostServer.port}/`;
    assert.equal(await first().script(FETCH, url), `from ${cloud.address(5)}`);
    const closed = await cloud.open(options);
    await closed.ensureSubnets([cloud.subnet]);
    assert.equal(await first().script(FETCH, url), 'ECONNREFUSED');
  });

  test('a guest reaches the world behind the host, translated', async () => {
    await using world = await Namespace.create('world');
    await world.connect('ibtestworld');
    await systemCommands.run('ip', ['address', 'add', '198.51.100.1/24', 'dev', 'ibtestworld']);
    await world.configure('198.51.100.2/24');
    const server = `
      import { createServer } from 'node:http';
      const server = createServer((request, response) => {
        response.end('from ' + request.socket.remoteAddress);
        server.close();
      }).listen(8080, '198.51.100.2');
      setTimeout(() => process.exit(1), 10_000).unref();`;
    const served = world.script(server);
    const url = 'http://198.51.100.2:8080/';
    const fetchUntil = `
      for (let n = 0; n < 50; n += 1) {
        try { console.log(await (await fetch(process.argv[1])).text()); break; }
        catch { await new Promise((resolve) => setTimeout(resolve, 100)); }
      }`;
    assert.equal(await first().script(fetchUntil, url), 'from 198.51.100.1');
    await served;
  });

  test('A9: outsiders who route to the gateway get no answer from its name server', async () => {
    await using outside = await Namespace.create('outside');
    await outside.connect('ibtestout');
    await systemCommands.run('ip', ['address', 'add', '198.51.100.1/24', 'dev', 'ibtestout']);
    await outside.configure('198.51.100.2/24', '198.51.100.1');
    const ask = `
      import { Resolver } from 'node:dns/promises';
      const resolver = new Resolver({ timeout: 1000, tries: 1 });
      resolver.setServers([process.argv[1]]);
      console.log(await resolver.resolve4('instance-data.ec2.internal').then(String, (error) => error.code));`;
    assert.equal(await first().script(ask, cloud.address(1)), '169.254.169.254');
    assert.equal(await outside.script(ask, cloud.address(1)), 'ETIMEOUT');
  });

  test('a token does not reach a container behind the guest, the rest does', async () => {
    await using container = await Namespace.create('inner');
    await container.connect('ibtestinner');
    await systemCommands.run('ip', ['link', 'set', 'ibtestinner', 'netns', first().name]);
    await first().ip('address', 'add', '192.168.77.1/24', 'dev', 'ibtestinner');
    await first().ip('link', 'set', 'ibtestinner', 'up');
    await container.configure('192.168.77.2/24', '192.168.77.1');
    await inNamespace(first(), 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
    await inNamespace(first(), 'nft', 'add table ip nat');
    const hook = '{ type nat hook postrouting priority 100; }';
    await inNamespace(first(), 'nft', `add chain ip nat out ${hook}`);
    await inNamespace(first(), 'nft', 'add rule ip nat out oifname "eth0" masquerade');
    const url = 'http://169.254.169.254/latest/meta-data/instance-id';
    assert.equal(await container.script(FETCH, url), cloud.port(5).instanceId);
    assert.equal(await container.script(PUT_TOKEN), 'timeout');
    assert.match(await first().script(PUT_TOKEN), /^[\w-]{40,}$/);
  });

  test('what was taken away comes back, and a new daemon takes up the rest', async () => {
    const { bridge, table } = namesIn(cloud);
    for (const running of await dnsmasqOf(cloud)) {
      await endProcess(running, { clock: systemClock, graceMs: 2_000 });
    }
    await systemCommands.run('ip', ['link', 'delete', bridge]);
    await systemCommands.run('nft', ['delete', 'table', 'ip', table]);
    await systemCommands.run('nft', ['delete', 'table', 'netdev', table]);
    const next = await cloud.open({ metadataPort: metadata.port });
    await next.ensureSubnets([cloud.subnet]);
    const url = 'http://169.254.169.254/latest/meta-data/instance-id';
    assert.equal(await first().script(FETCH, url), cloud.port(5).instanceId);
    assert.equal((await dnsmasqOf(cloud)).length, 1);
    const { stdout } = await systemCommands.run('nft', ['list', 'table', 'netdev', table]);
    assert.equal(stdout.match(/hook ingress/g)?.length, 2);
    assert.deepEqual(new Set(await next.listPorts()), new Set(await network.listPorts()));
  });

  test('nothing is touched when everything is as it should be', async () => {
    const [running] = await dnsmasqOf(cloud);
    const next = await cloud.open({ metadataPort: metadata.port });
    await next.ensureSubnets([cloud.subnet]);
    const attachment = await next.ensurePort(cloud.port(5));
    assert.deepEqual(await next.ensurePort(cloud.port(5)), attachment);
    assert.deepEqual(
      (await dnsmasqOf(cloud)).map(({ pid }) => pid),
      [running!.pid],
    );
  });
});

/** Prints a token or \`timeout\`. */
const PUT_TOKEN = `
  const signal = AbortSignal.timeout(1500);
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
  const url = 'http://169.254.169.254/latest/api/token';
  const reply = fetch(url, { method: 'PUT', headers, signal }).then((one) => one.text());
  console.log(await reply.catch(() => 'timeout'));
  process.exit(0);
`;

function namesIn(cloud: TestCloud) {
  const names = createNetworkNames(cloud.cloudId);
  return { bridge: names.bridge(cloud.subnet.id), table: names.table };
}

async function inNamespace(namespace: Namespace, ...argv: string[]): Promise<void> {
  await systemCommands.run('ip', ['netns', 'exec', namespace.name, ...argv]);
}

async function startHostServer(): Promise<{ port: number; close(): void }> {
  const server = createHttpServer((request, response) => {
    response.end(`from ${request.socket.remoteAddress}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function otherAddressOfHost(cloud: TestCloud): Promise<string> {
  const { stdout } = await systemCommands.run('ip', ['-j', '-4', 'address', 'show', 'up']);
  const links = JSON.parse(stdout) as { ifname: string; addr_info: { local: string }[] }[];
  const own = namesIn(cloud).bridge;
  const other = links.find(({ ifname }) => ifname !== 'lo' && ifname !== own);
  return other?.addr_info[0]?.local ?? cloud.address(1);
}

test('two clouds live side by side, and each leaves nothing', { skip }, async () => {
  const left = await createTestCloud('left');
  const before = await forwarding();
  const leftNetwork = await left.open();
  await leftNetwork.ensureSubnets([left.subnet]);
  // Now that the first is there, the second chooses another network.
  const right = await createTestCloud('right');
  assert.notEqual(right.subnet.cidr, left.subnet.cidr);
  const rightNetwork = await right.open();
  await rightNetwork.ensureSubnets([right.subnet]);
  await leftNetwork.ensurePort(left.port(5));
  await rightNetwork.ensurePort(right.port(5));
  assert.equal((await dnsmasqOf(left)).length, 1);
  assert.equal((await dnsmasqOf(right)).length, 1);

  await leftNetwork.removeAll();
  assert.deepEqual(await tracesOf(left), []);
  assert.equal((await forwarding()).trim(), '1');
  assert.deepEqual(await rightNetwork.listPorts(), [right.port(5).interfaceId]);
  const remaining = await tracesOf(right);
  assert.ok(remaining.length > 0);

  // Whoever takes the network off may know nothing of it but the cloud's id.
  await rm(`${RUN_DIRECTORY}/${createNetworkNames(right.cloudId).tag}`, { recursive: true });
  await (await right.open()).removeAll();
  assert.deepEqual(await tracesOf(right), []);
  const { stdout } = await systemCommands.run('ip', ['-j', 'link']);
  const links = (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname);
  // Other tests run at the same time; the last of all clouds puts the setting back.
  if (before.trim() === '0' && !links.some(isAnyCloudBridge)) {
    assert.equal(await forwarding(), before);
  }
  await rightNetwork.removeAll();
  assert.deepEqual(await tracesOf(right), []);
});

test('a network that the host already reaches is refused, and nothing is made', {
  skip,
}, async () => {
  const [mine, theirs] = [await createTestCloud('mine'), await createTestCloud('theirs')];
  const theirNetwork = await theirs.open();
  await theirNetwork.ensureSubnets([theirs.subnet]);
  try {
    const network = await mine.open();
    await assert.rejects(network.ensureSubnets([{ ...mine.subnet, ...theirs.subnet }]), {
      name: 'ServiceError',
      kind: 'in-use',
      message: /overlaps .* which this host reaches through ib/,
    });
    await network.removeAll();
    assert.deepEqual(await tracesOf(mine), []);
  } finally {
    await theirNetwork.removeAll();
  }
});

test('a removed port leaves no tap, chain or lease; a removed subnet no bridge', {
  skip,
}, async () => {
  const cloud = await createTestCloud('less');
  const network = await cloud.open();
  try {
    await network.ensureSubnets([cloud.subnet]);
    const { interfaceName } = (await network.ensurePort(cloud.port(5))) as {
      interfaceName: string;
    };
    const inTraces = async (text: string) =>
      (await tracesOf(cloud)).filter((line) => line.includes(text));
    assert.ok((await inTraces(interfaceName)).length >= 2);
    await network.removePort(cloud.port(5).interfaceId);
    await network.removePort(cloud.port(5).interfaceId);
    assert.deepEqual(await inTraces(interfaceName), []);
    assert.deepEqual(await network.listPorts(), []);
    await network.ensureSubnets([]);
    assert.deepEqual(await inTraces(namesIn(cloud).bridge), []);
    assert.deepEqual(await dnsmasqOf(cloud), []);
  } finally {
    await network.removeAll();
  }
  assert.deepEqual(await tracesOf(cloud), []);
});
