// Owns a Walrus in a process of its own, for tests that kill it: `node objects-server.ts <folder>` prints its URL.

import { startEndpoint } from '../conformance/s3/endpoint.ts';

const dataDir = process.argv[2]!;
const endpoint = await startEndpoint({ dataDir });
process.stdout.write(`${endpoint.url}\n`);
