#!/usr/bin/env bash
# Generated clients send the "default" of properties that nobody set, and in TypeScript they demand the property.
#
# What one would guess: "default" in a request schema tells what the server assumes when the property is absent, so a client sends only
# what its program set. A PATCH that changes a name is {"name": …}.
# What was seen, for an optional property with "default": false in the body of a PATCH:
#   openapi-generator, Python   sends "hidden": false with each change. To leave it out, the program sets None, though null is not in
#                               the schema.
#   openapi-generator, Java     sends it too. To leave it out, the program sets null.
#   openapi-python-client       sends it too. To leave it out, the program sets UNSET.
#   openapi-typescript          makes the property required: {name: "x"} does not compile.
# So renaming a hidden thing shows it. Without "default" all four send the name alone.
# What follows: a server that derives its document from types keeps "default" out of the schemas of partial changes, and tells the
# defaults of other requests in the description when a client must be able to leave the choice to the server.
# Versions: openapi-generator 7.26.0, openapi-python-client 0.29.1, openapi-typescript 7.13.0 with TypeScript 5.9.3.
#
# Needs: python3.11 or newer with venv, a JDK of 11 or newer, node 20 or newer, npm. Exits with 1 when the behaviour is another one, and
# with 2 when something is missing.
set -euo pipefail
for tool in python3 java javac node npm; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openapi-generator-cli==7.26.0 openapi-python-client==0.29.1 \
    pydantic==2.14.4 python-dateutil==2.9.0.post0 urllib3==2.8.0 typing-extensions==4.16.0
jar=$(find venv/ -name 'openapi-generator*.jar')
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund --save-exact openapi-typescript@7.13.0 typescript@5.9.3

for case in default plain; do
    # Java without JsonNullable, so that the jar of the generator has all that it needs
    default=', "default": false'
    [[ $case == default ]] || default=
    cat >"$case.json" <<JSON
{"openapi": "3.1.0", "info": {"title": "Plans", "version": "1"},
 "paths": {"/plan": {"patch": {"operationId": "changePlan", "tags": ["plans"],
   "requestBody": {"required": true, "content": {"application/json": {"schema": {"\$ref": "#/components/schemas/PlanChange"}}}},
   "responses": {"204": {"description": "changed"}}}}},
 "components": {"schemas": {"PlanChange": {"type": "object", "properties": {
   "name": {"type": "string"}, "hidden": {"type": "boolean"$default}}}}}}
JSON
    printf '{"generatorName": "python", "inputSpec": "%s.json", "outputDir": "%s-python"}' "$case" "$case" >"$case-python.config.json"
    printf '{"generatorName": "java", "library": "native", "inputSpec": "%s.json", "outputDir": "%s-java",
             "additionalProperties": {"openApiNullable": false}}' "$case" "$case" >"$case-java.config.json"
    mkdir "$case-other"
    # the warning is about a formatter that is not there
    venv/bin/openapi-python-client generate --path "$case.json" --meta none --output-path "$case-other/other_client" >other.log 2>&1 ||
        { cat other.log >&2; exit 2; }
    node_modules/.bin/openapi-typescript "$case.json" --output "$case.d.ts" >typescript.log 2>&1 || { cat typescript.log >&2; exit 2; }
done
java -Xmx400m -jar "$jar" batch --threads 1 ./*.config.json >generator.log 2>&1 || { cat generator.log >&2; exit 2; }

python_sends() { # case
    PYTHONPATH=$1-python venv/bin/python - <<'PYTHON'
from openapi_client.models.plan_change import PlanChange

print(f'{PlanChange(name="x").to_json()}, with None {PlanChange(name="x", hidden=None).to_json()}')
PYTHON
}
other_sends() { # case
    PYTHONPATH=$1-other venv/bin/python - <<'PYTHON'
import json

from other_client.models import PlanChange
from other_client.types import UNSET

print(f'{json.dumps(PlanChange(name="x").to_dict())}, with UNSET {json.dumps(PlanChange(name="x", hidden=UNSET).to_dict())}')
PYTHON
}
java_sends() { # case
    mkdir -p "$1-show/javax/annotation" "$1-classes"
    echo 'package javax.annotation; public @interface Generated { String value(); String date(); String comments(); }' \
        >"$1-show/javax/annotation/Generated.java"
    cat >"$1-show/Show.java" <<'JAVA'
import org.openapitools.client.ApiClient;
import org.openapitools.client.model.PlanChange;

class Show {
    public static void main(String[] arguments) throws Exception {
        var json = ApiClient.createDefaultObjectMapper();
        String without = json.writeValueAsString(new PlanChange().name("x").hidden(null));
        System.out.println(json.writeValueAsString(new PlanChange().name("x")) + ", with null " + without);
    }
}
JAVA
    javac -nowarn -proc:none -cp "$jar" -sourcepath "$1-java/src/main/java:$1-show" -d "$1-classes" "$1-show/Show.java" 2>javac.log ||
        { cat javac.log >&2; exit 2; }
    java -cp "$1-classes:$jar" Show
}
typescript_says() { # case
    printf 'import type { components } from "./%s";\nexport const change: components["schemas"]["PlanChange"] = { name: "x" };\n' \
        "$1" >"$1-use.ts"
    if node_modules/.bin/tsc --noEmit --strict "$1-use.ts" >tsc.log; then
        echo '{ name: "x" } compiles'
    else
        grep -oE 'TS[0-9]+: .*hidden. is missing' tsc.log
    fi
}

echo "openapi-generator $(java -jar "$jar" version), $(venv/bin/openapi-python-client --version)," \
    "openapi-typescript $(node_modules/.bin/openapi-typescript --version), TypeScript $(node_modules/.bin/tsc --version)"
shown=$(
    for case in default plain; do
        echo "$case, openapi-generator for Python: $(python_sends "$case")"
        echo "$case, openapi-generator for Java: $(java_sends "$case")"
        echo "$case, openapi-python-client: $(other_sends "$case")"
        echo "$case, openapi-typescript: $(typescript_says "$case")"
    done
)
echo "$shown"
expected='default, openapi-generator for Python: {"name": "x", "hidden": false}, with None {"name": "x"}
default, openapi-generator for Java: {"name":"x","hidden":false}, with null {"name":"x"}
default, openapi-python-client: {"name": "x", "hidden": false}, with UNSET {"name": "x"}
default, openapi-typescript: TS2741: Property '\''hidden'\'' is missing
plain, openapi-generator for Python: {"name": "x"}, with None {"name": "x"}
plain, openapi-generator for Java: {"name":"x"}, with null {"name":"x"}
plain, openapi-python-client: {"name": "x"}, with UNSET {"name": "x"}
plain, openapi-typescript: { name: "x" } compiles'
[[ $shown == "$expected" ]]
