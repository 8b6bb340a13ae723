// Owns the order of Walrus's schema changes.

import type { Migrations } from '@ironbark/platform/database/database.ts';
import { createObjects } from './0001-objects.ts';

export const objectsMigrations: Migrations = { '0001-objects': createObjects };
