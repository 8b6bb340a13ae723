// Owns how many ids stand in one query: databases limit the parameters of a statement.

/** PostgreSQL takes 65,535 parameters and SQLite 32,766; a statement of this size is parsed in no time. */
const IDS_AT_ONCE = 1_024;

/** Asks for some ids after the other, and answers all that was found. */
export async function inParts<Id, Row>(
  ids: readonly Id[],
  ask: (some: Id[]) => Promise<Row[]>,
): Promise<Row[]> {
  const found: Row[] = [];
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    found.push(...(await ask(ids.slice(at, at + IDS_AT_ONCE))));
  }
  return found;
}
