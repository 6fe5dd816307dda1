// Opens Swagger UI on the document of this server.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** The operations with all of these words in their path, name, summary or tag. */
function withWords(taggedOperations, phrase) {
  const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
  return taggedOperations
    .map((tagged, tag) => tagged.set("operations", tagged.get("operations").filter((one) => {
      const operation = one.get("operation");
      const text = [tag, one.get("method"), one.get("path"), operation.get("operationId"), operation.get("summary")]
        .join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    })))
    .filter((tagged) => tagged.get("operations").size > 0);
}

/** By path, and of one path in the order of METHODS. */
function byPath(one, other) {
  const paths = [one.get("path"), other.get("path")];
  if (paths[0] !== paths[1]) return paths[0] < paths[1] ? -1 : 1;
  return METHODS.indexOf(one.get("method")) - METHODS.indexOf(other.get("method"));
}

/** A schema with the fields and the examples of its parts. */
function whole({ allOf: parts, ...schema }) {
  if (!Array.isArray(parts)) return schema;
  return parts.reduce((sum, part) => ({
    ...part,
    ...sum,
    properties: { ...part.properties, ...sum.properties },
    required: [...(part.required ?? []), ...(sum.required ?? [])],
    ...(part.example && { example: { ...part.example, ...sum.example } }),
  }), schema);
}

/** The value with what its links name in their place; a link to something around it stays. */
function withoutLinks(document, value, around = []) {
  if (Array.isArray(value)) return value.map((one) => withoutLinks(document, one, around));
  if (value === null || typeof value !== "object") return value;
  const { $ref: link, ...others } = value;
  if (typeof link === "string" && link.startsWith("#/")) {
    if (around.includes(link)) return value;
    const names = link.slice(2).split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
    const named = names.reduce((at, name) => at?.[name], document);
    return { ...withoutLinks(document, named, [...around, link]), ...withoutLinks(document, others, around) };
  }
  return whole(Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withoutLinks(document, one, around)])));
}

/** Resolves a part of the document. Swagger UI's own way reads the whole document each time, which takes seconds. */
async function resolveSubtree(document, path) {
  const part = path.reduce((at, name) => at?.[name], document);
  return { spec: withoutLinks(document, part), errors: [] };
}

window.ui = SwaggerUIBundle({
  url: "../api/v1/openapi.json",
  dom_id: "#swagger-ui",
  // without the layout of several documents there is no bar to choose one
  layout: "BaseLayout",
  plugins: [() => ({
    fn: { opsFilter: withWords, resolveSubtree },
    // the document is JSON, which the browser reads sooner than Swagger UI reads YAML
    statePlugins: { spec: { wrapActions: { parseToJson: (_, system) => (text) => system.specActions.updateJsonSpec(JSON.parse(text)) } } },
  })],
  filter: true,
  operationsSorter: byPath,
  docExpansion: "none",
  // a list of all schemas takes longer than the rest of the page; each operation shows its own
  defaultModelsExpandDepth: -1,
  deepLinking: true,
  displayOperationId: false,
  displayRequestDuration: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
