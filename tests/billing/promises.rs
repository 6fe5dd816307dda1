//! Promised payments: credit for some days, and what ends it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{bill, ledger, on, running, stands, tariff};
use crate::harness::{App, Client, scenario};

/// A prepaid contract of 400.00 that is in debt since 2026-02-28.
async fn in_debt(app: &App) -> (Client, i64) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "400.00").await;
    let contract = running(&admin, tariff, "400.00", json!({})).await;
    let admin = on(app, "2026-02-28").await;
    bill(app, &admin, json!({})).await;
    assert_eq!(stands(&admin, contract).await, "suspended 0.00 2026-02-28 31");
    (admin, contract)
}

fn promise(contract: i64) -> String {
    format!("/contracts/{contract}/promised-payment")
}

/// The promises of a contract, the newest first.
async fn promises(client: &Client, contract: i64) -> Vec<Value> {
    let page = client.get(&format!("/contracts/{contract}/promised-payments")).await.expect(200);
    page["results"].as_array().unwrap().clone()
}

/// What a request must not have moved.
async fn picture(app: &App, contract: i64) -> Vec<String> {
    let sql = format!(
        "SELECT CAST(balance AS TEXT) || ' ' || CAST(promised_credit AS TEXT) || ' ' || CAST(version AS TEXT) \
         FROM contracts WHERE id = {contract}"
    );
    let mut picture = app.texts(&sql).await;
    for table in ["promised_payments", "payments", "events", "contract_periods", "contract_holds"] {
        picture.push(app.count(table).await.to_string());
    }
    picture
}

#[scenario]
async fn a_promise_lets_the_line_work_and_one_that_is_not_paid_holds_it_at_that_moment(app: &App) {
    let (admin, contract) = in_debt(app).await;
    let granted = admin.post(&promise(contract), json!({"amount": "400", "days": 2})).await;
    assert_eq!(granted.header("location"), format!("/api/v1/contracts/{contract}/promised-payments"));
    let granted = granted.expect(201);
    assert_eq!(
        (&granted["amount"], &granted["fee"], &granted["status"], &granted["granted_by"]),
        (&json!("400.00"), &json!("0.00"), &json!("active"), &json!("admin"))
    );
    assert_eq!(stands(&admin, contract).await, "active -400.00 2026-03-31 31");
    let shown = admin.contract(contract).await;
    assert_eq!((&shown["promised_credit"], &shown["is_promise_broken"]), (&json!("400.00"), &json!(false)));
    // a moment before its time nothing ends
    app.advance(TimeDelta::days(2) - TimeDelta::seconds(1));
    app.end_promises().await;
    let admin = app.admin().await;
    assert_eq!(stands(&admin, contract).await, "active -400.00 2026-03-31 31");
    app.advance(TimeDelta::seconds(1));
    app.end_promises().await;
    let admin = app.admin().await;
    assert_eq!(stands(&admin, contract).await, "suspended -400.00 2026-03-31 31");
    let shown = admin.contract(contract).await;
    assert_eq!(
        (&shown["promised_credit"], &shown["is_promise_broken"], &shown["sim"]["status"]),
        (&json!("0.00"), &json!(true), &json!("suspended"))
    );
    let all = promises(&admin, contract).await;
    assert_eq!((all.len(), &all[0]["status"]), (1, &json!("broken")));
    // ended once only
    let before = picture(app, contract).await;
    app.end_promises().await;
    assert_eq!(picture(app, contract).await, before);
    admin.post(&promise(contract), json!({})).await.refused(409, "promise_broken");
    assert_eq!(picture(app, contract).await, before);
    // less than the debt does not lift the hold
    admin.pay(contract, "399.99").await;
    assert_eq!(stands(&admin, contract).await, "suspended -0.01 2026-03-31 31");
    admin.pay(contract, "0.01").await;
    assert_eq!(stands(&admin, contract).await, "active 0.00 2026-03-31 31");
    assert_eq!(admin.contract(contract).await["is_promise_broken"], json!(false));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn payments_that_come_to_the_amount_keep_the_promise_at_once(app: &App) {
    let (admin, contract) = in_debt(app).await;
    admin.post(&promise(contract), json!({})).await.expect(201);
    assert_eq!(admin.contract(contract).await["promised_credit"], json!("500.00"));
    admin.pay(contract, "499.99").await;
    assert_eq!(promises(&admin, contract).await[0]["status"], json!("active"));
    admin.pay(contract, "0.01").await;
    let kept = promises(&admin, contract).await;
    assert_eq!((&kept[0]["status"], kept[0]["ended_at"].is_null()), (&json!("kept"), false));
    assert_eq!(stands(&admin, contract).await, "active 100.00 2026-03-31 31");
    assert_eq!(admin.contract(contract).await["promised_credit"], json!("0.00"));
    admin.post(&promise(contract), json!({})).await.refused(409, "promise_used");
    app.advance(TimeDelta::days(4));
    app.end_promises().await;
    let admin = app.admin().await;
    assert_eq!(stands(&admin, contract).await, "active 100.00 2026-03-31 31");
    let kinds = app.texts("SELECT kind FROM events WHERE entity = 'promised_payment' ORDER BY id").await;
    assert_eq!(kinds, ["promise.granted", "promise.kept"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn less_than_the_amount_keeps_the_promise_when_it_covers_the_balance_at_its_time(app: &App) {
    let (admin, contract) = in_debt(app).await;
    admin.post(&promise(contract), json!({"amount": "500.00", "days": 1})).await.expect(201);
    admin.pay(contract, "400.00").await;
    assert_eq!(promises(&admin, contract).await[0]["status"], json!("active"));
    app.advance(TimeDelta::days(1));
    app.end_promises().await;
    let admin = app.admin().await;
    assert_eq!(promises(&admin, contract).await[0]["status"], json!("kept"));
    assert_eq!(stands(&admin, contract).await, "active 0.00 2026-03-31 31");
}

#[scenario]
async fn wrong_promises_are_refused_and_move_nothing(app: &App) {
    let (admin, contract) = in_debt(app).await;
    let draft = admin.draft("10.00").await;
    let before = picture(app, contract).await;
    for (body, name) in [
        (json!({"amount": "500.01"}), "amount"),
        (json!({"amount": "0.00"}), "amount"),
        (json!({"amount": "-1.00"}), "amount"),
        (json!({"amount": "1.001"}), "amount"),
        (json!({"days": 0}), "days"),
        (json!({"days": 4}), "days"),
        (json!({"reason": "x"}), "reason"),
    ] {
        let problem = admin.post(&promise(contract), body.clone()).await.expect(422);
        assert!(problem.to_string().contains(name), "{body}: {problem}");
    }
    admin.post(&promise(draft), json!({})).await.refused(409, "contract_not_running");
    admin.post(&promise(999_999), json!({})).await.refused(404, "contract_not_found");
    let employee = app.user("employee").await;
    employee.post(&promise(contract), json!({})).await.expect(403);
    employee.get(&format!("/contracts/{contract}/promised-payments")).await.expect(200);
    app.stranger().post(&promise(contract), json!({})).await.expect(401);
    assert_eq!(picture(app, contract).await[0], before[0]);
    assert_eq!(app.count("promised_payments").await, 0);
}

#[scenario(PROMISE_MAX = "0")]
async fn an_operator_without_promises_grants_none(app: &App) {
    let (admin, contract) = in_debt(app).await;
    let before = picture(app, contract).await;
    admin.post(&promise(contract), json!({})).await.refused(409, "promise_off");
    assert_eq!(picture(app, contract).await, before);
}

#[scenario(PROMISE_FEE = "15.50", PROMISE_MAX = "1000.00", PROMISE_DAYS = "5")]
async fn the_fee_is_charged_at_once_and_counts_against_the_credit(app: &App) {
    let (admin, contract) = in_debt(app).await;
    admin.post(&promise(contract), json!({"amount": "415.49"})).await.expect(201);
    assert_eq!(stands(&admin, contract).await, "suspended -15.50 2026-02-28 31");
    admin.pay(contract, "0.01").await;
    assert_eq!(stands(&admin, contract).await, "active -415.49 2026-03-31 31");
    let rows = ledger(&admin, contract).await;
    assert!(rows.iter().any(|row| row.starts_with("charge 15.50")), "{rows:?}");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_two_promises_at_once_one_is_granted(app: &App) {
    let (admin, contract) = in_debt(app).await;
    let path = promise(contract);
    let (one, other) =
        tokio::join!(admin.post(&path, json!({})), admin.post(&path, json!({"amount": "400.00"})));
    let mut codes = [one.status, other.status];
    codes.sort_unstable();
    assert_eq!(codes, [201, 409]);
    assert_eq!(app.count("promised_payments").await, 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_payment_and_the_end_of_the_time_at_once_leave_one_outcome(app: &App) {
    let (admin, contract) = in_debt(app).await;
    admin.post(&promise(contract), json!({"days": 1})).await.expect(201);
    app.advance(TimeDelta::days(1));
    let admin_later = app.admin().await;
    tokio::join!(app.end_promises(), app.end_promises(), async {
        admin_later.pay(contract, "500.00").await;
    });
    // whichever came first, the money covers the balance
    assert_eq!(stands(&admin_later, contract).await, "active 100.00 2026-03-31 31");
    let all = promises(&admin_later, contract).await;
    assert_eq!(all.len(), 1);
    assert!(["kept", "broken"].contains(&all[0]["status"].as_str().unwrap()), "{all:?}");
    assert_eq!(app.count("promised_payments").await, 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn termination_ends_the_promise_and_leaves_the_debt(app: &App) {
    let (admin, contract) = in_debt(app).await;
    admin.post(&promise(contract), json!({})).await.expect(201);
    admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "по заявлению"}))
        .await
        .expect(200);
    assert_eq!(promises(&admin, contract).await[0]["status"], json!("ended"));
    let shown = admin.contract(contract).await;
    assert_eq!((&shown["status"], &shown["promised_credit"]), (&json!("terminated"), &json!("0.00")));
    app.advance(TimeDelta::days(4));
    app.end_promises().await;
    assert_eq!(app.count("promised_payments").await, 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_subscriber_learns_of_the_promise_and_of_its_end(app: &App) {
    let (admin, contract) = in_debt(app).await;
    admin.post(&promise(contract), json!({"amount": "400.00", "days": 1})).await.expect(201);
    app.advance(TimeDelta::days(1));
    app.end_promises().await;
    app.relay_all().await;
    let admin = app.admin().await;
    for (kind, words) in [
        ("promise.granted", "зачислен обещанный платёж 400,00 руб."),
        ("promise.broken", "Баланс -400,00 руб."),
    ] {
        let page = admin
            .get(&format!("/notifications?contract={contract}&kind={kind}&channel=sms"))
            .await
            .expect(200);
        let text = page["results"][0]["text"].as_str().unwrap();
        assert!(text.contains(words), "{kind}: {text}");
    }
}

#[scenario]
async fn a_preview_counts_the_credit_only_while_it_lasts(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "400.00").await;
    let contract = running(&admin, tariff, "400.00", json!({})).await;
    let soon = running(&admin, tariff, "400.00", json!({})).await;
    let admin = on(app, "2026-02-20").await;
    admin.post(&promise(soon), json!({"amount": "500", "days": 3})).await.expect(201);
    let covered = async |client: &Client, contract: i64| {
        let path = format!("/contracts/{contract}/billing-preview?months=2");
        let preview = client.get(&path).await.expect(200);
        let charges = preview["charges"].as_array().unwrap().iter();
        charges.map(|charge| charge["is_covered"] == true).collect::<Vec<_>>()
    };
    // its credit ends before the first charge
    assert_eq!(covered(&admin, soon).await, [false, false]);
    let admin = on(app, "2026-02-24").await;
    app.end_promises().await;
    assert_eq!(covered(&admin, soon).await, [false, false]);
    let admin = on(app, "2026-02-27").await;
    admin.post(&promise(contract), json!({"amount": "400", "days": 2})).await.expect(201);
    // the first charge falls into the time of the promise, the second does not
    assert_eq!(covered(&admin, contract).await, [true, false]);
    let admin = on(app, "2026-02-28").await;
    bill(app, &admin, json!({})).await;
    assert_eq!(stands(&admin, soon).await, "suspended 0.00 2026-02-28 31");
    assert_eq!(stands(&admin, contract).await, "active -400.00 2026-03-31 31");
}
