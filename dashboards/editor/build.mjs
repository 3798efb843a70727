// Bundles the editor into the Python package beside it: one script, one style sheet, and the licences of what is in it.
import { readFileSync, readdirSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const target = process.argv[2] ?? "sillage_editor/assets";

const done = await build({
  entryPoints: { editor: "src/editor.js" },
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  // MJML's browser build asks for parts of node that it never uses.
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  logLevel: "warning",
});

// Defaults of what is bundled that would be fetched from elsewhere: none of them is used, so none of them is kept.
const elsewhere = /https?:\/\/(cdnjs\.cloudflare\.com|app\.grapesjs\.com|via\.placeholder\.com|source\.unsplash\.com|i\.imgur\.com|cloud\.githubusercontent\.com|www\.mailjet\.com|fonts\.googleapis\.com)[^"'`\s\\)]*/g;
const script = join(target, "editor.js");
writeFileSync(script, readFileSync(script, "utf8").replace(elsewhere, ""));

const packages = new Set();
for (const path of Object.keys(done.metafile.inputs)) {
  const found = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
  if (found) packages.add(found[1]);
}
// They are inside the packages' own bundles.
["mjml-browser", "backbone", "backbone-undo", "codemirror", "codemirror-formatting", "html-entities", "underscore"].forEach((name) =>
  packages.add(name),
);
const texts = [...packages].sort().map((name) => {
  const folder = join("node_modules", name);
  const told = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file && existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8").trim() : `License: ${told.license}`;
  return `${name} ${told.version}\n${"-".repeat(72)}\n${text.replace(/\r\n/g, "\n")}\n`;
});
writeFileSync(join(target, "LICENSES.txt"), texts.join("\n"));
