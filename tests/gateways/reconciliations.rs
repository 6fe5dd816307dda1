//! Comparison of settlement files with the ledger.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    happened, link, paid, tell,
    terminals::{ask, pay, terminal},
};
use crate::harness::{App, Client, Reply, id, scenario};

const QUERY: &str = "gateway=sandbox&from=2026-01-31&to=2026-01-31";

async fn send(client: &Client, query: &str, file: impl Into<Vec<u8>>) -> Reply {
    let path = format!("/payments/reconciliations?{query}");
    let request = client.request(Method::POST, &path).header("content-type", "text/csv").body(file.into());
    Reply::read(path, request.send().await.unwrap()).await
}

async fn rows(client: &Client, found: &Value, kind: &str) -> Vec<Value> {
    let page =
        client.get(&format!("/payments/reconciliations/{}/rows?kind={kind}", found["id"])).await.expect(200);
    page["results"].as_array().unwrap().clone()
}

/// The references of the rows of this kind.
async fn references(client: &Client, found: &Value, kind: &str) -> Vec<String> {
    rows(client, found, kind).await.iter().map(|row| row["reference"].as_str().unwrap().to_owned()).collect()
}

fn ids(payments: &[&Value]) -> Vec<String> {
    payments.iter().map(|payment| payment["id"].to_string()).collect()
}

/// Payments of one day, by what a settlement file says of them.
struct Payments {
    matched: Value,
    differs: Value,
    currency: Value,
    theirs_not: Value,
    pending: Value,
    failed: Value,
    refunded: Value,
    cash: Value,
}

impl Payments {
    async fn made(app: &App, admin: &Client, contract: i64) -> Self {
        let (matched, differs, currency, theirs_not) = (
            paid(app, admin, contract, "10.00").await,
            paid(app, admin, contract, "20.00").await,
            paid(app, admin, contract, "30.00").await,
            paid(app, admin, contract, "40.00").await,
        );
        let (pending, failed) = (link(admin, contract, "50.00").await, link(admin, contract, "60.00").await);
        tell(app, "f-1", happened(&failed, "payment.failed")).await;
        // a fully refunded payment still counts as received
        let refunded = paid(app, admin, contract, "70.00").await;
        admin.post(&format!("/payments/{}/refund", refunded["id"]), json!({"reason": "x"})).await.expect(200);
        let cash = admin.pay(contract, "80.00").await;
        Self { matched, differs, currency, theirs_not, pending, failed, refunded, cash }
    }

    /// A settlement file of these payments, of one of the day before, and of two that nobody knows.
    fn settlement(&self, yesterday: &Value) -> String {
        format!(
            "\u{feff}Reference;Payer;Amount;Currency\r\n{};\"Иванов; Пётр\";10;RUB\r\n\
             {};=cmd|' /C calc'!A0;19.99;RUB\r\n{};;30.00;USD\r\n{};;50.00;RUB\r\n{};;60.00;RUB\r\n\
             {};;70.00;RUB\r\n{};;80.00;RUB\r\n{};;7.00;RUB\r\n999999;;1.00;RUB\r\n@SUM(A1);;1.00;RUB\r\n",
            self.matched["id"],
            self.differs["id"],
            self.currency["id"],
            self.pending["id"],
            self.failed["id"],
            self.refunded["id"],
            self.cash["id"],
            yesterday["id"]
        )
    }

    /// Every payment, and every reference that nobody knows, is in the rows of its kind.
    async fn are_listed(&self, client: &Client, found: &Value, yesterday: &Value) {
        let matched = ids(&[&self.matched, &self.refunded, yesterday]);
        assert_eq!(references(client, found, "matched").await, matched);
        let different = ids(&[&self.differs, &self.currency]);
        assert_eq!(references(client, found, "different_amount").await, different);
        assert_eq!(references(client, found, "missing_there").await, ids(&[&self.theirs_not]));
        let unknown = vec!["999999".to_owned(), "@SUM(A1)".to_owned()];
        assert_eq!(
            references(client, found, "missing_here").await,
            [ids(&[&self.pending, &self.failed, &self.cash]), unknown].concat()
        );
    }
}

/// The data that no reconciliation may change.
async fn standing(app: &App) -> Vec<String> {
    app.texts("SELECT id || ' ' || status || ' ' || version FROM payments ORDER BY id").await
}

#[scenario]
async fn a_settlement_file_shows_what_both_sides_have_and_what_they_do_not(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let yesterday = paid(app, &admin, contract, "7.00").await;
    app.advance(TimeDelta::days(1));
    let admin = app.admin().await;
    let today = Payments::made(app, &admin, contract).await;
    let before = standing(app).await;

    let file = today.settlement(&yesterday);
    let made = send(&admin, "gateway=sandbox&from=2026-02-01&to=2026-02-01", file.clone()).await;
    let location = made.header("location").to_owned();
    let found = made.expect(201);
    for (name, value) in [
        ("file_rows", 10),
        ("matched", 3),
        ("different_amount", 2),
        ("missing_here", 5),
        ("missing_there", 1),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    assert_eq!(
        (&found["gateway"], &found["from"], &found["created_by"]),
        (&json!("sandbox"), &json!("2026-02-01"), &json!("admin"))
    );
    assert_eq!(admin.get(&location).await.expect(200), found);

    today.are_listed(&admin, &found, &yesterday).await;
    let row = rows(&admin, &found, "different_amount").await[0].clone();
    for (name, value) in [
        ("line", json!(3)),
        ("payment_id", today.differs["id"].clone()),
        ("their_amount", json!("19.99")),
        ("their_currency", json!("RUB")),
        ("our_amount", json!("20.00")),
        ("our_status", json!("success")),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    let all = admin
        .get(&format!("/payments/reconciliations/{}/rows?cursor=&page_size=3", found["id"]))
        .await
        .expect(200);
    assert_eq!((all["results"].as_array().unwrap().len(), all["next"].is_string()), (3, true));

    // over both days, with an empty file
    let both = send(&admin, "gateway=sandbox&from=2026-01-31&to=2026-02-01", "reference,amount,currency\n")
        .await
        .expect(201);
    assert_eq!((&both["file_rows"], &both["missing_there"]), (&json!(0), &json!(6)));
    let lists = admin.get("/payments/reconciliations?gateway=sandbox").await.expect(200);
    assert_eq!((&lists["count"], id(&lists["results"][0])), (&json!(2), id(&both)));
    assert_eq!(standing(app).await, before);
    let (operator, supervisor) = (app.user("operator").await, app.user("supervisor").await);
    send(&operator, QUERY, file).await.refused(403, "permission_missing");
    supervisor.get(&location).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_bad_row_is_listed_and_stops_nothing_else(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let (one, other) =
        (paid(app, &admin, contract, "10.00").await, paid(app, &admin, contract, "20.00").await);
    let (one, other) = (&one["id"], &other["id"]);
    let file = format!(
        "reference,amount,currency\n{one},10,RUB\n2,NaN,rub\n,1,RUB\n\n{one},10,RUB\n=1+1,1e309,RUB\n\
         {other},20,R\n7,1,RUB,x\n{other},20.00,rub\n"
    );
    let found = send(&admin, QUERY, file).await.expect(201);
    for (name, value) in [("file_rows", 8), ("matched", 2), ("repeated", 1), ("unreadable", 5)] {
        assert_eq!(found[name], value, "{name}");
    }
    for name in ["missing_here", "missing_there", "different_amount"] {
        assert_eq!(found[name], 0, "{name}");
    }
    let told: Vec<String> = rows(&admin, &found, "unreadable")
        .await
        .iter()
        .map(|row| format!("{} {} {} {}", row["line"], row["reference"], row["problem"], row["text"]))
        .collect();
    let expected = [
        r#"3 "2" "invalid_amount" "2,NaN,rub""#.to_owned(),
        r#"4 "" "required" ",1,RUB""#.to_owned(),
        r#"7 "=1+1" "invalid_amount" "=1+1,1e309,RUB""#.to_owned(),
        format!(r#"8 "{other}" "invalid_format" "{other},20,R""#),
        r#"9 "7" "invalid_format" "7,1,RUB,x""#.to_owned(),
    ];
    assert_eq!(told, expected);
    let repeated = rows(&admin, &found, "repeated").await;
    assert_eq!((&repeated[0]["line"], &repeated[0]["payment_id"]), (&json!(6), one));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn files_are_read_as_banks_and_spreadsheets_write_them(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let (one, other) =
        (paid(app, &admin, contract, "1070.00").await, paid(app, &admin, contract, "20.00").await);
    let refund = json!({"reason": "x", "amount": "5.50"});
    admin.post(&format!("/payments/{}/refund", other["id"]), refund).await.expect(200);
    let before = standing(app).await;
    let (one, other) = (&one["id"], &other["id"]);
    let bank = format!(
        "Реестр за 31.01.2026;;;\r\n№;Дата;Номер платежа;Сумма, руб.\r\n1;31.01.2026;{one};1 070,00\r\n\
         2;31.01.2026;{other};20,00\r\n3;31.01.2026;{other};-5,50\r\n;;;\r\nИтого:;;;1 084,50\r\n"
    );
    let (windows, _, _) = encoding_rs::WINDOWS_1251.encode(&bank);
    let sep = format!(
        "sep=;\nReference;Amount;Currency\n{one};1070,00;rub\n{other};20;RUR\n{other};(5,50);643\n;;\n"
    );
    let tabs = format!("txn_id\tsum\n{one}\t1'070.00\n{other}\t20,00 ₽\n{other}\t−5,50\n");
    let comma =
        format!("reference,amount,currency\n{one},\"1,070.00\",RUB\n{other},20.00,RUB\n{other},-5.50,RUB\n");
    for (kind, file) in [
        ("text/csv", bank.clone().into_bytes()),
        ("application/vnd.ms-excel", windows.into_owned()),
        ("text/csv; charset=utf-8", sep.into_bytes()),
        ("text/plain", tabs.into_bytes()),
        ("text/csv", comma.into_bytes()),
    ] {
        let path = format!("/payments/reconciliations?{QUERY}");
        let shown = String::from_utf8_lossy(&file).into_owned();
        let request = admin.request(Method::POST, &path).header("content-type", kind).body(file);
        let found = Reply::read(path, request.send().await.unwrap()).await.expect(201);
        let figures =
            ["file_rows", "matched", "missing_here", "missing_there", "different_amount", "unreadable"];
        assert_eq!(figures.map(|name| found[name].as_i64().unwrap()), [3, 3, 0, 0, 0, 0], "{shown}");
        let refunds = rows(&admin, &found, "matched").await[2].clone();
        for (name, value) in [
            ("payment_id", other.clone()),
            ("their_amount", json!("-5.50")),
            ("our_amount", json!("-5.50")),
            ("their_currency", json!("RUB")),
            ("our_status", json!("success")),
        ] {
            assert_eq!(refunds[name], value, "{name}");
        }
    }
    // a refund that differs, one that is not ours, and ours that is not theirs
    let file = format!("reference;amount\n{one};1070\n{other};20\n{one};-1\n");
    let found = send(&admin, QUERY, file).await.expect(201);
    let kinds = ["matched", "missing_here", "missing_there"];
    assert_eq!(kinds.map(|name| found[name].as_i64().unwrap()), [2, 1, 1]);
    assert_eq!(rows(&admin, &found, "missing_there").await[0]["our_amount"], "-5.50");
    let found = send(&admin, QUERY, format!("reference;amount\n{one};1070\n{other};20\n{other};-5\n"))
        .await
        .expect(201);
    assert_eq!(
        (&found["matched"], &found["different_amount"], &found["missing_there"]),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!(standing(app).await, before);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(TERMINALS = "qiwi=the key of the network qiwi of the tests")]
async fn files_of_terminals_and_of_a_bank_are_compared_by_their_own_ids(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    let qiwi = app.stranger().with("x-terminal-key", "the key of the network qiwi of the tests");
    for (client, txn_id, sum) in
        [(&terminal(app), "7", "70.00"), (&qiwi, "7", "77.00"), (&qiwi, "8", "80.00"), (&qiwi, "9", "90.00")]
    {
        ask(client, &pay(txn_id, &number, sum)).await;
    }
    let transfer = async |transaction_id: &str, amount: &str| {
        let body = json!({
            "contract_id": contract, "amount": amount, "payment_method": "bank_transfer",
            "transaction_id": transaction_id
        });
        admin.post("/payments", body).await.expect(201);
    };
    transfer("PP-000123", "123.00").await;
    transfer("PP-000124", "124.00").await;
    admin.pay(contract, "5.00").await;
    let eight = app.scalar("SELECT id FROM payments WHERE transaction_id = 'terminal:qiwi:8'").await;
    ask(&qiwi, &format!("command=cancel&txn_id=10&prv_txn={eight}")).await;
    for (source, file, expected) in [
        ("terminal", "txn_id;sum\n7;70,00\n8;80,00\n", [1, 1, 0, 0]),
        ("terminal:qiwi", "txn_id;sum\n7;77,00\n8;80,00\n8;-80,00\n", [3, 0, 1, 0]),
        ("terminal:qiwi", "txn_id;sum\n7;70,00\n", [0, 0, 2, 1]),
        ("bank", "Номер документа;Сумма\nPP-000123;123,00\nPP-000999;1,00\n", [1, 1, 1, 0]),
    ] {
        let query = format!("gateway={source}&from=2026-01-31&to=2026-01-31");
        let found = send(&admin, &query, file).await.expect(201);
        let kinds = ["matched", "missing_here", "missing_there", "different_amount"];
        assert_eq!(kinds.map(|name| found[name].as_i64().unwrap()), expected, "{source} {file}");
        assert_eq!(found["gateway"], source);
        let listed = admin.get(&format!("/payments/reconciliations?gateway={source}")).await.expect(200);
        assert_eq!(listed["results"][0]["id"], found["id"]);
    }
    let query = "gateway=terminal:osmp&from=2026-01-31&to=2026-01-31";
    let wrong = send(&admin, query, "txn_id;sum\n").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    assert!(wrong.text.contains("sandbox, terminal, terminal:qiwi, bank"), "{}", wrong.text);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_file_that_is_wrong_as_a_whole_is_refused(app: &App) {
    let admin = app.admin().await;
    let wrong = async |query: &str, file: &[u8], status: u16| {
        let reply = send(&admin, query, file).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        reply
            .wrong_fields()
            .into_iter()
            .map(|(pointer, code)| format!("{pointer} {code}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        wrong(QUERY, b"reference,fee,reference\n1,1,1", 422).await,
        ["/columns/amount required", "/columns/reference duplicate_value"]
    );
    let unreadable = [
        (b"".as_slice(), "file_empty"),
        (b"\xef\xbb\xbf \n", "file_empty"),
        (b"reference,amount,currency\n1,1,R\0B\n", "wrong_encoding"),
        (b"PK\x03\x04\xff", "wrong_encoding"),
    ];
    for (file, code) in unreadable {
        assert_eq!(wrong(QUERY, file, 422).await, [format!("/file {code}")]);
    }
    for (query, expected) in [
        ("", vec!["from required", "gateway required", "to required"]),
        (
            "gateway=paypal&from=2026-01-31&to=2026-01-30",
            vec!["gateway invalid_choice", "to ends_before_begin"],
        ),
        ("gateway=sandbox&from=2026-01-01&to=2026-02-01", vec!["to out_of_range"]),
        ("gateway=sandbox&from=2026-1-1&to=2026-01-31", vec!["from invalid_format"]),
    ] {
        assert_eq!(wrong(query, b"reference,amount,currency\n", 400).await, expected, "{query}");
    }
    let rows: String = (1..=20_001).map(|n| format!("{n},1.00,RUB\n")).collect();
    assert_eq!(
        wrong(QUERY, format!("reference,amount,currency\n{rows}").as_bytes(), 422).await,
        ["/rows invalid_length"]
    );
    send(&admin, QUERY, vec![b'x'; 10 * 1024 * 1024 + 1]).await.refused(413, "body_too_large");
    admin
        .post(&format!("/payments/reconciliations?{QUERY}"), json!({}))
        .await
        .refused(415, "unsupported_media_type");
    assert_eq!(app.count("reconciliations").await, 0);
    // the largest number of rows
    let rows: String = (1..=20_000).map(|n| format!("{n},1.00,RUB\n")).collect();
    let begun = std::time::Instant::now();
    assert_eq!(
        send(&admin, QUERY, format!("reference,amount,currency\n{rows}")).await.expect(201)["missing_here"],
        20_000
    );
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[scenario]
async fn a_repeat_with_the_same_key_compares_nothing_anew(app: &App) {
    let admin = app.admin().await.with("idempotency-key", "file-1");
    let file = "reference,amount,currency\n1,1.00,RUB\n";
    let first = send(&admin, QUERY, file).await.expect(201);
    assert_eq!(send(&admin, QUERY, file).await.expect(201), first);
    send(&admin, QUERY, format!("{file}2,1.00,RUB\n")).await.refused(422, "idempotency_key_reused");
    assert_eq!(app.count("reconciliations").await, 1);
}
