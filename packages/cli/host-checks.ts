// Owns what `doctor` checks: the host's facts, and the accelerator proven by running a guest.

import { createQemuDriver } from '@ironbark/node/drivers/qemu/driver.ts';
