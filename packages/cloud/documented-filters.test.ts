// Owns the test that no filter which AWS documents is unknown here: of every action of EC2 that this cloud implements.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Ec2Action } from '@ironbark/protocol/ec2/types.ts';
import { TestCloud } from './testing/test-cloud.ts';

const MODELS = join(
  dirname(createRequire(import.meta.url).resolve('@aws-sdk/client-ec2/package.json')),
  'dist-types/models',
);

/** Read from the SDK's documentation of each request: a list of names, each with a dash after it. */
async function readDocumented(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const files = (await readdir(MODELS)).filter((name) => name.startsWith('models_'));
  for (const file of files.filter((name) => name.endsWith('.d.ts'))) {
    const text = await readFile(join(MODELS, file), 'utf8');
    for (const [, action, body] of text.matchAll(
      /export interface (\w+)Request \{([\s\S]*?)\n\}/g,
    )) {
      const end = body!.search(/\n\s+Filters?\?: Filter\[\]/);
      if (end < 0) continue;
      const comment = body!.slice(body!.lastIndexOf('/**', end), end);
      const names = [...comment.matchAll(/<code>([a-z0-9.-]+)<\/code>\s*[:-]\s/g)];
      found.set(
        action!,
        names.map(([, name]) => name!),
      );
    }
  }
  return found;
}

/** Written as filters by the documentation, and something else. */
const NO_FILTERS = new Set<string>([
  // `tag:<key>`, with words in between.
  'tag',
  // Values of the filter before them.
  ...['informational', 'low', 'medium', 'high', 'critical'],
  ...['io-enabled', 'io-performance'],
]);

/** What an action asks for before it looks at filters. */
const ALSO: Readonly<Record<string, (vpcId: string) => object>> = {
  DescribeLaunchTemplateVersions: () => ({ Versions: ['$Latest'] }),
  GetSecurityGroupsForVpc: (VpcId) => ({ VpcId }),
};

/** Their requests have `Filter`, not `Filters`. */
const IN_SINGULAR = new Set(['DescribeFlowLogs', 'DescribeNatGateways']);

test('every filter that AWS documents is known', async () => {
  await using t = await TestCloud.start();
  const { Vpcs } = await t.call('DescribeVpcs', {});
  const unknown: string[] = [];
  let asked = 0;
  for (const [action, names] of await readDocumented()) {
    if (!t.cloud.ec2.has(action)) continue;
    for (const Name of names.filter((one) => !NO_FILTERS.has(one))) {
      asked += 1;
      // The one filter whose values EC2 looks at before it looks for anything.
      const value = Name === 'group-id' ? 'sg-0' : 'nothing has this';
      const Filters = [{ Name, Values: [value] }];
      const filters = IN_SINGULAR.has(action) ? { Filter: Filters } : { Filters };
      const input = { ...ALSO[action]?.(Vpcs![0]!.VpcId!), ...filters };
      try {
        await t.call(action as Ec2Action, input as object);
      } catch (error) {
        unknown.push(`${action} ${Name}: ${(error as Error).message.slice(0, 60)}`);
      }
    }
  }
  assert.deepEqual(unknown, []);
  assert.ok(asked > 400, `${asked} were found in the documentation`);
});

/** Each finds the one instance that there is, and another value of it finds none. */
const FINDING: readonly [name: string, value: string][] = [
  ['availability-zone-id', 'use1-az1'],
  ['current-instance-boot-mode', 'legacy-bios'],
  ['metadata-options.state', 'applied'],
  ['network-interface.attachment.network-card-index', '0'],
  ['network-interface.ipv6-native', 'false'],
  ['network-interface.tag-key', 'part'],
  ['network-interface.tag-value', 'card'],
  ['operator.managed', 'false'],
  ['private-dns-name-options.hostname-type', 'ip-name'],
];

test('filters find an instance by what is told of it', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage(), {
    TagSpecifications: [
      { ResourceType: 'network-interface', Tags: [{ Key: 'part', Value: 'card' }] },
    ],
  });
  await t.settleState(id!, 'running');
  const find = async (Name: string, value: string) => {
    const Filters = [{ Name, Values: [value] }];
    const { Reservations } = await t.call('DescribeInstances', { Filters });
    return Reservations!.length;
  };
  for (const [name, value] of FINDING) {
    assert.equal(await find(name, value), 1, name);
    assert.equal(await find(name, `not ${value}`), 0, name);
  }
  const shown = await t.describe(id!);
  assert.equal(shown.CurrentInstanceBootMode, 'legacy-bios');
  assert.equal(shown.PrivateDnsNameOptions!.HostnameType, 'ip-name');
});

test('types of instances are found by what they hold', async () => {
  await using t = await TestCloud.start();
  const find = async (Name: string, value: string) => {
    const Filters = [{ Name, Values: [value] }];
    const { InstanceTypes } = await t.call('DescribeInstanceTypes', { Filters });
    return InstanceTypes!;
  };
  const three = await find('network-info.maximum-network-interfaces', '3');
  assert.ok(three.length > 0);
  assert.ok(three.every((type) => type.NetworkInfo!.MaximumNetworkInterfaces === 3));
  const shared = await find('ebs-info.attachment-limit-type', 'shared');
  assert.equal(shared[0]!.EbsInfo!.MaximumEbsAttachments, 26);
});
