// Owns changing whom the statements of a policy name, and nothing else of its text.

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type JsonObject = { [name: string]: Json };

/** Of a policy that was parsed before. The text stays as it is, to its white space, where no name changes. */
export async function renamePrincipals(
  text: string,
  nameOf: (name: string) => Promise<string>,
): Promise<string> {
  const policy = JSON.parse(text) as JsonObject;
  let isChanged = false;
  const renameOne = async (name: Json): Promise<Json> => {
    if (typeof name !== 'string') return name;
    const renamed = await nameOf(name);
    isChanged ||= renamed !== name;
    return renamed;
  };
  for (const statement of [policy['Statement'] ?? []].flat()) {
    for (const principals of listPrincipals(statement)) {
      const { AWS: named } = principals;
      if (Array.isArray(named)) principals['AWS'] = await Promise.all(named.map(renameOne));
      else if (named !== undefined) principals['AWS'] = await renameOne(named);
    }
  }
  return isChanged ? JSON.stringify(policy) : text;
}

function listPrincipals(statement: Json): JsonObject[] {
  if (!isObject(statement)) return [];
  const { Principal = null, NotPrincipal = null } = statement;
  return [Principal, NotPrincipal].filter(isObject);
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
