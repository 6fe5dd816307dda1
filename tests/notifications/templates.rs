//! The texts of messages.

use serde_json::{Value, json};

use super::relay;
use crate::harness::{App, scenario};

#[scenario]
async fn an_administrator_changes_what_messages_say_and_goes_back(app: &App) {
    let admin = app.admin().await;
    let all = admin.get("/notification-templates").await.expect(200);
    let all = all["results"].as_array().unwrap();
    assert!(all.len() > 40 && all.iter().all(|one| one["is_customized"] == false && one["version"] == 0));
    let path = "/notification-templates/payment.received/sms/ru";
    let builtin = admin.get(path).await.expect(200);
    assert!(all.contains(&builtin));
    let contract = admin.draft("0.00").await;
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    let text = async |amount: &str| {
        admin.pay(contract, amount).await;
        relay(app).await;
        admin.get("/notifications?channel=sms").await.expect(200)["results"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let usual = text("1.00").await;
    let changed = admin
        .put(path, json!({"text": "{{ contract }}: +{{amount}}, {{name}} {не подстановка}"}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["is_customized"], &changed["version"], &changed["placeholders"]),
        (&json!(true), &json!(1), &builtin["placeholders"])
    );
    assert_eq!(admin.get(path).await.expect(200), changed);
    assert_eq!(text("2.00").await, format!("{number}: +2,00, Иванов П. С. {{не подстановка}}"));
    // earlier messages keep their text
    let old =
        admin.get("/notifications?channel=sms&ordering=created_at").await.expect(200)["results"][0]["text"]
            .clone();
    assert_eq!(old, usual);
    let stale = admin.with("If-Match", "\"0-x\"");
    stale.put(path, json!({"text": "x"})).await.refused(412, "stale_version");
    stale.delete(path).await.refused(412, "stale_version");
    admin.delete(path).await.expect(204);
    admin.delete(path).await.expect(204);
    let back = admin.get(path).await.expect(200);
    assert_eq!(
        (&back["text"], &back["is_customized"], &back["version"]),
        (&builtin["text"], &json!(false), &json!(2))
    );
    assert_eq!(text("1.00").await, usual.replace("Баланс 1,00", "Баланс 4,00"));
    let trail = admin.get("/audit?entity=notification_template").await.expect(200);
    assert_eq!(trail["count"], 2);
}

#[scenario]
async fn a_template_names_only_what_its_messages_know(app: &App) {
    let admin = app.admin().await;
    let sms = "/notification-templates/payment.received/sms/ru";
    let email = "/notification-templates/payment.received/email/ru";
    for (path, body, wrong) in [
        (sms, json!({"text": "{{password}}"}), ("/text", "unknown_placeholder")),
        (sms, json!({"text": "{{amount"}), ("/text", "invalid_placeholder")),
        (sms, json!({"text": "{{}}"}), ("/text", "invalid_placeholder")),
        (sms, json!({"text": " "}), ("/text", "required")),
        (sms, json!({"text": "x".repeat(4001)}), ("/text", "invalid_length")),
        (sms, json!({"subject": "Платёж", "text": "x"}), ("/subject", "mismatch")),
        (email, json!({"text": "x"}), ("/subject", "required")),
        (email, json!({"subject": "a\nBcc: b@example.com", "text": "x"}), ("/subject", "control_character")),
        (email, json!({"subject": "{{ticket}}", "text": "x"}), ("/subject", "unknown_placeholder")),
    ] {
        let refused = admin.put(path, body.clone()).await;
        assert_eq!(
            (refused.status, refused.wrong_fields()),
            (422, vec![(wrong.0.to_owned(), wrong.1.to_owned())]),
            "{body}: {}",
            refused.text
        );
    }
    let refused = admin.with("Accept-Language", "en").put(sms, json!({"text": "{{password}}"})).await;
    let message = refused.body["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("password") && message.contains("amount, balance, contract, currency, date, name"),
        "{message}"
    );
    assert_eq!(app.count("notification_templates").await, 0);
    for none in ["ticket.created/sms/ru", "sim.status_changed/email/en", "user.locked/email/en"] {
        admin.get(&format!("/notification-templates/{none}")).await.refused(404, "template_not_found");
        admin
            .put(&format!("/notification-templates/{none}"), json!({"text": "x"}))
            .await
            .refused(404, "template_not_found");
        admin.delete(&format!("/notification-templates/{none}")).await.refused(404, "template_not_found");
    }
    admin.get("/notification-templates/payment.received/pigeon/ru").await.refused(404, "no_such_path");
    app.user("supervisor").await.get(sms).await.refused(403, "permission_missing");
    assert_eq!(admin.get(sms).await.body["version"], Value::from(0));
}
