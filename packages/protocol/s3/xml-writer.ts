// Owns how S3's XML answers are written.

export type XmlContent = string | number | boolean | readonly XmlElement[];

export interface XmlElement {
  name: string;
  content: XmlContent;
  attributes?: Readonly<Record<string, string>>;
}

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

export function element(
  name: string,
  content: XmlContent,
  attributes?: Readonly<Record<string, string>>,
): XmlElement {
  return attributes === undefined ? { name, content } : { name, content, attributes };
}

/** No element at all when there is nothing to say. */
export function optional(name: string, content: XmlContent | undefined): readonly XmlElement[] {
  return content === undefined ? [] : [element(name, content)];
}

/** The root of an answer, in S3's namespace. */
export function s3Root(name: string, content: XmlContent): XmlElement {
  return element(name, content, { xmlns: S3_NAMESPACE });
}

/** AWS puts a line feed after the declaration. */
export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function renderXml(root: XmlElement): string {
  return XML_DECLARATION + renderElement(root);
}

function renderElement({ name, content, attributes = {} }: XmlElement): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  const open = `${name}${pairs.join('')}`;
  const inner =
    typeof content === 'object' ? content.map(renderElement).join('') : escapeXml(String(content));
  return inner === '' ? `<${open}/>` : `<${open}>${inner}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Control characters become references, as AWS writes them. XML 1.0 forbids most of those even so, which is why
 * clients ask for encoding-type=url.
 */
function escapeXml(text: string): string {
  return text.replace(
    /[&<>"'\u0000-\u001f\u007f\ufffe\uffff]/g,
    (char) => ENTITIES[char] ?? `&#x${char.charCodeAt(0).toString(16).toUpperCase()};`,
  );
}
