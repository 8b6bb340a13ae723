// Owns where tests find what the command line keeps for the next cloud: packages, and images that were made of them.

import { homedir } from 'node:os';
import { join } from 'node:path';

const { IRONBARK_CACHE, XDG_CACHE_HOME = join(homedir(), '.cache') } = process.env;

export const CACHE_FOLDER = IRONBARK_CACHE ?? join(XDG_CACHE_HOME, 'ironbark');
