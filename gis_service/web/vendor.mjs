// Copies what package.json lists under "vendor" from node_modules to vendor/, with each package's licence.
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const fresh = join(here, "vendor.new");
const { dependencies, vendor } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));

rmSync(fresh, { recursive: true, force: true });
mkdirSync(join(fresh, "licences"), { recursive: true });

for (const [source, target] of Object.entries(vendor)) {
  const from = join(modules, source);
  const to = join(fresh, target);
  if (statSync(from).isDirectory()) {
    cpSync(from, to, { recursive: true });
  } else {
    mkdirSync(dirname(to), { recursive: true });
    // A source map that is not served is a failed request in every browser's console.
    writeFileSync(to, readFileSync(from, "utf8").replace(/^(\/\/|\/\*)# sourceMappingURL=.*$/gm, ""));
  }
}
for (const name of Object.keys(dependencies)) {
  const licence = readdirSync(join(modules, name)).find((file) => /^licen[cs]e/i.test(file));
  if (!licence) throw new Error(`${name} carries no licence: it may not be passed on`);
  cpSync(join(modules, name, licence), join(fresh, "licences", `${name.replace("/", "-")}.txt`));
}

rmSync(join(here, "vendor"), { recursive: true, force: true });
renameSync(fresh, join(here, "vendor"));
