// Prints what a test host has, for its proof that nothing is left; run inside it.

import { snapshotHost } from '../../support/host-snapshot.ts';

console.log(JSON.stringify(await snapshotHost(process.argv[2]!)));
