// Bundles the libraries into static/dist, once: own modules are served as written and import them
// from there. Run by `npm run build`.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const OUT = "static/dist";
const KATEX_CSS = "node_modules/katex/dist/katex.min.css";
// Every browser that runs these modules reads WOFF2.
const OLD_FONT_FORMATS = /,url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)/g;

const LIBRARIES = ["dompurify", "katex", "lit", "marked"]; // entries that only export: types as well
const HIGHLIGHT_TYPES =
  "export function highlight(code: string, language: string): string | null;\n";

await mkdir(OUT, { recursive: true });

const style = (await readFile(KATEX_CSS, "utf8")).replace(OLD_FONT_FORMATS, "");

await build({
  entryPoints: [...LIBRARIES, "highlight"].map((name) => `static/vendor/${name}.js`),
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "external",
  outdir: OUT,
});
await build({
  stdin: { contents: style, resolveDir: "node_modules/katex/dist", loader: "css" },
  bundle: true,
  minify: true,
  loader: { ".woff2": "file" },
  assetNames: "fonts/[name]",
  outfile: `${OUT}/katex.css`,
});
for (const name of LIBRARIES) {
  await copyFile(`static/vendor/${name}.js`, `${OUT}/${name}.d.ts`);
}
await writeFile(`${OUT}/highlight.d.ts`, HIGHLIGHT_TYPES);
await copyFile("node_modules/katex/LICENSE", `${OUT}/fonts/LICENSE.txt`);
