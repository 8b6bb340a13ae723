// Owns the order of Walrus's schema changes.

import type { Migrations } from '@ironbark/platform/database/database.ts';
import { createObjects } from './0001-objects.ts';
import { addVersions } from './0002-versions.ts';
import { addConfigurations } from './0003-configurations.ts';
import { addEncryption } from './0004-encryption.ts';
import { addLog } from './0005-log.ts';
import { addGateways } from './0006-gateways.ts';
import { fewerIndexEntries } from './0007-fewer-index-entries.ts';

export const objectsMigrations: Migrations = {
  '0001-objects': createObjects,
  '0002-versions': addVersions,
  '0003-configurations': addConfigurations,
  '0004-encryption': addEncryption,
  '0005-log': addLog,
  '0006-gateways': addGateways,
  '0007-fewer-index-entries': fewerIndexEntries,
};
