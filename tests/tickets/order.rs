//! Time within one thing never goes back, whatever the clocks say and however many act at once.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, Client, id, scenario};

/// The values of a text field in all rows of a list, in its order.
async fn all(client: &Client, path: &str, name: &str) -> Vec<String> {
    let page = client.get(path).await.expect(200);
    let rows = page["results"].as_array().unwrap();
    rows.iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// Asserts that times in the order of what happened never go back.
fn forward(times: &[String], what: &str) {
    assert!(times.is_sorted(), "{what}: {times:?}");
    assert!(times.len() > 1, "{what}: {times:?}");
}

#[scenario]
async fn many_actions_on_one_ticket_at_once_leave_a_journal_in_the_order_of_what_happened(app: &App) {
    let desk = Desk::open(app).await;
    for round in 0..4 {
        let ticket = desk.file().await;
        let act = async |n: i64, action: &str| {
            // each request arrives at another time than the one before it, some of them earlier
            app.advance(TimeDelta::milliseconds(if n % 3 == 0 { -70 } else { 30 }));
            let body = match action {
                "comments" => json!({"text": "Звонил"}),
                action => desk.body(action),
            };
            desk.admin.post(&format!("/tickets/{}/{action}", ticket["id"]), body).await.status
        };
        let actions = [
            "assign",
            "wait",
            "resume",
            "comments",
            "resolve",
            "reopen",
            "close",
            "change_priority",
            "reopen",
        ];
        let at_once = (0_i64..18).zip(actions.into_iter().cycle()).map(|(n, action)| act(n, action));
        let statuses = join_all(at_once).await;
        assert!(statuses.iter().all(|status| [200, 201, 409].contains(status)), "{statuses:?}");
        let history = format!("/tickets/{}/history?page_size=100", ticket["id"]);
        let (steps, states) =
            (all(&desk.admin, &history, "at").await, all(&desk.admin, &history, "to_status").await);
        forward(&steps, "journal");
        assert_eq!(states.last().unwrap(), desk.now(&ticket).await["status"].as_str().unwrap(), "{round}");
        // each step begins where the one before it ended
        let from = all(&desk.admin, &history, "from_status").await;
        assert_eq!(from[1..], states[..states.len() - 1]);
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn after_the_clock_was_set_back_a_ticket_goes_on_from_its_last_step(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.ticket_after(&["assign"]).await;
    app.advance(TimeDelta::seconds(5));
    desk.write(&ticket, "Разбираемся").await;
    app.advance(TimeDelta::seconds(-2));
    let resolved = desk.act(&ticket, "resolve").await;
    assert_eq!(resolved["resolved_at"], "2026-01-31T09:00:05Z");
    app.advance(TimeDelta::seconds(-2));
    let closed = desk.act(&ticket, "close").await;
    assert_eq!(
        (&closed["closed_at"], &closed["resolved_at"]),
        (&json!("2026-01-31T09:00:05Z"), &json!("2026-01-31T09:00:05Z"))
    );
    desk.act(&ticket, "reopen").await;
    let path = format!("/tickets/{}/history", ticket["id"]);
    forward(&all(&desk.admin, &path, "at").await, "journal");
    let actions = all(&desk.admin, &path, "action").await;
    assert_eq!(actions, ["created", "assigned", "commented", "resolved", "closed", "reopened"]);
    let audited = format!("/audit?entity=ticket&entity_id={}&ordering=seq", ticket["id"]);
    forward(&all(&desk.admin, &audited, "at").await, "audit trail");
    // the clock is behind, and yet the ticket is not
    app.advance(TimeDelta::hours(1));
    assert_eq!(desk.act(&ticket, "resolve").await["resolved_at"], "2026-01-31T10:00:01Z");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_journal_that_goes_back_in_time_is_a_violation(app: &App) {
    let desk = Desk::open(app).await;
    desk.ticket_after(&["assign", "resolve", "close"]).await;
    app.advance(TimeDelta::hours(1));
    let ticket = desk.ticket_after(&["assign", "resolve"]).await;
    app.execute(
        "UPDATE ticket_journal SET at = (SELECT MIN(at) FROM ticket_journal) WHERE action = 'resolved'",
    )
    .await;
    app.execute(
        "UPDATE tickets SET closed_at = created_at, resolved_at = updated_at WHERE status = 'closed'",
    )
    .await;
    app.execute(
        "UPDATE tickets SET resolved_at = (SELECT MAX(updated_at) FROM tickets) WHERE status = 'closed'",
    )
    .await;
    let found = app.violations().await.join("\n");
    assert!(found.contains(&format!("ticket {}: its journal goes back in time", ticket["id"])), "{found}");
    assert!(found.contains("its times go back"), "{found}");
}

/// An administrator who signed in a minute ago: a token from the future is refused after the clock is set back.
async fn signed_in_a_minute_ago(app: &App) -> Client {
    let admin = app.admin().await;
    app.advance(TimeDelta::minutes(1));
    admin
}

#[scenario]
async fn a_contract_its_card_and_its_payments_keep_their_order_when_the_clock_is_set_back(app: &App) {
    let admin = signed_in_a_minute_ago(app).await;
    let contract = admin.draft("100.00").await;
    admin.pay(contract, "500.00").await;
    let card = json!({"contract_id": contract, "amount": "10.00", "payment_method": "card"});
    let pending = admin.post("/payments", card).await.expect(201);
    admin.activate(contract).await;
    let sim = admin.contract(contract).await["sim_id"].clone();
    let back = || app.advance(TimeDelta::seconds(-3));
    back();
    let suspended =
        admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    assert_eq!(suspended["updated_at"], "2026-01-31T09:01:00Z");
    back();
    admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "request"})).await.expect(200);
    back();
    let processed = admin.post(&format!("/payments/{}/process", pending["id"]), json!({})).await.expect(200);
    assert_eq!(processed["processed_at"], pending["created_at"]);
    back();
    let blocked = admin.post(&format!("/sims/{sim}/block"), json!({"reason": "утеря"})).await.expect(200);
    assert_eq!(blocked["updated_at"], "2026-01-31T09:01:00Z");
    back();
    admin.post(&format!("/sims/{sim}/unblock"), json!({})).await.expect(200);
    back();
    admin.pay(contract, "1.00").await;
    let history = format!("/contracts/{contract}/history?ordering=at&page_size=100");
    forward(&all(&admin, &history, "at").await, "history");
    let page = admin.get(&format!("{history}&kind=hold")).await.expect(200);
    for hold in page["results"].as_array().unwrap() {
        assert!(hold["until"].as_str() >= hold["at"].as_str(), "{hold}");
    }
    let ledger = format!("/contracts/{contract}/statement?page_size=100");
    if let Some(rows) = admin.get(&ledger).await.expect(200)["results"].as_array() {
        let times: Vec<String> =
            rows.iter().map(|row| row["processed_at"].as_str().unwrap_or_default().to_owned()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    for entity in [("contract", json!(contract)), ("sim", sim)] {
        let audited = format!("/audit?entity={}&entity_id={}&ordering=seq&page_size=100", entity.0, entity.1);
        forward(&all(&admin, &audited, "at").await, entity.0);
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn nothing_that_is_changed_after_the_clock_was_set_back_was_changed_before_it_was_made(app: &App) {
    let admin = signed_in_a_minute_ago(app).await;
    let customer = admin.customer().await;
    let tariff = admin.prepaid_tariff("100.00").await;
    let option = admin.option("10.00", &[tariff]).await;
    let sim = admin.sim().await;
    let role = json!({"name": "cashier", "title": "Касса", "permissions": []});
    let role = id(&admin.post("/roles", role).await.expect(201));
    app.user("operator").await;
    let user = id(&admin.get("/users?search=operator").await.expect(200)["results"][0]);
    let answer = json!({"title": "Привет", "text": "Здравствуйте"});
    let answer = id(&admin.post("/canned-answers", answer).await.expect(201));
    app.advance(TimeDelta::minutes(-1));
    for (path, change) in [
        (format!("/customers/{customer}"), json!({"notes": "Звонить вечером"})),
        (format!("/tariffs/{tariff}"), json!({"name": "Новый"})),
        (format!("/options/{option}"), json!({"name": "Новая"})),
        (format!("/sims/{sim}"), json!({"puk_code": "87654321"})),
        (format!("/roles/{role}"), json!({"title": "Кассир"})),
        (format!("/users/{user}"), json!({"full_name": "Ольга"})),
        (format!("/canned-answers/{answer}"), json!({"text": "Добрый день"})),
    ] {
        let before: Value = admin.get(&path).await.expect(200);
        let after = admin.patch(&path, change).await.expect(200);
        assert_eq!(after["updated_at"], before["created_at"], "{path}");
        assert_eq!(after["version"], json!(before["version"].as_i64().unwrap() + 1), "{path}");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}
