// Owns the tests of what dnsmasq is told by a VPC's DHCP options.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderArguments } from './dnsmasq-config.ts';

const subnet = {
  id: 'subnet-00000000000000001',
  cidr: '10.0.1.0/24',
  gatewayIp: '10.0.1.1',
  vpcCidr: '10.0.0.0/16',
  domain: 'ec2.internal',
} as const;
const paths = { pid: '/p', leases: '/l', options: '/o', names: '/n' };

test('guests are told to search another domain, and their own names stay where they are', () => {
  const render = (domainName: string, domainNameServers: string[], ntpServers: string[]) => {
    const dhcp = { domainName, domainNameServers, ntpServers };
    return renderArguments({ subnet, bridge: 'b', hasDns: true, dhcp }, paths, 'nobody');
  };
  const own = render('ec2.internal', ['AmazonProvidedDNS'], []);
  assert.ok(own.includes('--domain=ec2.internal'));
  assert.ok(own.includes('--dhcp-option=option:dns-server,10.0.1.1'));
  assert.ok(!own.some((one) => one.startsWith('--dhcp-option=option:domain-name')));
  const other = render('corp.test', ['192.0.2.1', 'AmazonProvidedDNS'], ['192.0.2.2']);
  assert.ok(other.includes('--domain=ec2.internal'));
  assert.ok(other.includes('--dhcp-option=option:domain-name,corp.test'));
  assert.ok(other.includes('--dhcp-option=option:dns-server,192.0.2.1,10.0.1.1'));
  assert.ok(other.includes('--dhcp-option=option:ntp-server,192.0.2.2'));
  assert.ok(!other.some((one) => one.includes('netbios')));
});

test('guests are told where NetBIOS names are asked, and how', () => {
  const dhcp = { domainName: 'a.test b.test', domainNameServers: [], ntpServers: [] };
  const netbios = { servers: ['192.0.2.1', '192.0.2.2'], nodeType: 2 };
  const service = { subnet, bridge: 'b', hasDns: true, dhcp: { ...dhcp, netbios } };
  const told = renderArguments(service, paths, 'nobody');
  assert.ok(told.includes('--dhcp-option=option:netbios-ns,192.0.2.1,192.0.2.2'));
  assert.ok(told.includes('--dhcp-option=option:netbios-nodetype,2'));
  assert.ok(told.includes('--dhcp-option=option:domain-name,a.test b.test'));
});
