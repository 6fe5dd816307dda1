//! Self-service terminals.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::future::join_all;
use serde_json::json;

use super::balance;
use crate::harness::{App, Client, Reply, scenario};

pub const KEY: &str = "the key of the terminals of the tests";

pub fn terminal(app: &App) -> Client {
    app.stranger().with("x-terminal-key", KEY)
}

pub async fn ask(client: &Client, query: &str) -> Reply {
    client.get(&format!("/terminal/v1?{query}")).await
}

/// The text of an element of the response.
#[track_caller]
pub fn said(reply: &Reply, name: &str) -> Option<String> {
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "text/xml; charset=utf-8"),
        "{}: {}",
        reply.asked,
        reply.text
    );
    assert!(
        reply.text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><response>")
            && reply.text.ends_with("</response>"),
        "{}",
        reply.text
    );
    reply
        .text
        .split_once(&format!("<{name}>"))
        .map(|(_, rest)| rest.split_once(&format!("</{name}>")).unwrap().0.to_owned())
}

pub async fn result(client: &Client, query: &str) -> String {
    let reply = ask(client, query).await;
    assert!(said(&reply, "comment").is_some_and(|comment| !comment.is_empty()), "{}", reply.text);
    said(&reply, "result").unwrap()
}

pub fn pay(txn_id: &str, account: &str, sum: &str) -> String {
    format!("command=pay&txn_id={txn_id}&txn_date=20260131120000&account={account}&sum={sum}")
}

#[scenario]
async fn a_terminal_asks_pays_and_gets_the_same_answer_again(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("100.00").await;
    admin.activate(contract).await;
    let shown = admin.contract(contract).await;
    let (number, msisdn) = (shown["number"].as_str().unwrap(), shown["sim"]["msisdn"].as_str().unwrap());
    let terminal = terminal(app);
    let bare = &msisdn[2..];
    for account in [
        number,
        &number.to_lowercase(),
        bare,
        &format!("7{bare}"),
        &format!("8{bare}"),
        &format!("%2B7{bare}"),
    ] {
        let reply =
            ask(&terminal, &format!("command=check&txn_id=1234567&account={account}&sum=100.00")).await;
        assert_eq!(
            (
                said(&reply, "result").as_deref(),
                said(&reply, "osmp_txn_id").as_deref(),
                said(&reply, "prv_txn")
            ),
            (Some("0"), Some("1234567"), None),
            "{account}: {}",
            reply.text
        );
    }
    assert_eq!(app.count("payments").await, 0);

    let first = ask(&terminal, &pay("1234567", bare, "100.00")).await;
    assert_eq!(
        (said(&first, "result").as_deref(), said(&first, "sum").as_deref()),
        (Some("0"), Some("100.00")),
        "{}",
        first.text
    );
    let payment = admin.get(&format!("/payments/{}", said(&first, "prv_txn").unwrap())).await.expect(200);
    for (name, value) in [
        ("status", json!("success")),
        ("payment_method", json!("terminal")),
        ("transaction_id", json!("terminal:1234567")),
        ("processed_by", json!("terminal")),
        ("description", json!("2026-01-31 12:00:00")),
    ] {
        assert_eq!(payment[name], value, "{name}");
    }
    // the debt is settled as by any top-up
    let active = admin.contract(contract).await;
    assert_eq!((&active["status"], &active["balance"]), (&json!("active"), &json!("0.00")));
    // repeats, also with another sum, for another account, and after the contract is terminated
    for query in
        [pay("1234567", bare, "100.00"), pay("1234567", bare, "5.00"), pay("1234567", "9990000000", "100.00")]
    {
        assert_eq!(ask(&terminal, &query).await.text, first.text, "{query}");
    }
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    assert_eq!(ask(&terminal, &pay("1234567", bare, "100.00")).await.text, first.text);
    assert_eq!(result(&terminal, &pay("2", number, "5.00")).await, "7");
    assert_eq!(result(&terminal, &pay("2", bare, "5.00")).await, "5");
    assert_eq!(app.scalar("SELECT COUNT(*) FROM payments WHERE transaction_type = 'payment'").await, 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn twice_at_once_counts_once(app: &App) {
    let admin = app.admin().await;
    let (one, other) = (admin.draft("1.00").await, admin.draft("1.00").await);
    let numbers = [
        admin.contract(one).await["number"].as_str().unwrap().to_owned(),
        admin.contract(other).await["number"].as_str().unwrap().to_owned(),
    ];
    let terminal = terminal(app);
    // also if the second request is about another account
    let replies = join_all((0..20).map(|n| {
        let (terminal, query) = (terminal.clone(), pay("77", &numbers[n % 2], "10.00"));
        async move { ask(&terminal, &query).await }
    }))
    .await;
    let told: Vec<_> = replies
        .iter()
        .filter(|reply| said(reply, "result").as_deref() == Some("0"))
        .map(|reply| said(reply, "prv_txn").unwrap())
        .collect();
    assert!(!told.is_empty() && told.iter().all(|id| *id == told[0]), "{told:?}");
    // a request that waited too long for the first one gets a temporary error
    assert!(
        replies.iter().all(|reply| ["0", "1"].contains(&said(reply, "result").unwrap().as_str())),
        "{:?}",
        replies.iter().map(|reply| &reply.text).collect::<Vec<_>>()
    );
    assert_eq!(
        (
            app.count("payments").await,
            [balance(&admin, one).await, balance(&admin, other).await]
                .iter()
                .filter(|balance| *balance == "10.00")
                .count()
        ),
        (1, 1)
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn whatever_is_wrong_is_told_by_a_number_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    let terminal = terminal(app);
    for (query, expected) in [
        (String::new(), "300"),
        ("command=refund&txn_id=1&account=1".into(), "300"),
        (pay("", &number, "10"), "300"),
        (pay("-1", &number, "10"), "300"),
        (pay("123456789012345678901", &number, "10"), "300"),
        (pay("%3Cx%3E", &number, "10"), "300"),
        (format!("command=pay&txn_id=1&account={number}&sum=10"), "300"),
        (format!("command=pay&txn_id=1&txn_date=20260230120000&account={number}&sum=10"), "300"),
        (format!("command=pay&txn_id=1&txn_date=20260131120000&account={number}"), "300"),
        (format!("{}&sum=20", pay("1", &number, "10")), "300"),
        (pay("1", "", "10"), "4"),
        (pay("1", "12345", "10"), "4"),
        (pay("1", "%27%20OR%201%3D1", "10"), "4"),
        (pay("1", "202601-00000000", "10"), "5"),
        (pay("1", "9990000000", "10"), "5"),
        (format!("command=check&txn_id=1&account={number}&sum=0.99"), "241"),
        ("command=cancel&txn_id=1".into(), "300"),
        (format!("command=check&txn_id=1&account={number}"), "0"),
        ("%FF%FE=%00&command=%00".into(), "300"),
    ] {
        assert_eq!(result(&terminal, &query).await, expected, "{query}");
    }
    // a balance at its limit cannot be increased
    admin.pay(contract, "99999999999.99").await;
    assert_eq!(result(&terminal, &pay("1", &number, "1.00")).await, "242");
    assert_eq!(app.count("payments").await, 1);
    // in the requested language
    let english = ask(&terminal.with("accept-language", "en"), &pay("1", "9990000000", "10")).await;
    assert!(said(&english, "comment").unwrap().starts_with("There is no such record"), "{}", english.text);
    // transaction ids with our prefix are reserved
    let taken = json!({
        "contract_id": contract, "amount": "1.00", "payment_method": "cash", "transaction_id": "terminal:1"
    });
    assert_eq!(
        admin.post("/payments", taken).await.wrong_fields(),
        [("/transaction_id".to_owned(), "reserved_prefix".to_owned())]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn terminals_have_a_key_of_their_own(app: &App) {
    let admin = app.admin().await;
    let query = format!(
        "command=check&txn_id=1&account={}",
        admin.contract(admin.draft("1.00").await).await["number"].as_str().unwrap()
    );
    let basic =
        |text: &str| app.stranger().with("authorization", format!("Basic {}", BASE64_STANDARD.encode(text)));
    for client in [
        basic(&format!("qiwi:{KEY}")),
        basic(&format!(":{KEY}")),
        terminal(app),
        terminal(app).with("authorization", "Basic nonsense"),
    ] {
        assert_eq!(result(&client, &query).await, "0");
    }
    for client in [
        app.stranger(),
        admin.clone(),
        basic(KEY),
        basic("qiwi:another key"),
        app.stranger().with("authorization", "Basic ???"),
        app.stranger().with("x-terminal-key", &KEY[1..]),
        app.stranger().with("x-terminal-key", ""),
    ] {
        let reply = ask(&client, &query).await;
        assert_eq!(reply.header("www-authenticate"), "Basic realm=\"terminal\"");
        reply.refused(401, "terminal_key_wrong");
    }
    app.beside(&[("TERMINAL_KEY", "")], async |other| {
        ask(&terminal(other), &query).await.refused(404, "terminal_off");
    })
    .await;
}
