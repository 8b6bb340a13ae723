// Owns the process of an NBD target: it inherits its socket and has no rights, and works in a folder of its own.

import { parseArgs } from 'node:util';
import { removeFile } from '@ironbark/platform/files.ts';
import { NbdControl } from './control-server.ts';
import { NbdTarget } from './nbd-target.ts';

const { values } = parseArgs({
  options: {
    control: { type: 'string' },
    socket: { type: 'string' },
    /** Where the socket listens; by it whoever started this finds out whether it is the right one. */
    address: { type: 'string' },
  },
});

const fd = Number(values.socket);
if (values.control === undefined || !Number.isInteger(fd)) {
  throw new Error('usage: main.ts --control PATH --socket FD --address HOST');
}

const target = new NbdTarget();
const end = () => void control.close();
const control = new NbdControl(target, end);
await removeFile(values.control);
process.umask(0o177);
// The first process of a name space gets no signal that it does not ask for.
process.once('SIGTERM', end);
await target.listen(fd);
await control.listen(values.control);
