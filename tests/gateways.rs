//! Payments by gateways and by self-service terminals.

mod amounts;
mod at_once;
mod http;
mod links;
mod polling;
mod reconciliations;
mod refunds;
mod terminal_networks;
pub mod terminals;
mod webhooks;

use gateways::protocol::{Keys, signature::key_bytes};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Client, Reply};

/// The signing key of the sandbox in the tests.
pub const KEY: &str = "the key of a sandbox of the tests";

/// The body and signature headers of one event.
pub struct Signed {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// An event signed with this key at the current time of the server's clock.
pub fn signed(app: &App, key: &str, id: &str, body: &Value) -> Signed {
    signed_at(app.clock.now().timestamp(), key, id, body.to_string().into_bytes())
}

pub fn signed_at(timestamp: i64, key: &str, id: &str, body: Vec<u8>) -> Signed {
    let signature = Keys::new(&[key_bytes(key).unwrap()]).sign(id, timestamp, &body);
    let headers = vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    Signed { headers, body }
}

/// Sends an event unchanged.
pub async fn deliver(app: &App, gateway: &str, event: &Signed) -> Reply {
    let stranger = app.stranger();
    let mut request = stranger
        .request(Method::POST, &format!("/webhooks/payments/{gateway}"))
        .header("content-type", "application/json");
    for (name, value) in &event.headers {
        request = request.header(*name, value);
    }
    Reply::read(
        String::from_utf8_lossy(&event.body).into_owned(),
        request.body(event.body.clone()).send().await.unwrap(),
    )
    .await
}

/// Sends a correctly signed event and returns its outcome.
pub async fn tell(app: &App, id: &str, body: Value) -> String {
    let receipt = deliver(app, "sandbox", &signed(app, KEY, id, &body)).await.expect(200);
    assert_eq!((&receipt["event_id"], &receipt["is_repeat"]), (&json!(id), &json!(false)));
    receipt["outcome"].as_str().unwrap().to_owned()
}

/// The event that a payment was received.
pub fn succeeded(payment: &Value, amount: &str) -> Value {
    json!({
        "type": "payment.succeeded", "reference": payment["id"].to_string(), "amount": amount,
        "currency": "RUB"
    })
}

/// An event of a payment without an amount.
pub fn happened(payment: &Value, kind: &str) -> Value {
    json!({"type": kind, "reference": payment["id"].to_string()})
}

/// Creates a payment with a link.
pub async fn link(client: &Client, contract: i64, amount: &str) -> Value {
    client.post("/payments/links", order(contract, amount)).await.expect(201)
}

pub fn order(contract: i64, amount: &str) -> Value {
    json!({
        "contract_id": contract, "amount": amount, "gateway": "sandbox",
        "return_url": "https://shop.example.com/paid?order=7"
    })
}

/// Creates a sandbox payment whose money has been received.
pub async fn paid(app: &App, client: &Client, contract: i64, amount: &str) -> Value {
    let payment = link(client, contract, amount).await;
    assert_eq!(tell(app, &format!("paid-{}", payment["id"]), succeeded(&payment, amount)).await, "applied");
    client.get(&format!("/payments/{}", payment["id"])).await.expect(200)
}

/// Creates a refund that its gateway has left without a response for so long that staff must decide.
/// Returns its id.
pub async fn unanswered_refund(app: &App, client: &Client) -> Value {
    let payment = paid(app, client, client.draft("1.00").await, "50.00").await;
    client
        .post(&format!("/payments/{}/refund", payment["id"]), json!({"amount": "10.14", "reason": "x"}))
        .await
        .expect(202);
    app.execute("UPDATE gateway_refunds SET status = 'unanswered', next_try_at = NULL").await;
    client.get("/payments/gateway-refunds?status=unanswered").await.expect(200)["results"][0]["id"].clone()
}

/// Decides about a quarantined payment.
pub async fn resolve(client: &Client, payment: &Value, decision: &str, reason: &str) -> Reply {
    client
        .post(
            &format!("/payments/{}/resolve", payment["id"]),
            json!({"decision": decision, "reason": reason}),
        )
        .await
}

/// The current payment.
pub async fn now(client: &Client, payment: &Value) -> Value {
    client.get(&format!("/payments/{}", payment["id"])).await.expect(200)
}

/// The status of a payment, and its quarantine reason, if any.
pub async fn standing(client: &Client, payment: &Value) -> (String, Value) {
    let now = now(client, payment).await;
    (now["status"].as_str().unwrap().to_owned(), now["quarantine"].clone())
}

/// The balance of a contract.
pub async fn balance(client: &Client, contract: i64) -> String {
    client.contract(contract).await["balance"].as_str().unwrap().to_owned()
}
