// Owns the list of our source files and what each imports, for the checks that read the tree.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const projectDir = resolve(import.meta.dirname, '..');

export interface SourceFile {
  /** From the project's folder, such as `packages/cloud/main.ts`. */
  path: string;
  text: string;
  /** Paths of our own files that it imports; types count too. */
  imports: string[];
}

const ROOTS = ['packages', 'test', 'tools'];

export function readSourceFiles(): SourceFile[] {
  const paths = ROOTS.flatMap((root) => listTypeScript(join(projectDir, root)));
  return paths.map((path) => {
    const text = readFileSync(join(projectDir, path), 'utf8');
    return { path, text, imports: ownImports(path, text) };
  });
}

function listTypeScript(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => relative(projectDir, join(folder, name)));
}

const IMPORT = /(?:from|import)\s*\(?\s*'((?:@ironbark\/|\.)[^']+)'/g;

function ownImports(path: string, text: string): string[] {
  const specifiers = [...text.matchAll(IMPORT)].map((match) => match[1]!);
  return specifiers.map((specifier) => {
    const packaged = specifier.match(/^@ironbark\/(.+)$/)?.[1];
    return packaged !== undefined ? join('packages', packaged) : join(dirname(path), specifier);
  });
}

/** The package of a path: `cloud` for `packages/cloud/main.ts`. */
export function packageOf(path: string): string | undefined {
  return path.match(/^packages\/([^/]+)\//)?.[1];
}

/** The room inside a service: `actions` for `packages/cloud/actions/x.ts`, empty at its top. */
export function roomOf(path: string): string {
  return path.match(/^packages\/[^/]+\/([^/]+)\//)?.[1] ?? '';
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || /\/(testing|support)\//.test(path);
}
