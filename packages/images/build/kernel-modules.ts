// Owns the kernel's modules in an image: which ones, in what order, and the tables by which modprobe finds
// them. The tables come from the modules themselves, so that the host needs no kmod.

import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';

export interface KernelModule {
  /** With underscores, as the kernel names it. */
  name: string;
  /** Relative to the folder of the kernel's release, such as `kernel/drivers/block/nbd.ko`. */
  path: string;
  depends: string[];
  aliases: string[];
}

/** Reads the facts of modules that a package contains, uncompressed. */
export async function readModules(releaseFolder: string): Promise<Map<string, KernelModule>> {
  const modules = new Map<string, KernelModule>();
  const entries = await readdir(releaseFolder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || !entry.name.endsWith('.ko')) continue;
    const path = join(entry.parentPath, entry.name);
    const name = moduleName(path);
    const facts = parseModuleFacts(await readFile(path));
    modules.set(name, { name, path: relative(releaseFolder, path), ...facts });
  }
  return modules;
}

function moduleName(path: string): string {
  return basename(path, '.ko').replaceAll('-', '_');
}

/** A module's `.modinfo` section is a list of `key=value` strings that end in NUL. */
export function parseModuleFacts(module: Buffer): { depends: string[]; aliases: string[] } {
  const depends = stringsAfter(module, '\0depends=').flatMap((list) =>
    list.split(',').filter((name) => name !== ''),
  );
  return {
    depends: depends.map((name) => name.replaceAll('-', '_')),
    aliases: stringsAfter(module, '\0alias='),
  };
}

function stringsAfter(bytes: Buffer, marker: string): string[] {
  const found: string[] = [];
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) {
    const start = at + marker.length;
    found.push(bytes.toString('latin1', start, bytes.indexOf(0, start)));
  }
  return found;
}

/**
 * The named modules and all that they depend on, each after what it needs. Names that the kernel has built in
 * or does not have are left out.
 */
export function inLoadOrder(
  modules: ReadonlyMap<string, KernelModule>,
  names: readonly string[],
): KernelModule[] {
  const ordered = new Map<string, KernelModule>();
  const visit = (name: string) => {
    const module = modules.get(name);
    if (module === undefined || ordered.has(name)) return;
    for (const dependency of module.depends) visit(dependency);
    ordered.set(name, module);
  };
  for (const name of names) visit(name);
  return [...ordered.values()];
}

/** The text of `modules.dep`. */
export function renderModulesDep(modules: readonly KernelModule[]): string {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const lines = modules.map((module) => {
    const needs = inLoadOrder(byName, module.depends).reverse();
    return `${module.path}:${needs.map((need) => ` ${need.path}`).join('')}\n`;
  });
  return lines.join('');
}

/** The text of `modules.alias`. */
export function renderModulesAlias(modules: readonly KernelModule[]): string {
  return modules
    .flatMap((module) => module.aliases.map((alias) => `alias ${alias} ${module.name}\n`))
    .join('');
}
