// The component: MJML comes in as data, what is made of it goes out as state, some time after the last change.

import "./editor.css";
import { blocks, svg } from "./blocks.js";
import { bodyOf, CELLS, definition, disarmed, makeEditor, nodeOf } from "./canvas.js";
import { Panel } from "./panel.js";
import { parse, same, Unreadable, write } from "./mjml.js";
import { TextTools } from "./text.js";

const WAIT_MS = 700;
const DEVICES = { desktop: '<rect x="3" y="5" width="18" height="11" rx="1.5"/><path d="M9 20h6M12 16v4"/>', tablet: '<rect x="6" y="3" width="12" height="18" rx="2"/><path d="M11 18h2"/>', phone: '<rect x="8" y="3" width="8" height="18" rx="2"/><path d="M11.5 18h1"/>' };
const ARROWS = { undo: '<path d="M9 14 4 9l5-5"/><path d="M4 9h10a6 6 0 0 1 0 12h-3"/>', redo: '<path d="m15 14 5-5-5-5"/><path d="M20 9H10a6 6 0 0 0 0 12h3"/>' };
const held = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const place = parentElement.querySelector?.(".slg-editor") ?? parentElement;
  let room = held.get(place);
  if (room && room.token !== data.token) {
    room.end();
    room = null;
  }
  if (!room) {
    room = new Room(place, component);
    held.set(place, room);
  }
  room.hear(component);
  return () => {
    // Taken off the page: what was typed and not sent yet goes out now.
    room.send();
    if (!place.isConnected) room.end();
  };
}

class Room {
  constructor(place, component) {
    this.place = place;
    this.component = component;
    this.data = component.data;
    this.token = component.data.token;
    this.head = { rendered: "" };
    this.seq = 0;
    this.t = (key) => this.data.labels[key] ?? key;
    this.build();
    try {
      this.open(this.data.source);
    } catch (exc) {
      if (!(exc instanceof Unreadable)) throw exc;
      this.refuse(exc);
    }
  }

  /** A run of the page: images may have come, the words another language. */
  hear(component) {
    this.component = component;
    this.data = component.data;
    const shown = JSON.stringify([component.data.has_images, component.data.image_fault, component.data.images.map((image) => image.url)]);
    if (this.dialog.open && shown !== this.shown) this.drawImages();
    this.shown = shown;
  }

  build() {
    this.place.className = "slg-editor";
    this.place.innerHTML = `
      <div class="slg-bar" role="toolbar" aria-label="${this.t("tools")}"></div>
      <div class="slg-text" role="toolbar" aria-label="${this.t("text_tools")}" hidden></div>
      <div class="slg-room">
        <div class="slg-side slg-left"><h3>${this.t("blocks")}</h3><p>${this.t("blocks_help")}</p><div class="slg-blocks"></div>
          <h3>${this.t("outline")}</h3><ol class="slg-outline"></ol></div>
        <div class="slg-canvas"></div>
        <div class="slg-side slg-right" aria-live="polite"></div>
      </div>
      <dialog class="slg-images" aria-label="${this.t("images")}"></dialog>`;
    const find = (name) => this.place.querySelector(`.slg-${name}`);
    [this.bar, this.textBar, this.canvas, this.left, this.right, this.outline, this.dialog] = ["bar", "text", "canvas", "blocks", "right", "outline", "images"].map(find);
  }

  open(source) {
    const read = parse(source);
    this.document = read;
    this.head.rendered = rendered(read.head);
    const brand = this.data.brand;
    this.editor = makeEditor({ container: this.canvas, images: this.data.image_sources, head: this.head, name: (type) => this.t(`type_${type}`) });
    this.tools = new TextTools({ bar: this.textBar, t: this.t, fields: this.data.fields, brand, onInput: () => this.later() });
    this.editor.setCustomRte(this.tools.rte());
    this.panel = new Panel({ place: this.right, editor: this.editor, t: this.t, brand, segments: this.data.segments, pickImage: (done) => this.pickImage(done) });
    this.drawBar();
    this.drawBlocks(blocks(this.t, brand, this.data.mail));
    this.editor.on("load", () => this.loaded(read));
  }

  loaded(read) {
    const { editor } = this;
    for (const frame of this.canvas.querySelectorAll("iframe")) frame.title = this.t("type_mj-body");
    editor.setComponents([{ type: "mjml", tagName: "mjml", components: [definition(read.body)] }]);
    const back = nodeOf(bodyOf(editor));
    if (!same(read.body, back)) {
      this.refuse(new Unreadable("not_kept"));
      return;
    }
    this.last = write({ ...read, body: back });
    editor.UndoManager.clear();
    editor.on("component:add component:remove component:update component:input undo redo", () => this.later());
    editor.on("component:add", (added) => this.settle(added));
    editor.on("block:drag:stop", (dropped) => dropped && setTimeout(() => !this.isOver && dropped.parent() && editor.select(dropped), 20));
    editor.on("component:selected component:deselected", () => this.chosen());
    editor.on("undo redo", () => this.chosen());
    this.drawOutline();
    // A press beside the editor may take it off the page: what was changed goes out before.
    this.outside = (event) => this.place.contains(event.target) || this.send();
    this.gone = () => this.send();
    document.addEventListener("pointerdown", this.outside, true);
    window.addEventListener("pagehide", this.gone);
    this.place.dataset.ready = "true";
  }

  /** A text, an image or a button that was dropped between the rows gets a row of its own. */
  settle(added) {
    const parent = added.parent?.();
    if (!CELLS.includes(added.get("type")) || !["mj-body", "mj-wrapper"].includes(parent?.get("type")) || added.opt?.temporary) return;
    setTimeout(() => {
      if (this.isOver || added.parent() !== parent) return;
      const at = added.index();
      const node = nodeOf(added);
      added.remove();
      const row = { tag: "mj-section", attributes: { "background-color": "#ffffff", padding: "8px 0" }, children: [{ tag: "mj-column", attributes: {}, children: [node] }] };
      const [made] = parent.append(definition(row, parent.get("type")), { at });
      this.editor.select(made.components().at(0).components().at(0));
    });
  }

  chosen() {
    if (this.isOver) return;
    this.panel.draw(this.editor.getSelected() ?? null);
    this.drawOutline();
  }

  later() {
    if (this.isOver) return;
    clearTimeout(this.waiting);
    this.mark("unsaved");
    this.waiting = setTimeout(() => this.send(), WAIT_MS);
    clearTimeout(this.drawing);
    this.drawing = setTimeout(() => this.drawOutline(), 150);
  }

  mark(state) {
    this.state.textContent = this.t(state);
    this.place.dataset.state = state;
  }

  /** The design as it is now, also of what is being typed. */
  read() {
    const editing = this.editor.getEditing?.();
    const typed = (component) => (editing === component && this.tools.el ? this.tools.el.innerHTML : null);
    return write({ ...this.document, body: nodeOf(bodyOf(this.editor), typed) });
  }

  send() {
    clearTimeout(this.waiting);
    if (this.isOver || !this.last || this.place.dataset.state !== "unsaved" || !bodyOf(this.editor)) return;
    const source = this.read();
    if (source !== this.last) {
      this.last = source;
      this.seq += 1;
      this.component.setStateValue("design", { token: this.token, seq: this.seq, source });
    }
    this.mark("sent");
  }

  refuse(exc) {
    this.canvas.replaceChildren();
    this.place.dataset.state = "refused";
    this.component.setStateValue("fault", { token: this.token, code: exc.code, ...exc.values });
  }

  end() {
    clearTimeout(this.waiting);
    clearTimeout(this.drawing);
    document.removeEventListener("pointerdown", this.outside, true);
    window.removeEventListener("pagehide", this.gone);
    this.isOver = true;
    this.editor?.destroy();
    this.place.replaceChildren();
    held.delete(this.place);
  }

  drawBar() {
    const { editor } = this;
    const button = (icon, label, action, parent = this.bar) => {
      const made = parent.appendChild(document.createElement("button"));
      made.type = "button";
      made.innerHTML = svg(icon);
      made.title = label;
      made.setAttribute("aria-label", label);
      made.addEventListener("click", () => action(made));
      return made;
    };
    // A text that is being typed is taken over first, or its last words would be no step of their own.
    const settled = async (then) => {
      await editor.getEditing?.()?.view?.disableEditing?.();
      then();
      this.later();
    };
    button(ARROWS.undo, this.t("undo"), () => settled(() => editor.UndoManager.undo()));
    button(ARROWS.redo, this.t("redo"), () => settled(() => editor.UndoManager.redo()));
    const group = this.bar.appendChild(document.createElement("span"));
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", this.t("seen_on"));
    for (const [name, icon] of Object.entries(DEVICES)) {
      const made = button(icon, this.t(name), () => {
        editor.setDevice(name);
        for (const other of group.children) other.setAttribute("aria-pressed", String(other === made));
      }, group);
      made.setAttribute("aria-pressed", String(name === "desktop"));
    }
    const body = this.bar.appendChild(document.createElement("button"));
    body.type = "button";
    body.textContent = this.t("type_mj-body");
    body.addEventListener("click", () => editor.select(bodyOf(editor)));
    this.state = this.bar.appendChild(document.createElement("span"));
    this.state.className = "slg-state";
    this.state.setAttribute("role", "status");
  }

  drawBlocks(list) {
    for (const { id, node, label, icon } of list) {
      const content = definition(node, node.tag.startsWith("mj-s") && node.tag === "mj-section" ? "mj-body" : "mj-column");
      const block = this.editor.Blocks.add(id, { label, content, select: true });
      const made = this.left.appendChild(document.createElement("button"));
      made.type = "button";
      made.draggable = true;
      made.dataset.block = id;
      made.innerHTML = `${icon}<span></span>`;
      made.lastElementChild.textContent = label;
      made.addEventListener("dragstart", (event) => {
        event.dataTransfer.setData("text", id);
        event.dataTransfer.effectAllowed = "copy";
        this.editor.Blocks.startDrag(block, event);
      });
      made.addEventListener("dragend", () => this.editor.Blocks.endDrag());
      made.addEventListener("click", () => this.insert(node));
    }
  }

  /** Without a mouse: behind what is chosen, else at the end. */
  insert(node) {
    const body = bodyOf(this.editor);
    const selected = this.editor.getSelected();
    const above = (types) => {
      let found = selected;
      while (found && !types.includes(found.get("type"))) found = found.parent();
      return found;
    };
    const isCell = CELLS.includes(node.tag);
    const beside = isCell ? above([...CELLS]) : null;
    const column = isCell ? above(["mj-column", "mj-hero"]) : null;
    const row = above(["mj-section", "mj-wrapper", "mj-hero", "kept-row"]);
    let made;
    if (beside?.parent() === column && column) [made] = column.append(definition(node, "mj-column"), { at: beside.index() + 1 });
    else if (column) [made] = column.append(definition(node, "mj-column"));
    else {
      const parent = row?.parent() ?? body;
      [made] = parent.append(definition(node, isCell ? "mj-column" : "mj-body"), row ? { at: row.index() + 1 } : {});
    }
    this.editor.select(made);
    setTimeout(() => this.isOver || this.editor.getSelected()?.view?.el?.scrollIntoView?.({ block: "center" }), 60);
  }

  drawOutline() {
    if (this.isOver || !bodyOf(this.editor)) return;
    const selected = this.editor.getSelected();
    const list = (component, place) => {
      component.components().models.forEach((child) => {
        const type = child.get("type");
        if (!type?.startsWith("mj-") && !type?.startsWith("kept")) return;
        const item = place.appendChild(document.createElement("li"));
        const made = item.appendChild(document.createElement("button"));
        made.type = "button";
        const holder = new DOMParser().parseFromString(child.get("content") || "", "text/html").body;
        const words = holder.textContent.trim().slice(0, 28) || child.get("attributes").alt || "";
        made.textContent = words ? `${this.t(`type_${type}`)}: ${words}` : this.t(`type_${type}`);
        if (child.get("segment")) made.textContent += ` (${child.get("segment")})`;
        made.setAttribute("aria-current", String(child === selected));
        made.addEventListener("click", () => this.editor.select(child, { scroll: true }));
        if (child.components().length) list(child, item.appendChild(document.createElement("ol")));
      });
    };
    const fresh = document.createElement("ol");
    list(bodyOf(this.editor), fresh);
    const focused = [...this.outline.querySelectorAll("button")].indexOf(document.activeElement);
    this.outline.replaceChildren(...fresh.childNodes);
    if (focused >= 0) this.outline.querySelectorAll("button")[focused]?.focus();
  }

  pickImage(done) {
    this.wanted = done;
    if (!this.data.has_images) this.component.setTriggerValue("pick", true);
    this.drawImages();
    if (!this.dialog.open) this.dialog.showModal();
  }

  drawImages() {
    const { dialog } = this;
    dialog.innerHTML = `<form method="dialog"><h3>${this.t("images")}</h3><button class="slg-close" aria-label="${this.t("close")}">×</button></form>
      <label class="slg-upload">${this.t("alt_asked")} <input type="text" class="slg-alt" maxlength="200"></label>
      <label class="slg-upload">${this.t("upload")} <input type="file" accept="image/png,image/jpeg,image/gif,image/webp"></label>
      <p class="slg-fault" role="alert"></p><div class="slg-grid"></div>`;
    dialog.querySelector(".slg-fault").textContent = this.data.image_fault ?? "";
    const grid = dialog.querySelector(".slg-grid");
    for (const image of this.data.images) {
      const made = grid.appendChild(document.createElement("button"));
      made.type = "button";
      const shown = made.appendChild(document.createElement("img"));
      shown.src = image.thumbnail;
      shown.alt = image.alt || image.name;
      shown.loading = "lazy";
      made.addEventListener("click", () => {
        this.wanted?.(image);
        this.wanted = null;
        dialog.close();
      });
    }
    if (!this.data.images.length) grid.textContent = this.data.has_images ? this.t("no_images") : "…";
    dialog.onclose = () => (this.wanted = null);
    const file = dialog.querySelector("input[type=file]");
    file.addEventListener("change", async () => {
      const chosen = file.files[0];
      if (!chosen) return;
      const reader = new FileReader();
      reader.onload = () =>
        this.component.setTriggerValue("upload", { name: chosen.name, alt: dialog.querySelector(".slg-alt").value, content: String(reader.result).split(",", 2)[1] ?? "" });
      reader.readAsDataURL(chosen);
    });
  }
}

/** What of a head shapes the canvas: attributes and styles, and nothing that is fetched. */
function rendered(head) {
  const parts = head.match(/<mj-attributes[\s\S]*?<\/mj-attributes>|<mj-style[\s\S]*?<\/mj-style>|<mj-breakpoint[^>]*>/gi) ?? [];
  return parts.length ? `<mj-head>${parts.join("").replace(/<\/style/gi, "")}</mj-head>` : "";
}

export { disarmed };
