// Rich text typed in place: the toolbar above the canvas, and what comes out of the clipboard.

import { svg } from "./blocks.js";
import { disarmed } from "./canvas.js";

const ICONS = {
  bold: "<b>B</b>", italic: "<i>I</i>", underline: "<u>U</u>",
  list: svg('<path d="M9 6h11M9 12h11M9 18h11"/><circle cx="4.5" cy="6" r="1"/><circle cx="4.5" cy="12" r="1"/><circle cx="4.5" cy="18" r="1"/>'),
  link: svg('<path d="M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1"/>'),
  plain: svg('<path d="M6 6h12M12 6l-2 12M5 20 19 4"/>'),
};

export class TextTools {
  constructor({ bar, t, fields, brand, onInput }) {
    this.bar = bar;
    this.t = t;
    this.el = null;
    this.range = null;
    this.onInput = onInput;
    // A press on the tools is none beside the text, which would end the typing.
    bar.addEventListener("mousedown", (event) => event.stopPropagation());
    this.draw(fields, brand);
  }

  /** GrapesJS calls these. */
  rte() {
    return {
      parseContent: false,
      enable: (el, _rte, told) => this.enable(el, told?.event),
      disable: (el) => this.disable(el),
      getContent: (el) => el.innerHTML,
      focus: (el) => el.focus(),
    };
  }

  enable(el, event) {
    this.el = el;
    el.contentEditable = "true";
    el.style.outline = "none";
    el.style.cursor = "text";
    el.ownerDocument.execCommand("defaultParagraphSeparator", false, "br");
    el.focus();
    place(el, event);
    el.onpaste = (event) => this.paste(event);
    el.ownerDocument.onselectionchange = () => this.remember();
    this.bar.hidden = false;
    this.remember();
    return { el };
  }

  disable(el) {
    el.contentEditable = "false";
    el.onpaste = null;
    el.ownerDocument.onselectionchange = null;
    this.bar.hidden = true;
    this.el = null;
  }

  remember() {
    const selection = this.el?.ownerDocument.getSelection();
    if (selection?.rangeCount && this.el.contains(selection.anchorNode)) this.range = selection.getRangeAt(0).cloneRange();
  }

  run(command, value = null) {
    if (!this.el) return;
    const page = this.el.ownerDocument;
    this.el.focus();
    if (this.range) {
      const selection = page.getSelection();
      selection.removeAllRanges();
      selection.addRange(this.range);
    }
    page.execCommand("styleWithCSS", false, command === "foreColor");
    page.execCommand(command, false, value);
    this.remember();
    this.onInput();
  }

  paste(event) {
    const html = event.clipboardData?.getData("text/html");
    const plain = event.clipboardData?.getData("text/plain") ?? "";
    event.preventDefault();
    this.el.ownerDocument.execCommand("insertHTML", false, html ? cleaned(html) : escaped(plain).replace(/\r?\n/g, "<br>"));
    this.onInput();
  }

  draw(fields, brand) {
    const button = (icon, label, action) => {
      const made = document.createElement("button");
      made.type = "button";
      made.innerHTML = icon;
      made.title = label;
      made.setAttribute("aria-label", label);
      // The selection in the text must survive the click.
      made.addEventListener("mousedown", (event) => event.preventDefault());
      made.addEventListener("click", action);
      this.bar.append(made);
    };
    button(ICONS.bold, this.t("bold"), () => this.run("bold"));
    button(ICONS.italic, this.t("italic"), () => this.run("italic"));
    button(ICONS.underline, this.t("underline"), () => this.run("underline"));
    button(ICONS.list, this.t("list"), () => this.run("insertUnorderedList"));
    button(ICONS.plain, this.t("plain"), () => this.run("removeFormat"));
    for (const colour of brand.colours) {
      button(`<span class="slg-swatch" style="background:${colour}"></span>`, `${this.t("colour")} ${colour}`, () => this.run("foreColor", colour));
    }
    this.drawLink(button);
    this.drawFields(fields);
  }

  drawLink(button) {
    const form = document.createElement("form");
    form.className = "slg-inline";
    form.hidden = true;
    form.innerHTML = `<label>${this.t("address")} <input type="text" size="28" placeholder="https://"></label><button type="submit">${this.t("set_link")}</button>`;
    button(ICONS.link, this.t("link"), () => {
      form.hidden = !form.hidden;
      if (!form.hidden) form.querySelector("input").focus();
    });
    form.addEventListener("mousedown", (event) => event.stopPropagation());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const address = form.querySelector("input").value.trim();
      form.hidden = true;
      if (!address) this.run("unlink");
      else if (!/^\s*(javascript|data|vbscript):/i.test(address)) {
        if (this.range?.collapsed) this.run("insertHTML", `<a href="${escaped(address)}">${escaped(address)}</a>`);
        else this.run("createLink", address);
      }
      form.querySelector("input").value = "";
    });
    this.bar.append(form);
  }

  drawFields(fields) {
    const form = document.createElement("form");
    form.className = "slg-inline";
    form.innerHTML = `<label>${this.t("field")} <select></select></label><label>${this.t("default")} <input type="text" size="10"></label><button type="submit">${this.t("insert")}</button>`;
    const choice = form.querySelector("select");
    for (const { name, label } of fields) choice.append(new Option(label, name));
    form.querySelector("input").value = this.t("default_word");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run("insertText", field(choice.value, form.querySelector("input").value));
    });
    this.bar.append(form);
  }
}

/** The caret where it was pressed, else at the end; in a table that is a cell, for nothing can be typed beside them. */
function place(el, event) {
  const page = el.ownerDocument;
  let range = event?.clientX === undefined ? null : page.caretRangeFromPoint?.(event.clientX, event.clientY);
  if (!range || !el.contains(range.startContainer)) {
    range = page.createRange();
    range.selectNodeContents([...el.querySelectorAll("td, th")].pop() ?? el);
    range.collapse(false);
  }
  const selection = page.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

/** A merge field with its default, as Liquid reads it; a name that is more than a word stands in brackets. */
export function field(name, fallback) {
  const called = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : `['${name.replace(/['{}%]/g, "")}']`;
  const word = fallback.replace(/['{}%\\]/g, "").trim();
  return word ? `{{ ${called} | default: '${word}' }}` : `{{ ${called} }}`;
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

const KEPT = new Set(["p", "br", "b", "strong", "i", "em", "u", "a", "ul", "ol", "li", "h1", "h2", "h3", "h4"]);
const DROPPED = new Set(["style", "script", "head", "title", "meta", "link", "xml", "o:p", "img", "svg", "iframe", "object"]);

/** What Word or a web page put on the clipboard, as plain structure. */
export function cleaned(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  disarmed(page.body);
  const out = page.createElement("div");
  copy(page.body, out, page);
  return out.innerHTML.replace(/(<br>\s*){3,}/g, "<br><br>").trim();
}

function copy(from, to, page) {
  for (const child of from.childNodes) {
    if (child.nodeType === 3) to.append(page.createTextNode(child.textContent.replace(/\s+/g, " ")));
    if (child.nodeType !== 1) continue;
    const name = child.localName;
    if (DROPPED.has(name) || name.includes(":")) continue;
    if (!KEPT.has(name)) {
      const style = child.getAttribute("style") ?? "";
      const weight = /font-weight\s*:\s*(bold|[6-9]00)/i.test(style) ? "b" : /font-style\s*:\s*italic/i.test(style) ? "i" : null;
      const target = weight ? to.appendChild(page.createElement(weight)) : to;
      copy(child, target, page);
      if (/^(div|section|article|tr)$/.test(name) && to.lastChild) to.append(page.createElement("br"));
      continue;
    }
    const made = page.createElement(name);
    const href = child.getAttribute("href");
    if (name === "a" && href && /^(https?:|mailto:|tel:)/i.test(href.trim())) made.setAttribute("href", href.trim());
    copy(child, made, page);
    if (name === "br" || made.textContent.trim()) to.append(made);
  }
}
