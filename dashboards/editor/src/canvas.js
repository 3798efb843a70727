// The canvas: GrapesJS with MJML's components, made inert and faithful.
//
// Faithful: what a text holds stays the HTML that its author wrote, attributes are as written (the plugin's own
// defaults would shadow those of mj-attributes), and what we can't change is shown and kept.
// Inert: whatever stands in a mail, no script of it runs; MJML is compiled in a document that loads and runs nothing.

import grapesjs from "grapesjs";
import mjmlPlugin from "grapesjs-mjml";
import { outsideLiquid } from "./mjml.js";

const plugin = mjmlPlugin.default ?? mjmlPlugin;
export const CELLS = ["mj-text", "mj-button", "mj-table", "mj-image", "mj-divider", "mj-spacer", "kept-cell"];
export const ROWS = ["mj-section", "mj-wrapper", "mj-hero", "kept-row"];
const TYPES = ["mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero", "mj-text", "mj-button", "mj-table", "mj-image", "mj-divider", "mj-spacer"];
const WITH_HTML = ["mj-text", "mj-button", "mj-table"];
// Functions, not selectors: a selector asks the element, and what is only being dragged may have none yet.
const takes = (types) => (source) => types.includes(source.get("type"));
const goesInto = (types) => (_source, target) => types.includes(target.get("type"));
const inert = document.implementation.createHTMLDocument("");
const DROPS = {
  "mj-body": [...ROWS, ...CELLS],
  "mj-wrapper": ["mj-section", "mj-hero", "kept-row", ...CELLS],
  "mj-section": ["mj-column", "mj-group", "kept-row"],
  "mj-group": ["mj-column"],
  "mj-column": CELLS,
  "mj-hero": CELLS,
};
const DRAGS = {
  "mj-wrapper": ["mj-body"],
  "mj-section": ["mj-body", "mj-wrapper"],
  "mj-hero": ["mj-body", "mj-wrapper"],
  "mj-group": ["mj-section"],
  "mj-column": ["mj-section", "mj-group"],
  cell: ["mj-column", "mj-hero", "mj-body", "mj-wrapper"],
};

export function makeEditor({ container, images, head, name }) {
  const policy = `default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; font-src data:; form-action 'none'; base-uri 'none'; img-src ${images}`;
  const editor = grapesjs.init({
    container,
    height: "100%",
    width: "auto",
    storageManager: false,
    telemetry: false,
    cssIcons: "",
    protectedCss: "",
    baseCss: "* { box-sizing: border-box } html, body { margin: 0; height: 100% } [data-gjs-type=wrapper] { min-height: 100vh }",
    panels: { defaults: [] },
    showDevices: false,
    showOffsets: true,
    noticeOnUnload: false,
    blockManager: { custom: true },
    styleManager: { custom: true },
    traitManager: { custom: true },
    layerManager: { custom: true },
    selectorManager: { custom: true },
    assetManager: { custom: { open() {}, close() {} }, upload: false },
    parser: { optionsHtml: { allowScripts: false, allowUnsafeAttr: false, allowUnsafeAttrValue: false } },
    canvas: {
      frameContent: `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy.replace(/"/g, "&quot;")}"></head><body></body></html>`,
      allowExternalDrop: false,
      customBadgeLabel: (component) => name(component.get("type")),
    },
    deviceManager: {
      devices: [
        { id: "desktop", name: "desktop", width: "" },
        { id: "tablet", name: "tablet", width: "600px", widthMedia: "" },
        { id: "phone", name: "phone", width: "360px", widthMedia: "" },
      ],
    },
    plugins: [
      (made) =>
        plugin(made, {
          blocks: [],
          resetBlocks: false,
          resetStyleManager: false,
          resetDevices: false,
          useCustomTheme: false,
          overwriteExport: false,
          hideSelector: true,
          columnsPadding: "",
          imagePlaceholderSrc: "",
        }),
      (made) => faithful(made, head),
    ],
  });
  editor.Panels.getPanels().reset([]);
  return editor;
}

/** What our types do differently from the plugin's. */
function faithful(editor, head) {
  const compile = (mjml) => {
    let html = "";
    try {
      html = editor.runCommand("mjml-code-to-html", { mjml, fonts: {}, validationLevel: "skip" }).html;
    } catch {
      return { body: inert.createElement("div"), styles: "" };
    }
    const page = new DOMParser().parseFromString(html, "text/html");
    // The plugin looks for the first child: no blanks before it.
    const body = inert.createElement("div");
    body.innerHTML = disarmed(page.body).innerHTML.trim();
    return { body, styles: [...page.querySelectorAll("style")].map((style) => style.textContent).join("\n") };
  };
  const around = (inner) => `<mjml>${head.rendered ?? ""}<mj-body${bodyAttributes(editor)}>${inner}</mj-body></mjml>`;
  const own = (view) => `<${view.model.get("type")}${written(attributesOf(view.model))}>`;
  const wrapped = {
    "mj-body": (view) => ["<mjml>" + (head.rendered ?? "") + own(view) + "<mj-section></mj-section></mj-body></mjml>"],
    row: (view, type) => [around(`${own(view)}</${type}>`)],
    "mj-column": (view) => {
      const count = Math.max(1, view.model.collection?.filter((c) => c.get("type") === "mj-column").length ?? 1);
      return [around(`<mj-section>${own(view)}</mj-column>${"<mj-column></mj-column>".repeat(count - 1)}</mj-section>`)];
    },
    cell: (view, type) => [around(`<mj-column>${own(view)}</${type}></mj-column>`)],
  };
  for (const type of TYPES) {
    const kind = CELLS.includes(type) ? "cell" : ROWS.includes(type) || type === "mj-group" ? "row" : type;
    const template = (view) => compile(wrapped[kind](view, type)[0]);
    const view = {
      getTemplateFromMjml() {
        return this.getTemplateFromEl(template(this).body);
      },
    };
    if (type === "mj-table") view.getChildrenSelector = () => "td > table";
    if (type === "mj-column") Object.assign(view, columnView(editor, template));
    editor.Components.addType(type, {
      // The plugin has no table; it is a text whose HTML is rows.
      ...(type === "mj-table" ? { extend: "mj-text", isComponent: (el) => el.localName === type } : {}),
      model: {
        defaults: {
          ...(type === "mj-table" ? { tagName: type } : {}),
          "style-default": {},
          // The plugin's words are English only.
          name: type,
          traits: [],
          stylable: false,
          resizable: false,
          ...(type === "mj-image" ? { src: "", editable: false } : {}),
          droppable: DROPS[type] ? takes(DROPS[type]) : false,
          draggable: type === "mj-body" ? false : goesInto(DRAGS[type] ?? DRAGS.cell),
        },
        init() {},
        handleAttributeChange() {},
        handleStyleChange() {},
        getMjmlAttributes() {
          return attributesOf(this);
        },
      },
      view,
    });
  }
  for (const [type, tag] of [["kept-row", "div"], ["kept-cell", "tr"]]) {
    editor.Components.addType(type, {
      model: {
        defaults: {
          kept: "", tagName: "div", droppable: false, editable: false, traits: [], stylable: false, layerable: true,
          draggable: goesInto(type === "kept-row" ? ["mj-body", "mj-wrapper", "mj-section"] : ["mj-column", "mj-hero"]),
        },
      },
      view: {
        tagName: tag,
        render() {
          this.renderAttributes();
          const inner = type === "kept-row" ? this.model.get("kept") : `<mj-section><mj-column>${this.model.get("kept")}</mj-column></mj-section>`;
          const isBlock = /<mj-(?!raw|include)/i.test(this.model.get("kept"));
          const shown = isBlock ? compile(around(inner)).body : disarmed(inertText(this.model.get("kept")));
          const cell = type === "kept-cell" ? this.el.appendChild(document.createElement("td")) : this.el;
          cell.replaceChildren(...shown.childNodes);
          if (tag === "tr") this.el.style.cssText = "display: table; width: 100%; pointer-events: all";
          this.updateStatus?.();
          this.postRender();
          return this;
        },
      },
    });
  }
}

function columnView(editor, template) {
  return {
    attributes: { style: "" },
    render() {
      this.renderAttributes();
      const { body, styles } = template(this);
      const found = this.getTemplateFromEl(body);
      keepStyles(editor, styles);
      this.el.innerHTML = found?.innerHTML ?? "<table></table>";
      for (const attribute of found?.attributes ?? []) this.el.setAttribute(attribute.name, attribute.value);
      this.getChildrenContainer().innerHTML = "";
      this.renderChildren();
      // A column with nothing in it needs a place to drop into.
      if (!this.model.components().length) this.el.style.minHeight = "60px";
      this.el.style.pointerEvents = "all";
      this.updateStatus?.();
      this.postRender();
      return this;
    },
    renderStyle() {},
  };
}

/** The classes of MJML's columns, once in the canvas. */
function keepStyles(editor, styles) {
  const page = editor.Canvas.getDocument();
  if (!page?.head || !styles) return;
  const held = [...page.head.querySelectorAll("style[data-sillage]")].some((style) => style.textContent === styles);
  if (held) return;
  const style = page.createElement("style");
  style.dataset.sillage = "";
  style.textContent = styles;
  page.head.append(style);
}

function inertText(text) {
  const holder = inert.createElement("div");
  const told = inert.createElement("p");
  told.style.cssText = "margin:0;padding:6px 10px;font:12px monospace;color:#5B6B7F;background:#E8F1F2;white-space:pre-wrap;overflow:hidden;max-height:3em";
  told.textContent = text.replace(/<\/?mj-raw[^>]*>/gi, "").trim().slice(0, 200);
  holder.append(told);
  return holder;
}

/** An element out of an inert document, without anything that could run. */
export function disarmed(root) {
  for (const element of [...root.querySelectorAll("*")]) {
    if (/^(script|iframe|object|embed|base|meta|link|form|frame|frameset)$/i.test(element.localName)) {
      element.remove();
      continue;
    }
    for (const { name, value } of [...element.attributes]) {
      const isAddress = /^(href|src|action|formaction|xlink:href|background|poster|srcset)$/i.test(name);
      if (/^on/i.test(name) || (isAddress && /^[\s\u0000-\u001f]*(javascript|vbscript|data:text)/i.test(value))) element.removeAttribute(name);
    }
  }
  return root;
}

export function attributesOf(component) {
  const found = { ...component.get("attributes") };
  delete found.id;
  delete found.style;
  delete found.class;
  if (component.get("type") === "mj-image" && component.get("src")) found.src = component.get("src");
  return found;
}

function written(attributes) {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${String(value).replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;")}"`)
    .join("");
}

function bodyAttributes(editor) {
  const body = bodyOf(editor);
  return body ? written(attributesOf(body)) : "";
}

export function bodyOf(editor) {
  return editor.getWrapper()?.find('[data-gjs-type="mj-body"]')[0] ?? bodyIn(editor.getWrapper());
}

function bodyIn(wrapper) {
  return wrapper?.components().models.flatMap((c) => [c, ...c.components().models]).find((c) => c.get("type") === "mj-body");
}

/** A node of a document as GrapesJS takes it. */
export function definition(node, parent = "") {
  if (node.kept !== undefined) {
    return { type: ["mj-column", "mj-hero"].includes(parent) ? "kept-cell" : "kept-row", kept: node.kept };
  }
  const made = { type: node.tag, tagName: node.tag, attributes: { ...node.attributes }, segment: node.segment ?? "" };
  if (node.tag === "mj-image") made.src = node.attributes.src ?? "";
  // Without components, or else GrapesJS takes the content apart.
  if (node.content !== undefined) made.content = node.content;
  else made.components = (node.children ?? []).map((child) => definition(child, node.tag));
  return made;
}

/** A component as a node of a document; `typed` tells the text that is being typed. */
export function nodeOf(component, typed) {
  const type = component.get("type");
  if (type === "kept-row" || type === "kept-cell") return { kept: component.get("kept") };
  const node = { tag: type, attributes: attributesOf(component) };
  if (component.get("segment")) node.segment = component.get("segment");
  if (WITH_HTML.includes(type)) node.content = tidied(typed?.(component) ?? component.get("content") ?? "");
  else node.children = component.components().models.filter((child) => known(child)).map((child) => nodeOf(child, typed));
  return node;
}

function known(component) {
  const type = component.get("type");
  return TYPES.includes(type) || type === "kept-row" || type === "kept-cell";
}

/** HTML as the browser gives it back, with Liquid as its author wrote it. */
function tidied(html) {
  return outsideLiquid(
    html.replace(/\u200b/g, "").replace(/<br>/g, "<br />"),
    (part) => part,
    (liquid) => liquid.replace(/&gt;/g, ">").replace(/&lt;/g, "<").replace(/&quot;/g, '"').replace(/&nbsp;/g, " ").replace(/&amp;/g, "&"),
  );
}
