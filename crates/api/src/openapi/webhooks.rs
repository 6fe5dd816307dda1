//! The webhooks that the program sends, for the document.

use database::EventKind;
use serde_json::{Map, Value, json};

/// The schema of a delivery's body.
const MESSAGE: &str = "WebhookMessage";
/// The schema of what all deliveries have in common.
const DATA: &str = "WebhookData";

/// The schemas of deliveries.
pub fn schemas() -> [(&'static str, Value); 2] {
    let nullable_id = |description: &str| json!({"type": ["integer", "null"], "format": "int64", "description": description});
    let data = json!({
        "type": "object",
        "description": "What an event is about, and the fields of its `data`.",
        "required": ["event_id", "entity", "entity_id", "contract_id", "customer_id"],
        "properties": {
            "event_id": {"type": "integer", "format": "int64", "description": "The id of the event; ids grow in the order of the events."},
            "entity": {"type": "string", "description": "The type of the record."},
            "entity_id": {"type": "integer", "format": "int64", "description": "The id of the record."},
            "contract_id": nullable_id("The contract concerned."),
            "customer_id": nullable_id("The subscriber concerned."),
            "version": {"type": "integer", "format": "int64", "description": "The version of the record after the event, if it has versions."}
        },
        "additionalProperties": true,
        "example": {"event_id": 512, "entity": "payment", "entity_id": 88, "contract_id": 12, "customer_id": 7, "version": 1}
    });
    let message = json!({
        "type": "object",
        "description": "A delivery, signed by the Standard Webhooks scheme.",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "description": "The kind of event, or `webhook.test`."},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": {"$ref": format!("#/components/schemas/{DATA}")}
        },
        "example": {
            "type": "payment.received", "timestamp": "2026-01-15T09:30:00Z",
            "data": {"event_id": 512, "entity": "payment", "entity_id": 88, "contract_id": 12, "customer_id": 7, "version": 1}
        }
    });
    [(MESSAGE, message), (DATA, data)]
}

/// The webhooks by kind of event. `schemas` are those of the document, whose examples they show.
pub fn all(schemas: &Map<String, Value>) -> Value {
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "required": true, "description": description, "schema": {"type": "string"}});
    let parameters = json!([
        header("webhook-id", "The id of the message, the same for every attempt."),
        header("webhook-timestamp", "Seconds since 1970 at this attempt."),
        header(
            "webhook-signature",
            "`v1,` and the Base64 of HMAC-SHA256 over id, timestamp and body, joined by dots; two while a secret is rotated."
        )
    ]);
    let hooks = EventKind::ALL.iter().map(|kind| {
        let example = example(*kind, schemas);
        let content = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{MESSAGE}")}, "example": example}});
        let hook = json!({"post": {
            "operationId": format!("webhook_{}", kind.as_str().replace('.', "_")),
            "summary": summary(*kind),
            "tags": ["webhooks"],
            "parameters": parameters,
            "requestBody": {"required": true, "content": content},
            "responses": {"2XX": {"description": "The delivery is accepted. Everything else, and a wait of over 10 seconds, leads to another attempt."}}
        }});
        (kind.as_str().to_owned(), hook)
    });
    Value::Object(hooks.collect())
}

fn summary(kind: EventKind) -> String {
    let words = messages::Locale::negotiate(Some("en")).word("SystemEventKind", kind.as_str());
    format!("{}.", words.unwrap_or_else(|| kind.as_str().to_owned()))
}

/// The entity of a kind, the schema of its data, and the fields of the schema that the data lacks.
fn carried(kind: EventKind) -> (&'static str, Option<&'static str>, &'static [&'static str]) {
    match kind.as_str().split('.').next().unwrap_or_default() {
        "customer" => ("customer", Some("Customer"), &[]),
        "tariff" => ("tariff", Some("Tariff"), &["contracts_count"]),
        "option" => ("option", Some("TariffOption"), &[]),
        "number" => ("number", Some("Number"), &["sim_id"]),
        "payment" | "period" => ("payment", Some("Payment"), &["link"]),
        "ticket" => ("ticket", Some("Ticket"), &["is_overdue"]),
        "promise" => ("promised_payment", None, &[]),
        "user" => ("user", None, &[]),
        "balance" => ("contract", None, &[]),
        "sim" if kind == EventKind::SimStatusChanged => ("sim", None, &[]),
        "sim" => ("sim", Some("Sim"), &[]),
        _ => match kind {
            EventKind::ContractCreated | EventKind::ContractChanged | EventKind::ContractDeleted => ("contract", Some("Contract"), &[]),
            _ => ("contract", None, &[]),
        },
    }
}

fn example(kind: EventKind, schemas: &Map<String, Value>) -> Value {
    let (entity, schema, lacking) = carried(kind);
    let mut data = json!({"event_id": 512, "entity": entity, "entity_id": 12, "contract_id": null, "customer_id": null, "version": 3});
    let resource = schema.and_then(|name| schemas.get(name)?.get("example")?.as_object());
    for (name, value) in resource.into_iter().flatten().filter(|(name, _)| !lacking.contains(&name.as_str())) {
        data[name.as_str()] = value.clone();
    }
    if let Some(id) = resource.and_then(|resource| resource.get("id")) {
        data["entity_id"] = id.clone();
        match entity {
            "contract" => data["contract_id"] = id.clone(),
            "customer" => data["customer_id"] = id.clone(),
            _ => {}
        }
    }
    json!({"type": kind.as_str(), "timestamp": "2026-01-15T09:30:00Z", "data": data})
}
