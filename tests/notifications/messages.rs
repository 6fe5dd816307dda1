//! Messages created from events, their lists, and the inbox.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::relay;
use crate::harness::{App, Client, scenario};

/// Kind, channel and status of each message, in order of creation.
async fn made(client: &Client, query: &str) -> Vec<String> {
    let page =
        client.get(&format!("/notifications?page_size=500&ordering=created_at{query}")).await.expect(200);
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    page["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", word(row, "kind"), word(row, "channel")))
        .collect()
}

async fn texts(app: &App, kind: &str, channel: &str) -> Vec<String> {
    app.texts(&format!(
        "SELECT subject || '|' || text FROM notifications WHERE kind = '{kind}' AND channel = '{channel}' \
         ORDER BY id"
    ))
    .await
}

/// Activates a contract, pays and refunds, lets another payment fail, and terminates the contract.
async fn every_step(admin: &Client, contract: i64) {
    admin.activate(contract).await;
    let paid = admin.pay(contract, "1000.00").await;
    admin
        .post(&format!("/payments/{}/refund", paid["id"]), json!({"amount": "380.00", "reason": "x"}))
        .await
        .expect(200);
    let card = admin
        .post("/payments", json!({"contract_id": contract, "amount": "70.00", "payment_method": "card"}))
        .await
        .expect(201);
    admin
        .post(&format!("/payments/{}/fail", card["id"]), json!({"reason": "банк отказал"}))
        .await
        .expect(200);
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
}

#[scenario]
async fn a_subscriber_is_told_of_each_step_of_a_contract_by_the_channels_of_the_table(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    // what was made is told to integrators, and to nobody else
    relay(app).await;
    assert_eq!(app.count("notifications").await, 0);
    every_step(&admin, contract).await;
    // no message exists before the relay has run, and none is created twice
    assert_eq!(app.count("notifications").await, 0);
    assert!(relay(app).await > 8);
    assert_eq!(relay(app).await, 0);

    let by = async |channel: &str| made(&admin, &format!("&contract={contract}&channel={channel}")).await;
    let (mut email, sms) = (by("email").await, by("sms").await);
    let kinds = [
        "contract.activated",
        "contract.suspended",
        "payment.received",
        "period.charged",
        "contract.resumed",
        "payment.refunded",
        "balance.low",
        "payment.failed",
        "contract.terminated",
    ];
    for kind in kinds.into_iter().filter(|kind| *kind != "contract.activated") {
        assert!(email.contains(&format!("{kind} email")), "{kind} is not among {email:?}");
        assert_eq!(sms.contains(&format!("{kind} sms")), kind != "period.charged", "{kind}: {sms:?}");
    }
    email.retain(|one| !kinds.iter().any(|kind| one.starts_with(kind)));
    assert_eq!(email, Vec::<String>::new());
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn without_settings_messages_are_kept_with_the_text_that_would_have_been_sent(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    every_step(&admin, contract).await;
    relay(app).await;
    let page = admin
        .get(&format!("/notifications?contract={contract}&kind=payment.received&channel=sms"))
        .await
        .expect(200);
    let one = &page["results"][0];
    assert_eq!(
        (&one["status"], &one["attempts"], &one["sent_at"]),
        (&json!("logged"), &json!(0), &json!(null))
    );
    assert_eq!(one["text"], format!("Поступило 1000,00 руб. на договор {number}. Баланс 1000,00 руб."));
    let email = texts(app, "payment.failed", "email").await;
    assert!(
        email[0].starts_with("Платёж не прошёл|Здравствуйте, Иванов П. С.!")
            && email[0].contains("70,00 руб.")
            && email[0].contains("банк отказал"),
        "{email:?}"
    );
    let charged = texts(app, "period.charged", "email").await;
    assert!(charged[0].contains("600,00 руб. за период с 31.01.2026 до 28.02.2026"), "{charged:?}");
    let suspended = texts(app, "contract.suspended", "sms").await;
    assert!(
        suspended[0].contains("приостановлено: задолженность")
            && suspended[0].ends_with("Чтобы связь возобновилась, внесите 600,00 руб."),
        "{suspended:?}"
    );
    let unconfigured = admin
        .post(&format!("/notifications/{}/retry", one["id"]), json!({}))
        .await
        .refused(409, "channel_not_configured");
    assert!(unconfigured["detail"].as_str().unwrap().contains("sms"), "{unconfigured}");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(NOTIFICATION_LANGUAGE = "en", NOTIFY_EMAIL_KINDS = "none", NOTIFY_SMS_KINDS = "payment.received")]
async fn the_operator_chooses_the_language_and_of_what_subscribers_are_told(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "1000.00").await;
    admin.activate(contract).await;
    relay(app).await;
    assert_eq!(made(&admin, "").await, ["payment.received sms"]);
    assert!(texts(app, "payment.received", "sms").await[0].contains("1000.00 RUB received"));
}

#[scenario]
async fn who_has_no_address_or_is_archived_is_not_written_to(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let customer = admin.contract(contract).await["customer_id"].clone();
    admin.patch(&format!("/customers/{customer}"), json!({"email": null})).await.expect(200);
    admin.pay(contract, "1.00").await;
    relay(app).await;
    assert_eq!(made(&admin, "").await, ["payment.received sms"]);
    admin.activate(contract).await;
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    admin.delete(&format!("/customers/{customer}")).await.expect(204);
    relay(app).await;
    assert_eq!(made(&admin, "").await.len(), 1);
}

#[scenario]
async fn staff_find_what_concerns_them_in_their_inbox(app: &App) {
    let admin = app.admin().await;
    let (supervisor, operator, employee) =
        (app.user("supervisor").await, app.user("operator").await, app.user("employee").await);
    let me = operator.get("/auth/me").await.expect(200)["id"].clone();
    let ticket = json!({
        "customer_id": admin.customer().await, "category": "technical", "priority": "high",
        "subject": "Нет связи", "description": "С утра"
    });
    let unassigned = admin.post("/tickets", ticket.clone()).await.expect(201);
    let mut given = ticket.clone();
    given["assigned_to"] = me.clone();
    admin.post("/tickets", given).await.expect(201);
    admin.post(&format!("/tickets/{}/assign", unassigned["id"]), json!({"user_id": me})).await.expect(200);
    for _ in 0..5 {
        app.stranger()
            .post("/auth/login", json!({"username": "employee", "password": "wrong"}))
            .await
            .refused(401, "sign_in_failed");
    }
    relay(app).await;

    let inbox = async |client: &Client| {
        let page = client.get("/notifications/inbox?ordering=created_at").await.expect(200);
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(inbox(&admin).await, ["ticket.created", "user.locked"]);
    assert_eq!(inbox(&supervisor).await, ["ticket.created"]);
    assert_eq!(inbox(&operator).await, ["ticket.created", "ticket.assigned"]);
    assert_eq!(inbox(&employee).await, Vec::<String>::new());
    let assigned = &operator.get("/notifications/inbox").await.expect(200)["results"][0];
    assert_eq!((&assigned["recipient"], &assigned["status"]), (&json!("operator"), &json!("sent")));
    assert_eq!(assigned["text"], "Технический вопрос, приоритет: высокий. Решить до 31.01.2026 20:00.");
    // the subscriber is notified that the ticket exists and that work on it has begun
    assert_eq!(
        made(&admin, "&channel=email").await,
        ["ticket.created email", "ticket.created email", "ticket.status_changed email"]
    );

    // only its owner can mark it as read, once
    let path = format!("/notifications/{}/read", assigned["id"]);
    admin.post(&path, json!({})).await.refused(404, "notification_not_found");
    app.advance(TimeDelta::minutes(1));
    let read = operator.post(&path, json!({})).await.expect(200);
    assert_eq!(read["read_at"], "2026-01-31T09:01:00Z");
    app.advance(TimeDelta::minutes(1));
    assert_eq!(operator.post(&path, json!({})).await.expect(200), read);
    assert_eq!(operator.get("/notifications/inbox?is_read=false").await.expect(200)["count"], 1);
    assert_eq!(operator.get("/notifications/inbox?is_read=true").await.expect(200)["results"][0], read);
    admin
        .post(&format!("/notifications/{}/retry", assigned["id"]), json!({}))
        .await
        .refused(409, "notification_wrong_state");
}

#[scenario]
async fn addresses_are_masked_for_those_who_may_not_see_personal_data_and_others_are_on_record(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    relay(app).await;
    let role = json!({"name": "listener", "title": "L", "permissions": ["notifications:read"]});
    admin.post("/roles", role).await.expect(201);
    let listener = app.user("listener").await;
    let customer =
        admin.get(&format!("/customers/{}", admin.contract(contract).await["customer_id"])).await.expect(200);
    let (phone, email) = (customer["phone"].as_str().unwrap(), customer["email"].as_str().unwrap());
    let all = listener.get("/notifications").await.expect(200);
    for one in all["results"].as_array().unwrap() {
        let shown = one["recipient"].as_str().unwrap();
        assert!(shown.contains("***") && ![phone, email].contains(&shown), "{one}");
        let alone = listener.get(&format!("/notifications/{}", one["id"])).await.expect(200);
        assert_eq!(alone["recipient"], shown);
    }
    let reads = async || {
        app.flush().await;
        app.scalar(
            "SELECT COUNT(*) FROM audit WHERE action = 'personal_data.read' AND entity = 'notification'",
        )
        .await
    };
    assert_eq!(reads().await, 0);
    let seen = admin.get("/notifications?channel=sms").await.expect(200);
    assert_eq!(seen["results"][0]["recipient"], phone);
    let operator = app.user("operator").await;
    assert_eq!(
        operator.get(&format!("/notifications/{}", seen["results"][0]["id"])).await.expect(200)["recipient"],
        phone
    );
    assert_eq!(reads().await, 2);
    app.user("employee").await.get("/notifications").await.refused(403, "permission_missing");
    operator
        .post(&format!("/notifications/{}/retry", seen["results"][0]["id"]), json!({}))
        .await
        .refused(403, "permission_missing");
    admin.get("/notifications/999999").await.refused(404, "notification_not_found");
}

#[scenario]
async fn two_instances_tell_of_each_event_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    app.beside(&[], async |other| {
        for _ in 0..6 {
            for _ in 0..4 {
                admin.pay(contract, "1.00").await;
            }
            futures_util::join!(app.relay_events(), other.relay_events());
        }
        relay(other).await;
    })
    .await;
    assert_eq!(app.scalar("SELECT COUNT(*) FROM notifications WHERE kind = 'payment.received'").await, 48);
    assert_eq!(
        app.scalar("SELECT COUNT(DISTINCT event_id) FROM notifications WHERE kind = 'payment.received'")
            .await,
        24
    );
}

#[scenario(NOTIFICATION_LANGUAGE = "en")]
async fn who_is_suspended_for_debt_is_told_what_to_pay_and_who_is_for_another_reason_is_not(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "850.50").await;
    admin.activate(contract).await;
    app.advance(TimeDelta::days(28));
    app.run_billing().await;
    let admin = app.admin().await;
    let other = admin.draft("0.00").await;
    admin.activate(other).await;
    admin.post(&format!("/contracts/{other}/suspend"), json!({"reason": "request"})).await.expect(200);
    relay(app).await;
    let sms = texts(app, "contract.suspended", "sms").await;
    assert!(sms[0].ends_with("Balance 250.50 RUB To restore the service, pay 349.50 RUB"), "{sms:?}");
    assert!(sms[1].ends_with("on request. Balance 0.00 RUB"), "{sms:?}");
    let email = texts(app, "contract.suspended", "email").await;
    assert!(email[0].ends_with("To restore the service, pay 349.50 RUB"), "{email:?}");
    assert!(email[1].ends_with("Balance: 0.00 RUB"), "{email:?}");
    // what was named is enough
    admin.pay(contract, "349.50").await;
    assert_eq!(admin.contract(contract).await["status"], "active");
}
