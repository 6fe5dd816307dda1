#!/usr/bin/env bash
# swagger-client 3.37.8, the resolver inside Swagger UI, on two documents that differ in the line `openapi:` only.
#
# Guess: resolving one small part of a document costs what that part costs, in OpenAPI 3.1 as in 3.0.
# Seen: in 3.0.3 it does. In 3.1.0 the whole document is read anew for each part, also for one without a single link: with 60 operations
# more than thirty times as long, and it grows with the document. Swagger UI resolves the security schemes before it shows anything,
# and a part more for each operation that is opened, so a large 3.1 document opens late, and so does each of its operations.
# What follows: a page of Swagger UI over a large 3.1 document should bring its own `resolveSubtree` (a plugin's `fn`), or show a smaller document.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts swagger-client@3.37.8 >/dev/null 2>&1

cat >measure.js <<'EOF'
import { readFileSync } from "node:fs";
import SwaggerClient from "swagger-client";

const schemas = {}, paths = {};
for (let n = 0; n < 60; n += 1) {
  const properties = {};
  for (let field = 0; field < 20; field += 1) properties[`field_${field}`] = { type: "string", description: `Field ${field}.`, maxLength: 100 };
  schemas[`Thing${n}`] = { type: "object", properties };
  const content = { "application/json": { schema: { $ref: `#/components/schemas/Thing${n}` } } };
  paths[`/things/${n}`] = { post: { operationId: `make_${n}`, requestBody: { content }, responses: { 200: { description: "Made.", content } } } };
}
const document = (openapi) => ({
  openapi, info: { title: "Things", version: "1" }, paths,
  components: { schemas, securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
});

async function median(openapi, path) {
  const times = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const begun = performance.now();
    const { spec, errors } = await SwaggerClient.resolveSubtree(document(openapi), path);
    times.push(performance.now() - begun);
    if (errors.length || !spec) throw new Error(JSON.stringify(errors));
  }
  return times.sort((one, other) => one - other)[1];
}

const version = JSON.parse(readFileSync("node_modules/swagger-client/package.json")).version;
console.log(`swagger-client ${version}, 60 operations`);
let held = true;
for (const path of [["components", "securitySchemes"], ["paths", "/things/7", "post"]]) {
  const [old, current] = [await median("3.0.3", path), await median("3.1.0", path)];
  console.log(`${path.join(" ")}: 3.0.3 ${old.toFixed(1)} ms, 3.1.0 ${current.toFixed(1)} ms, ${(current / old).toFixed(0)} times as long`);
  held &&= current > 5 * old;
}
if (!held) {
  console.log("The difference is gone.");
  process.exit(1);
}
EOF
node measure.js
