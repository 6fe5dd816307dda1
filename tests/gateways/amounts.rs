//! Invalid amounts from gateways and terminals are refused with a clear error and move no money.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    KEY, balance, deliver, link, order, paid, resolve, signed_at, standing, succeeded, tell,
    terminals::{ask, pay, terminal},
};
use crate::harness::{App, Reply, scenario};

/// A number with more digits than an amount can have.
const DIGITS: &str = "12345678901234567890123456789";

/// The event that a payment was received, with its amount as written here.
fn succeeded_with(payment: &Value, amount: &str) -> String {
    format!(
        "{{\"type\": \"payment.succeeded\", \"reference\": \"{}\", \"amount\": {amount}, \
         \"currency\": \"RUB\"}}",
        payment["id"]
    )
}

/// An event of this kind that names a refund, with its amount as written here.
fn of_a_refund(kind: &str, payment: &Value, amount: &str) -> String {
    format!(
        "{{\"type\": \"{kind}\", \"reference\": \"{}\", \"amount\": {amount}, \
         \"currency\": \"RUB\", \"refund_id\": \"r\"}}",
        payment["id"]
    )
}

/// Sends the text of an event, correctly signed.
async fn deliver_text(app: &App, id: &str, event: String) -> Reply {
    deliver(app, "sandbox", &signed_at(app.clock.now().timestamp(), KEY, id, event.into_bytes())).await
}

#[scenario]
async fn a_tenth_and_two_tenths_are_thirty_kopecks_by_link_event_and_terminal(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    for (at, amount) in ["0.1", "0.2"].into_iter().enumerate() {
        let body = order(contract, "1").to_string().replace("\"1\"", amount);
        let request = admin
            .request(Method::POST, "/payments/links")
            .header("content-type", "application/json")
            .body(body);
        let payment = Reply::read("link".into(), request.send().await.unwrap()).await.expect(201);
        assert_eq!(payment["amount"], format!("{amount}0"));
        // as a number, and as text
        deliver_text(app, &format!("evt-{at}"), succeeded_with(&payment, amount)).await.expect(200);
    }
    assert_eq!(balance(&admin, contract).await, "0.30");
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    let terminal = terminal(app);
    for (at, sum) in ["1.1", "1.2"].into_iter().enumerate() {
        let reply = ask(&terminal, &pay(&at.to_string(), &number, sum)).await;
        assert!(reply.text.contains("<result>0</result>"), "{}", reply.text);
    }
    assert_eq!(balance(&admin, contract).await, "2.60");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_is_no_amount_in_an_event_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = link(&admin, contract, "100.00").await;
    let paid = paid(app, &admin, contract, "50.00").await;
    let (rows, events) = (app.count("payments").await, app.count("gateway_events").await);
    let never = [
        "1e309",
        "\"NaN\"",
        "\"1e2\"",
        "1e2",
        DIGITS,
        "0.001",
        "\"0.001\"",
        "100000000000.00",
        "\"Infinity\"",
        "\"\"",
        "true",
        "[]",
        "\" 100.00\"",
        "\"+100\"",
        "\"1,5\"",
        "null",
    ];
    for amount in never {
        for (kind, of) in [("payment.succeeded", &payment), ("payment.refunded", &paid)] {
            let reply = deliver_text(app, "evt-1", of_a_refund(kind, of, amount)).await;
            assert_eq!(
                reply.wrong_fields().iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
                ["/amount"],
                "{kind} {amount}: {}",
                reply.text
            );
            reply.refused(422, "invalid");
        }
    }
    for amount in ["NaN", "-", "01"] {
        deliver_text(app, "evt-1", succeeded_with(&payment, amount)).await.refused(400, "malformed");
    }
    for amount in ["0", "-0", "-1", "\"-50.00\""] {
        deliver_text(app, "evt-1", of_a_refund("payment.refunded", &paid, amount))
            .await
            .refused(422, "invalid");
    }
    assert_eq!((app.count("gateway_events").await, app.count("payments").await), (events, rows));
    // the gateway has accepted a well-formed amount that differs from the payment's
    let zero = json!({
        "type": "payment.succeeded", "reference": payment["id"].to_string(), "amount": "0", "currency": "RUB"
    });
    assert_eq!(tell(app, "zero", zero).await, "quarantined");
    assert_eq!((balance(&admin, contract).await.as_str(), app.count("payments").await), ("50.00", rows));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_is_no_amount_at_a_terminal_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    link(&admin, contract, "100.00").await;
    paid(app, &admin, contract, "50.00").await;
    let rows = app.count("payments").await;
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    let terminal = terminal(app);
    // `check` without a sum, or with nothing as the sum, is a look-up
    for (sum, checked, paid) in [
        ("1e309", 300, 300),
        ("NaN", 300, 300),
        ("1e2", 300, 300),
        (DIGITS, 242, 242),
        ("0.001", 300, 300),
        ("-0", 0, 241),
        ("0", 0, 241),
        ("0.00", 0, 241),
        ("-5", 241, 241),
        ("100000.01", 242, 242),
        ("99999999999.99", 242, 242),
        ("100000000000.00", 242, 242),
        ("", 0, 300),
        ("1,5", 300, 300),
        ("%2B5", 300, 300),
        ("5.", 300, 300),
        (".5", 300, 300),
        ("%D9%A1", 300, 300),
    ] {
        for (command, result) in [("check", checked), ("pay", paid)] {
            let reply = ask(
                &terminal,
                &format!("command={command}&txn_id=1&txn_date=20260131120000&account={number}&sum={sum}"),
            )
            .await;
            assert!(
                reply.status == 200 && reply.text.contains(&format!("<result>{result}</result>")),
                "{command} {sum}: {}",
                reply.text
            );
        }
    }
    assert_eq!((balance(&admin, contract).await.as_str(), app.count("payments").await), ("50.00", rows));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn no_sum_goes_beyond_the_limit(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = link(&admin, contract, "0.10").await;
    admin.pay(contract, "99999999999.99").await;
    // the money was received, and the balance cannot hold it
    assert_eq!(tell(app, "evt-1", succeeded(&payment, "0.10")).await, "quarantined");
    assert_eq!(standing(&admin, &payment).await, ("pending".to_owned(), json!("not_accepted")));
    resolve(&admin, &payment, "accept", "x").await.refused(422, "amount_out_of_range");
    admin
        .post(&format!("/contracts/{contract}/deduct_balance"), json!({"amount": "1.00", "description": "x"}))
        .await
        .expect(200);
    resolve(&admin, &payment, "accept", "x").await.expect(200);
    assert_eq!(balance(&admin, contract).await, "99999999999.09");
    let largest = link(&admin, admin.draft("1.00").await, "99999999999.99").await;
    assert_eq!(tell(app, "evt-2", succeeded(&largest, "99999999999.99")).await, "applied");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
