// Owns EC2's shape of a placement group.

import type { PlacementGroup } from '@aws-sdk/client-ec2';
import type { Tag } from '../app/tags.ts';
import type { PlacementGroupRow } from '../store/placement-group-schema.ts';
import { tagsOf } from './render-instance.ts';

export function renderPlacementGroup(
  row: PlacementGroupRow,
  tags: readonly Tag[],
  region: string,
): PlacementGroup {
  return {
    GroupName: row.name,
    GroupId: row.id,
    GroupArn: placementGroupArn(row, region),
    State: 'available',
    Strategy: row.strategy,
    ...(row.strategy === 'spread' ? { SpreadLevel: 'host' } : {}),
    ...tagsOf(tags),
  };
}

export function placementGroupArn({ accountId, name }: PlacementGroupRow, region: string): string {
  return `arn:aws:ec2:${region}:${accountId}:placement-group/${name}`;
}
