// Owns the rules of the house that a reader should not have to remember. Each ban names its replacement.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTest, packageOf, readSourceFiles, roomOf, type SourceFile } from './source-files.ts';

const files = readSourceFiles();
const product = files.filter((file) => packageOf(file.path) !== undefined);

/** What each package may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  protocol: ['core'],
  platform: ['core'],
  cloud: ['core', 'protocol', 'platform'],
  cluster: ['core', 'protocol', 'platform'],
  node: ['core', 'protocol', 'platform'],
  storage: ['core', 'protocol', 'platform'],
  objects: ['core', 'protocol', 'platform'],
  images: ['core', 'protocol', 'platform'],
  lab: ['core', 'protocol', 'platform'],
  cli: [
    'core',
    'protocol',
    'platform',
    'cloud',
    'cluster',
    'node',
    'storage',
    'objects',
    'images',
    'lab',
  ],
};

/** Rooms of a service, and what each may import of its own service. Files at the top may use every room. */
const ROOM_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  http: ['http', 'actions', 'app'],
  actions: ['actions', 'app', 'store'],
  app: ['app', 'store', 'drivers', 'host'],
  reconcilers: ['reconcilers', 'app', 'store', 'drivers', 'host'],
  store: ['store'],
  drivers: ['drivers', 'host'],
  host: ['host', 'drivers'],
};
/** Contracts are words, not rooms: whoever keeps or hands on their data may name it. */
const CONTRACTS = /\/(hypervisor-driver|host-network)\.ts$/;
const SERVICES = ['cloud', 'cluster', 'node', 'storage', 'objects'];

test('packages import in one direction: core <- protocol, platform <- services <- cli', () => {
  assertNone(product, (file) => {
    const from = packageOf(file.path)!;
    const allowed = [from, ...(MAY_IMPORT[from] ?? [])];
    return file.imports.filter(
      (path) => !allowed.includes(packageOf(path) ?? '') && !isTest(file.path),
    );
  });
});

test('inside a service: http -> actions -> app -> store, and reconcilers -> app, store, drivers', () => {
  const inside = product.filter(
    (file) => SERVICES.includes(packageOf(file.path)!) && !isTest(file.path),
  );
  assertNone(inside, (file) => {
    const allowed = ROOM_MAY_IMPORT[roomOf(file.path)];
    if (allowed === undefined) return [];
    const own = file.imports.filter((path) => packageOf(path) === packageOf(file.path));
    return own.filter((path) => !allowed.includes(roomOf(path)) && !CONTRACTS.test(path));
  });
});

test('no import cycles', () => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of byPath.get(path)?.imports ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const file of files) assert.equal(visit(file.path, [])?.join(' -> '), undefined);
});

test('every module begins with a sentence on what it owns', () => {
  const modules = product.filter((file) => !isTest(file.path));
  assertNone(modules, (file) => (/^\/\/ \S.{10,}/.test(file.text) ? [] : ['no first comment']));
});

const MAX_LINES = 400;

test(`no file is longer than ${MAX_LINES} lines`, () => {
  assertNone(files, (file) => {
    const lines = file.text.split('\n').length;
    return lines > MAX_LINES ? [`${lines} lines: give a noun or an action its own file`] : [];
  });
});

interface Ban {
  pattern: RegExp;
  instead: string;
  /** Where it is allowed all the same. */
  except: RegExp;
}

const BANS: readonly Ban[] = [
  {
    pattern: /from 'node:child_process'/,
    instead: 'platform/commands.ts',
    except: /^packages\/platform\/commands\.ts$/,
  },
  {
    pattern: /from 'node:sqlite'/,
    instead: 'platform/database',
    except: /^packages\/platform\/database\//,
  },
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)|performance\.now\(/,
    instead: 'the Clock of platform/clock.ts',
    except: /^packages\/platform\/clock\.ts$/,
  },
  { pattern: /\bprocess\.env\b/, instead: 'a value passed on from main.ts', except: /\/main\.ts$/ },
  {
    pattern: /\bprocess\.exit\(/,
    instead: 'a thrown error, or process.exitCode in the CLI',
    except: /^packages\/cli\/(daemon\/)?main\.ts$/,
  },
  {
    pattern: /\bMath\.random\(|\brandomUUID\(/,
    instead: 'the RandomSource of platform/random.ts',
    except: /^packages\/platform\/random\.ts$/,
  },
  {
    pattern: /(?<!#)\b(?:writeFile|appendFile|createWriteStream|writev)\(/,
    instead: 'makeFile, replaceFile, writeFully or writeUnsynced of platform/files.ts',
    except: /^packages\/platform\/files\.ts$/,
  },
  {
    pattern: /\b(?:write|writev|writeFile|appendFile|fsync|fdatasync|rename|truncate)Sync\(/,
    instead: 'platform/files.ts',
    // A log is for people; its last lines may be lost. Settings of the kernel are no bytes of a disk.
    except: /^packages\/platform\/(?:files|log-file|network-namespace)\.ts$/,
  },
  {
    pattern: /\brename\(/,
    instead: 'makeFile or renameDurably of platform/files.ts',
    // Downloads, whose digest is checked at every use; the name of a socket, which its process does not outlive.
    except: /^packages\/(?:platform\/files|images\/build\/apt-archive|platform\/sockets)\.ts$/,
  },
  {
    pattern: /\.(?:sync|datasync)\(\)/,
    instead: 'makeFile or syncFile of platform/files.ts: a sync that fails is final',
    // A blob is known by its row, so it needs no second name; it is removed when its sync fails.
    except: /^packages\/(?:platform\/files|objects\/drivers\/disk-blob-store)\.ts$/,
  },
  {
    pattern: /\b(?:copyFile|cp)\(/,
    instead: 'makeFile of platform/files.ts',
    // Build trees, whose finished files are synced before they get their place.
    except: /^packages\/images\//,
  },
  {
    pattern: /(?:[hH]andle|file)\.write\(/,
    instead: 'writeFully of platform/files.ts',
    except: /^packages\/platform\/files\.ts$/,
  },
  { pattern: /^\s*(?:export )?(?:const )?enum /m, instead: 'a union of literals', except: /^$/ },
  { pattern: /^export default /m, instead: 'a named export', except: /^$/ },
  { pattern: /^export \* from/m, instead: 'an import from the file that owns it', except: /^$/ },
  {
    pattern: /shell: true|execSync/,
    instead: 'a list of arguments through platform/commands.ts',
    except: /^$/,
  },
  { pattern: /\/\/ (?:TODO|FIXME|XXX|HACK)/, instead: 'an issue, or the work', except: /^$/ },
  {
    pattern: /'Invalid\w+\.(?:NotFound|Malformed|Duplicate)'|'NoSuch(?:Key|Bucket|Upload)'/,
    instead: 'a ServiceError kind; wire codes live in protocol',
    except: /^packages\/protocol\//,
  },
];

for (const ban of BANS) {
  test(`banned: ${ban.pattern.source.slice(0, 60)} (use ${ban.instead})`, () => {
    const subject = product.filter((file) => !isTest(file.path) && !ban.except.test(file.path));
    assertNone(subject, (file) =>
      ban.pattern.test(withoutComments(file.text)) ? [`use ${ban.instead}`] : [],
    );
  });
}

test('file names are kebab-case nouns, and none is called utils, helpers or common', () => {
  assertNone(files, (file) => {
    const name = file.path
      .split('/')
      .at(-1)!
      .replace(/(\.test)?\.ts$/, '');
    if (/^(utils?|helpers?|common|misc|index)$/.test(name)) return ['name it after what it owns'];
    return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ? [] : ['not kebab-case'];
  });
});

/** Started from outside: by the launcher, by Node, by a person. */
const ENTRY = /(^|\/)main\.ts$|^(tools|test)\//;

test('no dead files: every module is imported by another one that is not its test', () => {
  const imported = new Set(
    files.filter((file) => !file.path.endsWith('.test.ts')).flatMap((file) => file.imports),
  );
  const modules = product.filter((file) => !isTest(file.path) && !ENTRY.test(file.path));
  assertNone(modules, (file) => (imported.has(file.path) ? [] : ['imported by nothing']));
});

test('every import names a file that exists', () => {
  const known = new Set(files.map((file) => file.path));
  assertNone(files, (file) =>
    file.imports.filter((path) => path.endsWith('.ts') && !known.has(path)),
  );
});

function assertNone(
  subject: readonly SourceFile[],
  faultsOf: (file: SourceFile) => readonly string[],
): void {
  assert.ok(subject.length > 0, 'the rule looks at no file');
  const faults = subject.flatMap((file) => faultsOf(file).map((fault) => `${file.path}: ${fault}`));
  assert.deepEqual(faults, []);
}

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/ (?!TODO|FIXME|XXX|HACK).*$/gm, '$1');
}
