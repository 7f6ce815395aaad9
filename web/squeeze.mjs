// After the build: every text file beside its gzip and brotli form (the server sends them as they are), and the sizes against their limit.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const out = "../src/zhiyin/web/static";
const limit = 70 * 1024; // bytes by gzip of a page with all that it loads: ADR 0028
const sizes = new Map();

for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(path)) continue;
  const plain = readFileSync(path);
  const gzip = gzipSync(plain, { level: 9 });
  sizes.set(relative(out, path), gzip.length);
  if (plain.length < 1024) continue;
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(`${path}.br`, brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }));
}

let over = false;
const tell = (name, size) => {
  over ||= size > limit;
  console.log(`${name}: ${(size / 1024).toFixed(1)} KB by gzip${size > limit ? `, over the limit of ${limit / 1024} KB` : ""}`);
};
for (const [name, size] of sizes) {
  if (name.endsWith(".html")) {
    const loaded = [...readFileSync(join(out, name), "utf8").matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]);
    tell(name, loaded.reduce((sum, file) => sum + (sizes.get(file) ?? 0), size));
  } else if (name === "embed.js") tell(name, size);
}
if (over) process.exit(1);
