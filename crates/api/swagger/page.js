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

window.ui = SwaggerUIBundle({
  url: "../api/v1/openapi.json",
  dom_id: "#swagger-ui",
  // without the layout of several documents there is no bar to choose one
  layout: "BaseLayout",
  plugins: [() => ({ fn: { opsFilter: withWords } })],
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
