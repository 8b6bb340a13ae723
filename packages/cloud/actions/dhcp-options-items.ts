// Owns EC2's shape of DHCP option sets.

import type { DhcpOptions } from '@aws-sdk/client-ec2';
import type { AccountId } from '@ironbark/core/ids.ts';
import { configurationsOf } from '../app/dhcp-options.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listDhcpOptions } from '../store/dhcp-options.ts';
import type { DhcpOptionsRow } from '../store/network-schema.ts';
import type { Queries } from '../store/store.ts';
import { listTags } from '../store/tags.ts';

import { renderTags } from './render-instance.ts';

export interface OptionsItem {
  row: DhcpOptionsRow;
  tags: readonly Tag[];
}

export async function listOptionsItems(db: Queries, accountId: AccountId): Promise<OptionsItem[]> {
  const tags = new TagIndex(await listTags(db, accountId));
  const rows = await listDhcpOptions(db, accountId);
  return rows.map((row) => ({ row, tags: tags.of(row.id) }));
}

export function renderOptions({ row, tags }: OptionsItem): DhcpOptions {
  return {
    DhcpOptionsId: row.id,
    OwnerId: row.accountId,
    DhcpConfigurations: configurationsOf(row).map(({ key, values }) => ({
      Key: key,
      Values: values.map((Value) => ({ Value })),
    })),
    Tags: renderTags(tags),
  };
}
