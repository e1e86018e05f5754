// Builds what pages load: each script with its modules as one small file in ../static.
//
//   npm install && npm run build            (or: node build.mjs SOMEWHERE)
//
// esbuild puts the modules together, terser makes them small. Each file holds the hash of the source it was built from,
// which its events carry as `context.library.version`, and by which a test without npm sees an old build.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "static");

/** The hash of an entry point and of the modules in its folder, in the order of their names. */
function fingerprint(entry) {
  const folder = entry.replace(/\.js$/, "");
  const modules = readdirSync(join(here, folder)).filter((name) => name.endsWith(".js")).sort();
  const hash = createHash("sha256");
  for (const path of [entry, ...modules.map((name) => `${folder}/${name}`)]) {
    hash.update(`${path}\n`).update(readFileSync(join(here, path)));
  }
  return hash.digest("hex").slice(0, 8);
}

for (const entry of ["periplus.js", "periplus-experience.js"]) {
  const whole = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2018",
    charset: "utf8",
    define: { BUILD: JSON.stringify(fingerprint(entry)) },
    logLevel: "warning",
  });
  const small = await minify(whole.outputFiles[0].text, {
    ecma: 2018,
    compress: { passes: 5, unsafe_arrows: true },
    mangle: true,
  });
  writeFileSync(join(target, entry), small.code + "\n");
}
