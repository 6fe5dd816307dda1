//! Comparison of settlement files with the ledger.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::{happened, link, paid, tell};
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
    let (matched, differs, currency, theirs_not) = (
        paid(app, &admin, contract, "10.00").await,
        paid(app, &admin, contract, "20.00").await,
        paid(app, &admin, contract, "30.00").await,
        paid(app, &admin, contract, "40.00").await,
    );
    let (pending, failed) = (link(&admin, contract, "50.00").await, link(&admin, contract, "60.00").await);
    tell(app, "f-1", happened(&failed, "payment.failed")).await;
    // a fully refunded payment still counts as received
    let refunded = paid(app, &admin, contract, "70.00").await;
    admin.post(&format!("/payments/{}/refund", refunded["id"]), json!({"reason": "x"})).await.expect(200);
    let cash = admin.pay(contract, "80.00").await;
    let before = standing(app).await;

    let file = format!(
        "\u{feff}Reference;Payer;Amount;Currency\r\n{};\"Иванов; Пётр\";10;RUB\r\n\
         {};=cmd|' /C calc'!A0;19.99;RUB\r\n{};;30.00;USD\r\n{};;50.00;RUB\r\n{};;60.00;RUB\r\n\
         {};;70.00;RUB\r\n{};;80.00;RUB\r\n{};;7.00;RUB\r\n999999;;1.00;RUB\r\n@SUM(A1);;1.00;RUB\r\n",
        matched["id"],
        differs["id"],
        currency["id"],
        pending["id"],
        failed["id"],
        refunded["id"],
        cash["id"],
        yesterday["id"]
    );
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

    let references = async |kind: &str| {
        rows(&admin, &found, kind)
            .await
            .iter()
            .map(|row| row["reference"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let ids =
        |payments: &[&Value]| payments.iter().map(|payment| payment["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(references("matched").await, ids(&[&matched, &refunded, &yesterday]));
    assert_eq!(references("different_amount").await, ids(&[&differs, &currency]));
    assert_eq!(references("missing_there").await, ids(&[&theirs_not]));
    assert_eq!(
        references("missing_here").await,
        [ids(&[&pending, &failed, &cash]), vec!["999999".to_owned(), "@SUM(A1)".to_owned()]].concat()
    );
    let row = rows(&admin, &found, "different_amount").await[0].clone();
    for (name, value) in [
        ("line", json!(3)),
        ("payment_id", differs["id"].clone()),
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
async fn a_file_that_is_wrong_is_refused_with_all_that_is_wrong(app: &App) {
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
        wrong(QUERY, b"reference,amount,reference\n1,1,1", 422).await,
        ["/columns/currency required", "/columns/reference duplicate_value"]
    );
    let rows = "reference,amount,currency\n1,1e309,RUB\n2,NaN,rub\n3,0.001,RUB\n4,-1,RUB\n4,=1+1,RUB\n\
                ,1,RUB\n6,12345678901234567890123456789,RUB\n7,1\n8,1,RUB\n8,1,RUB\n";
    let expected = [
        "/rows/2/amount invalid_amount",
        "/rows/3/amount invalid_amount",
        "/rows/3/currency invalid_format",
        "/rows/4/amount invalid_amount",
        "/rows/5/amount invalid_amount",
        "/rows/6/amount invalid_amount",
        "/rows/7/reference required",
        "/rows/8/amount invalid_amount",
        "/rows/9 invalid_format",
        "/rows/11/reference duplicate_value",
    ];
    let mut expected: Vec<String> = expected.map(str::to_owned).into_iter().collect();
    expected.sort();
    let mut found = wrong(QUERY, rows.as_bytes(), 422).await;
    found.sort();
    assert_eq!(found, expected);
    let unreadable = [
        (b"".as_slice(), "file_empty"),
        (b"\xef\xbb\xbf \n", "file_empty"),
        (b"reference;amount;currency\n1;1;\xd0\n", "wrong_encoding"),
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
