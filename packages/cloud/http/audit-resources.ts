// Owns which resources a call of EC2 was about: every id in what was asked and, for calls that change something, in
// what was answered. Ids have a form of their own, so no parameter's value is taken for one by its name.

import type { AuditResource } from '@ironbark/protocol/internal/audit-log.ts';
import { isReadOnly } from '@ironbark/protocol/internal/audit-log.ts';

/** CloudFormation's name of the type, and the word in the resource's ARN. */
const TYPES: Readonly<Record<string, readonly [type: string, word: string]>> = {
  i: ['Instance', 'instance'],
  vol: ['Volume', 'volume'],
  snap: ['Snapshot', 'snapshot'],
  ami: ['Image', 'image'],
  lt: ['LaunchTemplate', 'launch-template'],
  pg: ['PlacementGroup', 'placement-group'],
  key: ['KeyPair', 'key-pair'],
  eni: ['NetworkInterface', 'network-interface'],
  vpc: ['VPC', 'vpc'],
  subnet: ['Subnet', 'subnet'],
  sg: ['SecurityGroup', 'security-group'],
};
const ID = /^(i|vol|snap|ami|lt|pg|key|eni|vpc|subnet|sg)-[0-9a-f]{8}(?:[0-9a-f]{9})?$/;
/** Describe's answers are as long as the cloud is large, and a request may be a megabyte. */
const MAX_VALUES = 20_000;

/** Collects ids from documents of one call. */
export class TouchedResources {
  readonly #ids = new Set<string>();

  takeInput(input: unknown): void {
    this.#take(input);
  }

  takeOutput(action: string, output: unknown): void {
    if (!isReadOnly(action)) this.#take(output);
  }

  list(region: string, accountId: string): AuditResource[] {
    return [...this.#ids].map((id) => {
      const [type, word] = TYPES[id.slice(0, id.indexOf('-'))]!;
      return { type: `AWS::EC2::${type}`, ARN: `arn:aws:ec2:${region}:${accountId}:${word}/${id}` };
    });
  }

  #take(document: unknown): void {
    const open: unknown[] = [document];
    for (let seen = 0; open.length > 0 && seen < MAX_VALUES; seen++) {
      const value = open.pop();
      if (typeof value === 'string' && ID.test(value)) this.#ids.add(value);
      else if (Array.isArray(value)) open.push(...value.slice(0, MAX_VALUES));
      else if (value !== null && typeof value === 'object') open.push(...Object.values(value));
    }
  }
}
