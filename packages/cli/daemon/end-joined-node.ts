// Owns the end of everything that a host has of a cloud that it has joined.

export interface JoinedNodeEnds {
  guests(): Promise<void>;
  volumes(): Promise<void>;
  network(): Promise<void>;
}

/**
 * Each in its turn, also when one before it has failed: a guest that does not end keeps neither the volumes nor the
 * addresses, which others may have now. Throws an AggregateError of what failed; repeats safely.
 */
export async function endJoinedNode(ends: JoinedNodeEnds): Promise<void> {
  const failures: unknown[] = [];
  for (const end of [ends.guests, ends.volumes, ends.network]) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not all of this node has ended');
}
