// What is chosen in the canvas, as a form: few fields with plain names, and the brand's colours beside each colour.

const FONTS = ["Arial, Helvetica, sans-serif", "Georgia, 'Times New Roman', serif", "Verdana, Geneva, sans-serif", "'Trebuchet MS', Helvetica, sans-serif", "'Courier New', Courier, monospace"];
const SIZE = /^(\d{1,3}(\.\d+)?(px|%|em)?\s*){1,4}$/;
const ALIGN = ["left", "center", "right", "justify"];

/** Fields of each type: [attribute, kind]. */
const FIELDS = {
  "mj-body": [["background-color", "colour"], ["width", "size"]],
  "mj-section": [["background-color", "colour"], ["padding", "size"], ["border-radius", "size"], ["segment", "segment"]],
  "mj-wrapper": [["background-color", "colour"], ["padding", "size"], ["segment", "segment"]],
  "mj-hero": [["background-color", "colour"], ["background-url", "address"], ["padding", "size"], ["segment", "segment"]],
  "mj-group": [["background-color", "colour"]],
  "mj-column": [["background-color", "colour"], ["width", "size"], ["padding", "size"], ["vertical-align", "vertical"]],
  "mj-text": [["font-size", "size"], ["color", "colour"], ["align", "align"], ["font-family", "font"], ["line-height", "line"], ["container-background-color", "colour"], ["padding", "size"]],
  "mj-table": [["font-size", "size"], ["color", "colour"], ["align", "align"], ["font-family", "font"], ["padding", "size"]],
  "mj-button": [["href", "address"], ["background-color", "colour"], ["color", "colour"], ["align", "align"], ["font-size", "size"], ["font-family", "font"], ["border-radius", "size"], ["width", "size"], ["padding", "size"]],
  "mj-image": [["src", "image"], ["alt", "alt"], ["href", "address"], ["width", "size"], ["align", "align"], ["border-radius", "size"], ["padding", "size"]],
  "mj-divider": [["border-color", "colour"], ["border-width", "size"], ["padding", "size"]],
  "mj-spacer": [["height", "size"]],
};

export class Panel {
  constructor({ place, editor, t, brand, segments, pickImage }) {
    Object.assign(this, { place, editor, t, brand, segments, pickImage });
    this.draw(null);
  }

  draw(component) {
    this.place.replaceChildren();
    this.component = component;
    const type = component?.get("type");
    if (!type || type === "wrapper" || type === "mjml") {
      this.say("h3", this.t("nothing_chosen"));
      this.say("p", this.t("nothing_chosen_help"));
      return;
    }
    this.say("h3", this.t(`type_${type}`));
    if (type.startsWith("kept")) {
      this.say("p", this.t("kept_help"));
      const source = this.place.appendChild(document.createElement("pre"));
      source.textContent = component.get("kept").slice(0, 2000);
    }
    if (["mj-text", "mj-button", "mj-table"].includes(type)) this.button(this.t("edit_text"), () => component.trigger("active"));
    for (const [name, kind] of FIELDS[type] ?? []) this.field(component, name, kind);
    if (type !== "mj-body") this.moves(component);
  }

  say(tag, words) {
    this.place.appendChild(document.createElement(tag)).textContent = words;
  }

  button(words, action, parent = this.place) {
    const made = parent.appendChild(document.createElement("button"));
    made.type = "button";
    made.textContent = words;
    made.addEventListener("click", action);
    return made;
  }

  field(component, name, kind) {
    if (kind === "segment" && !this.segments.length && !component.get("segment")) return;
    const label = this.place.appendChild(document.createElement("label"));
    label.append(this.t(`field_${name}`));
    const value = name === "segment" ? component.get("segment") || "" : name === "src" ? component.get("src") || "" : component.get("attributes")[name] ?? "";
    const input = this.input(kind, value);
    label.append(input);
    input.addEventListener("change", () => this.change(component, name, kind, input));
    if (kind === "colour") this.swatches(component, name, label, input);
    if (kind === "image") this.button(this.t("choose_image"), () => this.pickImage((image) => this.place_image(component, image)));
    if (kind === "alt" && !value) this.say("p", this.t("alt_help"));
  }

  input(kind, value) {
    const choices = { align: ["", ...ALIGN], vertical: ["", "top", "middle", "bottom"], font: ["", ...(this.brand.font ? [this.brand.font] : []), ...FONTS], segment: ["", ...this.segments] }[kind];
    if (choices) {
      const made = document.createElement("select");
      for (const choice of new Set([...choices, value])) made.append(new Option(this.named(kind, choice), choice));
      made.value = value;
      return made;
    }
    const made = document.createElement("input");
    made.type = "text";
    made.value = value;
    made.spellcheck = kind === "alt";
    if (kind === "size") made.placeholder = "20px";
    return made;
  }

  named(kind, choice) {
    if (kind === "segment") return choice || this.t("everybody");
    if (!choice) return this.t("as_usual");
    return kind === "font" ? choice.split(",")[0].replace(/'/g, "") : this.t(`${kind}_${choice}`);
  }

  swatches(component, name, label, input) {
    const row = this.place.appendChild(document.createElement("div"));
    row.className = "slg-swatches";
    const own = row.appendChild(document.createElement("input"));
    own.type = "color";
    own.value = /^#[0-9a-f]{6}$/i.test(input.value) ? input.value : "#ffffff";
    own.setAttribute("aria-label", `${this.t(`field_${name}`)}: ${this.t("own_colour")}`);
    own.addEventListener("change", () => this.set(component, name, (input.value = own.value)));
    for (const colour of this.brand.colours) {
      const made = this.button("", () => this.set(component, name, (input.value = own.value = colour)), row);
      made.style.background = colour;
      made.setAttribute("aria-label", `${this.t(`field_${name}`)}: ${colour}`);
      made.title = colour;
    }
  }

  change(component, name, kind, input) {
    const value = input.value.trim();
    const isWrong =
      (kind === "size" && value && !SIZE.test(value)) ||
      (kind === "address" && /^\s*(javascript|vbscript|data):/i.test(value)) ||
      (kind === "colour" && value && !/^(#[0-9a-f]{3,8}|[a-z]+|rgba?\([\d\s,.%]+\))$/i.test(value));
    input.setAttribute("aria-invalid", String(isWrong));
    if (!isWrong) this.set(component, name, kind === "size" && /^\d+$/.test(value) ? (input.value = `${value}px`) : value);
  }

  set(component, name, value) {
    if (name === "segment") {
      component.set("segment", value);
      this.editor.trigger("component:update", component);
    } else if (name === "src") component.set("src", value);
    else if (value || name === "alt") component.addAttributes({ [name]: value });
    else component.removeAttributes(name);
  }

  place_image(component, image) {
    component.set("src", image.url);
    component.addAttributes({ src: image.url, alt: image.alt });
    this.draw(component);
  }

  moves(component) {
    const row = this.place.appendChild(document.createElement("div"));
    row.className = "slg-moves";
    const parent = component.parent();
    const at = component.index();
    const move = (to) => {
      component.move(parent, { at: to });
      this.editor.select(component);
    };
    if (at > 0) this.button(this.t("up"), () => move(at - 1), row);
    if (at < parent.components().length - 1) this.button(this.t("down"), () => move(at + 2), row);
    this.button(this.t("double"), () => {
      const copy = parent.append(component.clone(), { at: at + 1 })[0];
      this.editor.select(copy);
    }, row);
    this.button(this.t("remove"), () => component.remove(), row);
    if (parent.get("type") !== "wrapper" && parent.get("type") !== "mjml") {
      this.button(`${this.t("around")}: ${this.t(`type_${parent.get("type")}`)}`, () => this.editor.select(parent), row);
    }
  }
}
