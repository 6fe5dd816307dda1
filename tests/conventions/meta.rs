//! What a client learns about an installation before anybody signs in.

use serde_json::{Value, json};

use crate::harness::{App, scenario};

/// Some members of an object.
fn some(object: &Value, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), object[*name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[scenario]
async fn a_stranger_learns_the_country_the_limits_and_the_words(app: &App) {
    let reply = app.stranger().get("/meta").await;
    assert_eq!(reply.header("content-type"), "application/json");
    let meta = reply.expect(200);
    assert_eq!(
        some(&meta, &["country", "currency", "time_zone", "languages"]),
        json!({"country": "ru", "currency": "RUB", "time_zone": "Europe/Moscow", "languages": ["en", "ru"]})
    );
    assert_eq!(meta["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(some(&meta["phone"], &["prefix", "digits"]), json!({"prefix": "+7", "digits": 10}));
    assert_eq!(meta["parts"]["gateways"], json!(["sandbox"]));
    assert_eq!(
        some(&meta["parts"], &["terminals", "email", "sms", "promised_payments", "event_streams"]),
        json!({"terminals": true, "email": false, "sms": false, "promised_payments": true, "event_streams": true})
    );
    assert_eq!(meta["limits"]["page_size"], 500);
    let draft = json!({"value": "draft", "words": {"ru": "Черновик", "en": "Draft"}});
    assert_eq!(meta["enums"]["ContractStatus"][0], draft);

    // every enum of the document, with its values in their order
    let document = app.stranger().get("/api/v1/openapi.json").await.expect(200);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut seen = 0;
    for (name, schema) in schemas.iter().filter(|(name, _)| !name.ends_with("Code")) {
        let Some(values) = schema.get("enum") else { continue };
        let told: Vec<&Value> =
            meta["enums"][name].as_array().unwrap().iter().map(|one| &one["value"]).collect();
        assert_eq!(json!(told), *values, "{name}");
        seen += 1;
    }
    assert_eq!(seen, meta["enums"].as_object().unwrap().len());
    // the same for whoever is signed in, in any language
    assert_eq!(app.admin().await.with("Accept-Language", "en").get("/meta").await.expect(200), meta);
}

#[scenario(
    COUNTRY = "kg",
    TIMEZONE = "Asia/Bishkek",
    TERMINAL_KEY = "the key of the terminals in a test",
    SMTP_URL = "smtp://127.0.0.1:9",
    SMTP_FROM = "crm@example.com",
    PROMISE_MAX = "0",
    EVENT_STREAMS = "0"
)]
async fn the_description_follows_the_settings(app: &App) {
    let meta = app.stranger().get("/meta").await.expect(200);
    assert_eq!(
        some(&meta, &["country", "currency", "time_zone"]),
        json!({"country": "kg", "currency": "KGS", "time_zone": "Asia/Bishkek"})
    );
    assert_eq!(
        meta["phone"],
        json!({
            "prefix": "+996", "trunk_prefix": "0", "digits": 9, "pattern": r"^\+996[0-9]{9}$",
            "example": "+996916123456"
        })
    );
    assert_eq!(
        some(&meta["parts"], &["terminals", "email", "sms", "promised_payments", "event_streams"]),
        json!({"terminals": true, "email": true, "sms": false, "promised_payments": false, "event_streams": false})
    );
    assert_eq!(meta["limits"]["promise_amount"], "0.00");
}
