// What goes through the editor's reader and writer comes out as it went in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, parse, same, Unreadable, write } from "../src/mjml.js";

const wrap = (body, head = "") => `<mjml>${head}<mj-body>${body}</mj-body></mjml>`;
const row = (cells) => `<mj-section><mj-column>${cells}</mj-column></mj-section>`;

test("head, root and what stands around are kept to the letter", () => {
  const source = `<?xml version="1.0"?>\n<!-- mine -->\n<mjml lang="fr" owa="desktop">\n<mj-head>\n<mj-title>A & B</mj-title><mj-style inline="inline">a{color:red}</mj-style></mj-head>\n<mj-body></mj-body>\n</mjml>\n`;
  const out = write(parse(source));
  assert.ok(out.startsWith(`<?xml version="1.0"?>\n<!-- mine -->\n<mjml lang="fr" owa="desktop">\n<mj-head>`));
  assert.ok(out.includes(`<mj-style inline="inline">a{color:red}</mj-style></mj-head>`));
  assert.ok(out.endsWith("</mjml>\n"));
});

test("what is read, written and read again is the same", () => {
  const sources = [
    row(`<mj-text color="#000">Hello <b>you</b> {{ first_name | default: "friend" }}<br>x &nbsp; &lt;y&gt;</mj-text>`),
    row(`<mj-image src="a.png?x=1&amp;y=2" alt="" /><mj-image src="b.png"></mj-image><mj-divider/><mj-spacer height="3px" />`),
    row(`<mj-table><tr><td>1</td></tr></mj-table><mj-social><mj-social-element name="x" href="#">X</mj-social-element></mj-social>`),
    `<!-- a > b -->${row("<mj-text><![CDATA[<mj-text>]]></mj-text>")}<mj-raw>{% if a %}</mj-raw>${row("")}<mj-raw>{% endif %}</mj-raw>`,
    `{% if vip %}${row("<mj-button href='{{ link | default: \"x\" }}'>Go</mj-button>")}{% endif %}`,
    `<mj-hero background-url="a.jpg"><mj-text>In</mj-text></mj-hero><mj-wrapper><mj-section></mj-section></mj-wrapper>`,
    `<MJ-SECTION><Mj-Column><MJ-TEXT>Loud</MJ-TEXT></Mj-Column></MJ-SECTION>`,
    `<mj-text>without a column</mj-text><mj-unknown a=1>?</mj-unknown>`,
    row("<mj-image src=x>not empty</mj-image>"),
  ];
  for (const source of sources) {
    const read = parse(wrap(source));
    const again = parse(write(read));
    assert.ok(same(read.body, again.body), source);
    assert.equal(write(again), write(read));
  }
});

test("quotation marks in Liquid stay what they are", () => {
  const source = wrap(row(`<mj-button href='https://x.example/?a={{ a | default: "b" }}&amp;c'>Go</mj-button>`));
  assert.match(write(parse(source)), /default: "b" \}\}&amp;c'/);
  assert.equal(decode("{{ a | default: '&amp;' }} &amp; &quot;"), "{{ a | default: '&amp;' }} & \"");
});

test("a row that a segment sees stands between two conditions", () => {
  const guarded = `<mj-raw>{% if segments contains "VIP" %}</mj-raw>${row("<mj-text>Hi</mj-text>")}<mj-raw>{% endif %}</mj-raw>`;
  const read = parse(wrap(guarded));
  assert.equal(read.body.children.length, 1);
  assert.equal(read.body.children[0].segment, "VIP");
  assert.ok(same(parse(write(read)).body, read.body));
});

test("what can't be read says why", () => {
  const faults = {
    no_mjml: "<p>no</p>",
    no_body: "<mjml><mj-head></mj-head></mjml>",
    unclosed: "<mjml><mj-body><mj-section></mjml>",
    crossed: "<mjml><mj-body><mj-section></mj-column></mj-section></mj-body></mjml>",
    include: "<mjml><mj-body><mj-include path='./x.mjml' /></mj-body></mjml>",
    bad_attribute: "<mjml><mj-body><mj-section =></mj-section></mj-body></mjml>",
    unclosed_comment: "<mjml><mj-body><!-- </mj-body></mjml>",
  };
  for (const [code, source] of Object.entries(faults)) {
    assert.throws(() => parse(source), (exc) => exc instanceof Unreadable && [code, "unclosed", "crossed", "no_body"].includes(exc.code), code);
  }
});

test("any text ends in a tree or in a reason", () => {
  const pieces = ["<mjml>", "</mjml>", "<mj-body>", "</mj-body>", "<mj-section a='", '"', ">", "/>", "<", "<!--", "-->", "<mj-text>", "</mj-text>", "{{", "}}", " x ", "&amp;", "<![CDATA["];
  let seed = 7;
  const next = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 3000; round += 1) {
    const source = Array.from({ length: next(14) }, () => pieces[next(pieces.length)]).join("");
    try {
      const read = parse(source);
      assert.ok(same(parse(write(read)).body, read.body), source);
    } catch (exc) {
      assert.ok(exc instanceof Unreadable, `${source}: ${exc.stack}`);
    }
  }
});
