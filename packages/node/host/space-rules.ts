// Owns what leaves a VPC's own name space and under which address: ports with a public address through the internet
// gateway, one to one; the others through a NAT gateway where a route says so; everything else stays.

import { normalCidr } from './group-match.ts';
import type { SubnetRules } from './subnet-facts.ts';

export interface SpaceRules {
  subnets: readonly SubnetRules[];
  publicIps: readonly { privateIp: string; publicIp: string }[];
  wayOut: string;
}

export function spacePostrouting({ subnets, publicIps, wayOut }: SpaceRules): string[] {
  const out = `oifname "${wayOut}"`;
  const gateways = subnets.flatMap(({ cidr, translated = [] }) =>
    translated.flatMap(({ destination, publicIp }) => {
      const from = `${out} ip saddr ${normalCidr(cidr)}${towards(destination)}`;
      return publicIp === undefined ? [] : [`${from} snat to ${publicIp}`];
    }),
  );
  const pairs = publicIps.map(({ privateIp, publicIp }) => `${privateIp} : ${publicIp}`);
  const own = pairs.length === 0 ? [] : [`${out} snat to ip saddr map { ${pairs.join(', ')} }`];
  // Whoever may leave and has no address for it leaves under the name space's own, which the host translates.
  return [...gateways, ...own, `${out} masquerade`];
}

export function spaceForward({ subnets, publicIps, wayOut }: SpaceRules): string[] {
  const out = `oifname "${wayOut}"`;
  const gateways = subnets.flatMap(({ cidr, translated = [] }) =>
    translated.map(
      ({ destination }) => `${out} ip saddr ${normalCidr(cidr)}${towards(destination)} accept`,
    ),
  );
  const owners = publicIps.map(({ privateIp }) => privateIp);
  const open = owners.length === 0 ? [] : [`${out} ip saddr { ${owners.join(', ')} } accept`];
  return [
    ...gateways,
    ...open,
    `${out} drop`,
    `iifname "${wayOut}" ct status dnat accept`,
    `iifname "${wayOut}" ct state established,related accept`,
    `iifname "${wayOut}" drop`,
  ];
}

function towards(destination: string): string {
  const cidr = normalCidr(destination);
  return cidr === '0.0.0.0/0' ? '' : ` ip daddr ${cidr}`;
}
