// Owns whether a volume does what it is for, as EC2's volume status checks tell it. Pure.
//
// A guest whose volume is away gets no errors: it waits, and goes on when the volume is back (io-performance `stalled`).
// A volume whose bytes are lost is another thing: its I/O is over (io-enabled `failed`).

import type { AttachmentRow, VolumeRow } from '../store/schema.ts';

export interface VolumeHealth {
  status: 'ok' | 'impaired' | 'insufficient-data';
  ioEnabled: 'passed' | 'failed' | 'insufficient-data';
  ioPerformance: 'normal' | 'stalled' | 'insufficient-data';
  event?: {
    id: string;
    type: 'potential-data-inconsistency' | 'io-performance:stalled';
    description: string;
    since?: number;
  };
}

type Facts = Pick<VolumeRow, 'id' | 'observedState' | 'observedReason' | 'awaySince'>;

export function viewHealth(
  row: Facts,
  attachment: Pick<AttachmentRow, 'instanceId'> | undefined,
): VolumeHealth {
  const { observedState, awaySince } = row;
  if (observedState === 'failed' || observedState === 'absent') return viewLost(row);
  if (observedState !== 'ready') {
    const unknown = 'insufficient-data';
    return { status: unknown, ioEnabled: unknown, ioPerformance: unknown };
  }
  if (attachment === undefined || awaySince === null) {
    return { status: 'ok', ioEnabled: 'passed', ioPerformance: 'normal' };
  }
  return {
    status: 'impaired',
    ioEnabled: 'passed',
    ioPerformance: 'stalled',
    event: {
      id: eventId(row),
      type: 'io-performance:stalled',
      description: 'What serves the volume is away. The guest waits, and goes on when it is back.',
      since: awaySince,
    },
  };
}

function viewLost(row: Facts): VolumeHealth {
  return {
    status: 'impaired',
    ioEnabled: 'failed',
    ioPerformance: 'insufficient-data',
    event: {
      id: eventId(row),
      type: 'potential-data-inconsistency',
      description: row.observedReason ?? 'The volume is gone from the storage.',
    },
  };
}

/** The same event keeps its id, which follows from the volume and the beginning. */
function eventId({ id, awaySince }: Facts): string {
  return `evol-${id.slice('vol-'.length)}${awaySince === null ? '' : awaySince.toString(16)}`;
}
