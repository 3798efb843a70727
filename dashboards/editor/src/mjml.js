// MJML as a tree that loses nothing: what the editor can't change keeps the very text that its author wrote.
//
// A node is {tag, attributes, children} for what is made of other tags, {tag, attributes, content} for what holds
// HTML, and {kept: text} for everything else: comments, Liquid between blocks, tags that the editor doesn't know.

const CONTAINERS = new Set(["mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"]);
const WITH_HTML = new Set(["mj-text", "mj-button", "mj-table"]);
const EMPTY = new Set(["mj-image", "mj-divider", "mj-spacer"]);
/** What may stand directly in what; anything else is kept as it is. */
const INSIDE = {
  "mj-body": ["mj-section", "mj-wrapper", "mj-hero"],
  "mj-wrapper": ["mj-section", "mj-hero"],
  "mj-section": ["mj-column", "mj-group"],
  "mj-group": ["mj-column"],
  "mj-column": ["mj-text", "mj-button", "mj-table", "mj-image", "mj-divider", "mj-spacer"],
  "mj-hero": ["mj-text", "mj-button", "mj-table", "mj-image", "mj-divider", "mj-spacer"],
};
const NAME = /[A-Za-z][A-Za-z0-9:-]*/y;
const LIQUID = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;

export class Unreadable extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

/** Entities of attributes, outside Liquid: there a quotation mark means itself. */
export function decode(text) {
  return outsideLiquid(text, (part) =>
    part.replace(/&(amp|lt|gt|quot|apos|#39|#x27);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">", quot: '"' })[name] ?? "'"),
  );
}

function encode(text) {
  return outsideLiquid(text, (part) => part.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;"));
}

export function outsideLiquid(text, change, inside = (part) => part) {
  let out = "";
  let at = 0;
  for (const found of text.matchAll(LIQUID)) {
    out += change(text.slice(at, found.index)) + inside(found[0]);
    at = found.index + found[0].length;
  }
  return out + change(text.slice(at));
}

/** A source as {before, root, head, body, after}: all but the body are texts. Throws Unreadable. */
export function parse(source) {
  const open = find(source, "mjml", 0);
  if (!open) throw new Unreadable("no_mjml");
  const end = source.toLowerCase().lastIndexOf("</mjml");
  if (end < 0) throw new Unreadable("unclosed", { tag: "mjml" });
  const body = find(source, "mj-body", open.end);
  if (!body) throw new Unreadable("no_body");
  if (/<mj-include[\s/>]/i.test(source)) throw new Unreadable("include");
  const reader = new Reader(source, body.start);
  const tree = reader.element();
  if (!tree || tree.tag !== "mj-body") throw new Unreadable("no_body");
  return {
    before: source.slice(0, open.end),
    head: source.slice(open.end, body.start),
    body: tree,
    after: source.slice(reader.at, end) + source.slice(end),
  };
}

/** The source of a document. */
export function write(document) {
  const body = writeNode(document.body, 1);
  return `${document.before}${document.head.replace(/[ \t]*$/, "")}  ${body}${document.after}`;
}

function writeNode(node, depth) {
  if (node.kept !== undefined) return node.kept;
  const pad = "  ".repeat(depth);
  const attributes = Object.entries(node.attributes)
    .map(([name, value]) => ` ${name}=${quoted(String(value))}`)
    .join("");
  if (node.content !== undefined) return `<${node.tag}${attributes}>${node.content}</${node.tag}>`;
  if (!node.children || (EMPTY.has(node.tag) && node.children.length === 0)) return `<${node.tag}${attributes} />`;
  const inner = node.children.map((child) => `\n${pad}  ${guarded(child, writeNode(child, depth + 1), pad)}`).join("");
  return `<${node.tag}${attributes}>${inner}\n${pad}</${node.tag}>`;
}

/** A block that only some people see stands between two conditions. */
function guarded(node, text, pad) {
  if (!node.segment) return text;
  return `<mj-raw>${condition(node.segment)}</mj-raw>\n${pad}  ${text}\n${pad}  <mj-raw>{% endif %}</mj-raw>`;
}

const CONDITION = /^\s*\{%-?\s*if\s+segments\s+contains\s+"((?:[^"\\])*)"\s*-?%\}\s*$/;
const ENDIF = /^\s*\{%-?\s*endif\s*-?%\}\s*$/;

function condition(segment) {
  return `{% if segments contains "${segment.replace(/["\\{}%]/g, " ")}" %}`;
}

function quoted(value) {
  const liquid = value.match(LIQUID) ?? [];
  return liquid.some((part) => part.includes('"')) ? `'${encode(value).replace(/&quot;/g, '"').replace(/'(?![^{]*[}%]\})/g, "&#39;")}'` : `"${encode(value)}"`;
}

/** Where a tag begins, outside comments: {start, end}. */
function find(source, tag, from) {
  const pattern = new RegExp(`<!--[\\s\\S]*?-->|<!\\[CDATA\\[[\\s\\S]*?\\]\\]>|<(${tag})(?=[\\s/>])`, "gi");
  pattern.lastIndex = from;
  for (let found; (found = pattern.exec(source)); ) {
    if (!found[1]) continue;
    const reader = new Reader(source, found.index + 1);
    reader.name();
    reader.attributes();
    return { start: found.index, end: reader.at };
  }
  return null;
}

class Reader {
  constructor(source, at) {
    this.source = source;
    this.at = at;
  }

  name() {
    NAME.lastIndex = this.at;
    const found = NAME.exec(this.source);
    if (!found) throw new Unreadable("bad_tag", { line: this.line() });
    this.at += found[0].length;
    return found[0].toLowerCase();
  }

  line() {
    return this.source.slice(0, this.at).split("\n").length;
  }

  /** The attributes of the tag that is open, up to and with its `>`; whether it closed itself. */
  attributes() {
    const found = {};
    for (;;) {
      while (/\s/.test(this.source[this.at] ?? "")) this.at += 1;
      const sign = this.source[this.at];
      if (sign === undefined) throw new Unreadable("unclosed_tag", { line: this.line() });
      if (sign === ">") {
        this.at += 1;
        return { found, closed: false };
      }
      if (sign === "/" && this.source[this.at + 1] === ">") {
        this.at += 2;
        return { found, closed: true };
      }
      const rest = this.source.slice(this.at, this.at + 100_000);
      const part = rest.match(/^([^\s=/>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?/);
      if (!part) throw new Unreadable("bad_attribute", { line: this.line() });
      this.at += part[0].length;
      found[part[1]] = decode(part[2] ?? part[3] ?? part[4] ?? "");
    }
  }

  /** The element that begins here. */
  element() {
    this.at += 1;
    const tag = this.name();
    const { found, closed } = this.attributes();
    if (WITH_HTML.has(tag)) return { tag, attributes: found, content: closed ? "" : this.raw(tag).trim() };
    if (EMPTY.has(tag)) {
      if (!closed && this.raw(tag).trim()) return null;
      return { tag, attributes: found, children: [] };
    }
    return { tag, attributes: found, children: closed ? [] : this.children(tag) };
  }

  /** The text up to the closing tag of an element whose content is not ours to read. */
  raw(tag) {
    const pattern = new RegExp(`<!--[\\s\\S]*?-->|<!\\[CDATA\\[[\\s\\S]*?\\]\\]>|<(/?)${tag}(?=[\\s/>])[^>]*>`, "gi");
    pattern.lastIndex = this.at;
    let depth = 1;
    for (let found; (found = pattern.exec(this.source)); ) {
      if (found[1] === undefined) continue;
      if (!found[0].endsWith("/>")) depth += found[1] ? -1 : 1;
      if (depth === 0) {
        const text = this.source.slice(this.at, found.index);
        this.at = found.index + found[0].length;
        return text;
      }
    }
    throw new Unreadable("unclosed", { tag });
  }

  children(parent) {
    const found = [];
    for (;;) {
      const next = this.source.indexOf("<", this.at);
      if (next < 0) throw new Unreadable("unclosed", { tag: parent });
      const text = this.source.slice(this.at, next);
      if (text.trim()) found.push({ kept: text.trim() });
      this.at = next;
      if (this.source.startsWith("<!--", next)) {
        found.push({ kept: this.upTo("-->") });
      } else if (this.source.startsWith("<![CDATA[", next)) {
        found.push({ kept: this.upTo("]]>") });
      } else if (this.source.startsWith("</", next)) {
        this.at += 2;
        const name = this.name();
        this.at = this.source.indexOf(">", this.at) + 1;
        if (name !== parent || this.at === 0) throw new Unreadable("crossed", { tag: name, parent, line: this.line() });
        return segmented(found);
      } else {
        found.push(this.child(parent));
      }
    }
  }

  child(parent) {
    const start = this.at;
    const peek = new Reader(this.source, start + 1);
    const tag = peek.name();
    if (CONTAINERS.has(tag) || WITH_HTML.has(tag) || EMPTY.has(tag)) {
      const node = this.element();
      // An element in a place where it has no meaning, or with something in it that has none, is kept whole.
      if (node && (INSIDE[parent] ?? []).includes(tag)) return node;
      return { kept: this.source.slice(start, this.at) };
    }
    const { closed } = peek.attributes();
    this.at = peek.at;
    if (!closed) this.raw(tag);
    return { kept: this.source.slice(start, this.at) };
  }

  upTo(end) {
    const start = this.at;
    const found = this.source.indexOf(end, start);
    if (found < 0) throw new Unreadable("unclosed_comment", { line: this.line() });
    this.at = found + end.length;
    return this.source.slice(start, this.at);
  }
}

/** A block between our two conditions is a block that a segment sees. */
function segmented(nodes) {
  const out = [];
  for (let at = 0; at < nodes.length; at += 1) {
    const open = rawText(nodes[at])?.match(CONDITION);
    const block = nodes[at + 1];
    const close = nodes[at + 2];
    if (open && block?.tag && ENDIF.test(rawText(close) ?? "")) {
      out.push({ ...block, segment: open[1] });
      at += 2;
    } else {
      out.push(nodes[at]);
    }
  }
  return out;
}

function rawText(node) {
  return node?.kept?.match(/^<mj-raw\s*>([\s\S]*)<\/mj-raw\s*>$/i)?.[1] ?? null;
}

/** Whether two trees say the same, whatever blanks stand between their tags. */
export function same(one, other) {
  return JSON.stringify(canonical(one)) === JSON.stringify(canonical(other));
}

function canonical(node) {
  if (node.kept !== undefined) return { kept: node.kept.replace(/\s+/g, " ").trim() };
  const attributes = Object.entries(node.attributes).map(([name, value]) => [name, String(value)]).sort();
  return {
    tag: node.tag,
    attributes,
    segment: node.segment ?? null,
    content: node.content?.replace(/\s+/g, " ").trim() ?? null,
    children: (node.children ?? []).map(canonical),
  };
}
