// Owns the part of the Ceph suite that is about volumes in use on another host: their bytes go through the volume's daemon
// and a gate, and Ceph is known to the first alone.

import { ACCOUNT } from '@ironbark/storage/testing/harness.ts';
import { type CephCluster, POOL, USER } from '../../support/ceph-cluster.ts';
import { checkWritten } from '../../support/far-node-checks.ts';
import { FarNodeLab, VOLUME } from '../../support/far-node-lab.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';

const PATIENCE_S = 120;

export async function measureGates(
  ceph: CephCluster,
  explain: (line: string) => void,
): Promise<Figure[]> {
  const { confPath, keyringPath } = ceph;
  const storage = { backends: { ceph: { pool: POOL, user: USER, confPath, keyringPath } } };
  const figures: Figure[] = [];
  for (const [what, sealed] of [
    ['a volume', {}],
    ['an encrypted volume', { encryptedFor: ACCOUNT }],
  ] as const) {
    const kind = { backend: 'rbd', ...sealed } as const;
    await using lab = await FarNodeLab.make({ storage, kind, patienceS: PATIENCE_S });
    const wrong = await checkWritten(lab).then(
      () => 0,
      (error: unknown) => {
        explain(String(error));
        return 1;
      },
    );
    figures.push(zeroFigure(`rounds in which ${what} on another host was wrong`, wrong));
    await lab.put(3, { desired: 'absent' });
    await lab.harness.untilVolume(VOLUME, (each) => each.state === 'absent');
  }
  return figures;
}
