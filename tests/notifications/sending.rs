//! E-mail and text messages: what is sent, and what happens when the server fails, hangs,
//! or when the result was not recorded.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use notifications::{Channel, jobs as couriers};
use serde_json::{Value, json};

use super::{
    receivers::{Mood, Receiver},
    relay,
};
use crate::harness::{App, Client, id, person, scenario};

/// The only message of this channel.
async fn the_one(client: &Client, channel: &str) -> Value {
    let page = client.get(&format!("/notifications?channel={channel}")).await.expect(200);
    assert_eq!(page["count"], 1, "{page}");
    page["results"][0].clone()
}

async fn send(app: &App, channel: Channel) -> usize {
    app.send_messages(channel).await
}

/// Makes a payment on a new contract, which creates a message for each channel.
async fn pay(client: &Client) {
    let contract = client.draft("0.00").await;
    client.pay(contract, "1000.00").await;
}

#[scenario]
async fn an_e_mail_is_sent_and_after_failures_again_under_the_same_id(app: &App) {
    let mail = Receiver::smtp().await;
    app.beside(&[("SMTP_URL", &mail.url), ("SMTP_FROM", "Связь <crm@example.com>")], async |app| {
        let admin = app.admin().await;
        pay(&admin).await;
        relay(app).await;
        assert_eq!(the_one(&admin, "email").await["status"], "pending");
        mail.is(Mood::Answers(451));
        assert_eq!(send(app, Channel::Email).await, 0);
        let failed = the_one(&admin, "email").await;
        assert_eq!(
            (&failed["status"], &failed["attempts"], &failed["next_attempt_at"]),
            (&json!("pending"), &json!(1), &json!("2026-01-31T09:00:10Z"))
        );
        assert_eq!(failed["last_error"], "the mail server answered 451");
        // no retry before its time
        assert_eq!(send(app, Channel::Email).await, 0);
        assert_eq!(mail.received().len(), 1);
        app.advance(TimeDelta::seconds(10));
        mail.is(Mood::Answers(200));
        assert_eq!(send(app, Channel::Email).await, 1);
        let sent = the_one(&admin, "email").await;
        assert_eq!(
            (&sent["status"], &sent["attempts"], &sent["sent_at"], &sent["last_error"]),
            (&json!("sent"), &json!(2), &json!("2026-01-31T09:00:10Z"), &json!(null))
        );
        assert_eq!((send(app, Channel::Email).await, mail.received().len()), (0, 2));
        let [first, second] = mail.received().try_into().unwrap();
        assert_eq!(
            first.headers["message-id"],
            format!("<{}@example.com>", sent["message_id"].as_str().unwrap())
        );
        assert_eq!(first.headers["message-id"], second.headers["message-id"]);
        assert_eq!(second.headers["to"], sent["recipient"].as_str().unwrap());
        assert!(second.headers["from"].ends_with("<crm@example.com>"), "{:?}", second.headers);
        let body = second.text.split("\r\n\r\n").nth(1).unwrap().replace("\r\n", "");
        let text = String::from_utf8(BASE64_STANDARD.decode(body.trim_end_matches('.')).unwrap()).unwrap();
        assert_eq!(text.replace("\r\n", "\n").trim(), sent["text"].as_str().unwrap());
        admin
            .post(&format!("/notifications/{}/retry", sent["id"]), json!({}))
            .await
            .refused(409, "notification_wrong_state");

        // the program says what it is, so that other programs do not reply to it
        assert_eq!(first.headers["auto-submitted"], "auto-generated");

        // no retry for a recipient that does not exist
        pay(&admin).await;
        relay(app).await;
        mail.refuses("RCPT", "550 5.1.1 no such user");
        send(app, Channel::Email).await;
        let failed = admin.get("/notifications?channel=email&status=failed").await.expect(200);
        assert_eq!(failed["results"][0]["attempts"], 1);
    })
    .await;
}

#[scenario]
async fn an_address_in_another_alphabet_is_sent_to_in_the_ascii_form_of_its_host_name(app: &App) {
    let mail = Receiver::smtp().await;
    app.beside(&[("SMTP_URL", &mail.url), ("SMTP_FROM", "crm@example.com")], async |app| {
        let admin = app.admin().await;
        let mut subscriber = person();
        subscriber["email"] = json!("user@пример.рф");
        let customer = id(&admin.post("/customers", subscriber).await.expect(201));
        let (tariff, sim) = (admin.prepaid_tariff("0.00").await, admin.sim().await);
        let contract = json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim});
        let contract = id(&admin.post("/contracts", contract).await.expect(201));
        admin.pay(contract, "1000.00").await;
        relay(app).await;
        assert_eq!(send(app, Channel::Email).await, 1);
        let sent = the_one(&admin, "email").await;
        assert_eq!((&sent["status"], &sent["recipient"]), (&json!("sent"), &json!("user@пример.рф")));
        let [letter] = mail.received().try_into().unwrap();
        for header in ["rcpt", "to"] {
            assert_eq!(letter.headers[header], "user@xn--e1afmkfd.xn--p1ai", "{header}");
        }
    })
    .await;
}

#[scenario]
async fn a_refusal_that_is_not_about_the_recipient_is_tried_again(app: &App) {
    let mail = Receiver::smtp().await;
    app.beside(&[("SMTP_URL", &mail.url), ("SMTP_FROM", "crm@example.com")], async |app| {
        let admin = app.admin().await;
        pay(&admin).await;
        relay(app).await;
        for (command, response) in [
            ("MAIL", "550 5.7.1 sender is not allowed"),
            ("MAIL", "550 no"),
            ("RCPT", "550 5.7.1 rejected by policy"),
            ("RCPT", "550 blocked, see our policy"),
            ("DATA", "554 5.7.1 spam"),
        ] {
            mail.refuses(command, response);
            assert_eq!(send(app, Channel::Email).await, 0, "{response}");
            let kept = the_one(&app.admin().await, "email").await;
            assert_eq!(kept["status"], "pending", "{command} {response}: {kept}");
            let code = format!("the mail server answered {}", &response[..3]);
            assert_eq!(kept["last_error"], json!(code), "{command} {response}");
            mail.refuses(command, "");
            app.advance(TimeDelta::hours(12));
        }
        assert!(mail.received().is_empty());
        assert_eq!(send(app, Channel::Email).await, 1);
        let admin = app.admin().await;
        assert_eq!(the_one(&admin, "email").await["attempts"], 6);
    })
    .await;
}

#[scenario]
async fn messages_to_one_subscriber_go_out_in_the_order_of_what_happened(app: &App) {
    let gateway = Receiver::http().await;
    let variables = [("SMS_URL", gateway.url.as_str())];
    app.beside(&variables, async |app| {
        let admin = app.admin().await;
        let contract = admin.draft("0.00").await;
        admin.activate(contract).await;
        let act = async |action: &'static str| {
            let body = json!({"reason": "request"});
            admin.post(&format!("/contracts/{contract}/{action}"), body).await.status
        };
        let at_once = (0..6).flat_map(|_| ["suspend", "resume"]).map(act);
        let statuses = futures_util::future::join_all(at_once).await;
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
        relay(app).await;
        // what the subscriber is told; the copies of the contract in between are for integrators
        let told = ["contract.activated", "contract.suspended", "contract.resumed"];
        // each is the opposite of the one before, and was sent to the same number
        let events = admin.get("/events?ordering=id&page_size=500").await.expect(200);
        let kinds: Vec<&str> = events["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|event| event["kind"].as_str())
            .filter(|kind| told.contains(kind))
            .collect();
        assert!(kinds[1..].chunks(2).all(|pair| pair[0] == "contract.suspended"), "{kinds:?}");
        assert!(kinds.len() > 2, "{statuses:?}");
        app.beside(&variables, async |other| {
            let all = async |app: &App| {
                for _ in 0..40 {
                    send(app, Channel::Sms).await;
                }
            };
            futures_util::join!(all(app), all(other), all(app));
        })
        .await;
        let sent: Vec<Value> = gateway.received().iter().map(|one| one.body["id"].clone()).collect();
        let page =
            admin.get("/notifications?channel=sms&ordering=created_at&page_size=500").await.expect(200);
        let kept: Vec<&Value> = page["results"].as_array().unwrap().iter().collect();
        assert_eq!(sent, kept.iter().map(|one| one["message_id"].clone()).collect::<Vec<_>>());
        assert_eq!(kept.iter().map(|one| one["kind"].as_str().unwrap()).collect::<Vec<_>>(), kinds);
        assert!(kept.iter().all(|one| one["status"] == "sent" && one["attempts"] == 1), "{kept:?}");
        assert_eq!(app.violations().await, Vec::<String>::new());
    })
    .await;
}

#[scenario]
async fn a_message_that_fails_for_now_holds_up_those_behind_it_and_no_other_subscriber(app: &App) {
    let gateway = Receiver::http().await;
    app.beside(&[("SMS_URL", gateway.url.as_str())], async |app| {
        let admin = app.admin().await;
        let contract = admin.draft("0.00").await;
        for amount in ["1.00", "2.00", "3.00"] {
            admin.pay(contract, amount).await;
        }
        pay(&admin).await;
        relay(app).await;
        let customer = admin.contract(contract).await["customer_id"].clone();
        let phone = admin.get(&format!("/customers/{customer}")).await.expect(200)["phone"].clone();
        gateway.refuses(phone.as_str().unwrap(), "422");
        // the other subscriber gets the message; of these, only the first is tried
        assert_eq!(send(app, Channel::Sms).await, 1);
        assert_eq!((send(app, Channel::Sms).await, gateway.received().len()), (0, 2));
        let page = format!("/notifications?customer={customer}&channel=sms&ordering=created_at");
        let waiting = admin.get(&page).await.expect(200);
        for message in waiting["results"].as_array().unwrap() {
            assert_eq!(message["next_attempt_at"], "2026-01-31T09:00:10Z", "{message}");
        }
        // one that is paid meanwhile waits too
        admin.pay(contract, "4.00").await;
        relay(app).await;
        assert_eq!((send(app, Channel::Sms).await, gateway.received().len()), (0, 2));
        gateway.refuses(phone.as_str().unwrap(), "");
        app.advance(TimeDelta::seconds(10));
        while send(app, Channel::Sms).await > 0 {}
        let texts: Vec<String> = gateway
            .received()
            .iter()
            .filter(|one| one.body["to"] == phone)
            .map(|one| one.body["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts.len(), 5);
        for (text, amount) in texts[1..].iter().zip(["1,00", "2,00", "3,00", "4,00"]) {
            assert!(text.contains(amount), "{texts:?}");
        }
        // one that fails for good does not hold up the next
        app.execute("UPDATE notifications SET status = 'pending', attempts = 11, next_attempt_at = created_at, sent_at = NULL WHERE id = (SELECT MIN(id) FROM notifications WHERE channel = 'sms')").await;
        admin.pay(contract, "5.00").await;
        relay(app).await;
        gateway.refuses(phone.as_str().unwrap(), "422");
        assert_eq!(send(app, Channel::Sms).await, 0);
        assert_eq!(gateway.received().len(), 7);
        gateway.refuses(phone.as_str().unwrap(), "");
        assert_eq!(send(app, Channel::Sms).await, 1);
        assert!(gateway.received()[7].body["text"].as_str().unwrap().contains("5,00"));
    })
    .await;
}

#[scenario]
async fn what_was_kept_without_settings_is_sent_when_there_are_some(app: &App) {
    let admin = app.admin().await;
    pay(&admin).await;
    relay(app).await;
    let kept = the_one(&admin, "sms").await;
    assert_eq!((&kept["status"], send(app, Channel::Sms).await), (&json!("logged"), 0));
    let gateway = Receiver::http().await;
    app.beside(
        &[
            ("SMS_URL", &format!("{}/messages", gateway.url)),
            ("SMS_KEY", "a-key-of-some-length"),
            ("SMS_FROM", "CRM"),
        ],
        async |other| {
            let admin = other.admin().await;
            assert_eq!(send(other, Channel::Sms).await, 0);
            admin.post(&format!("/notifications/{}/retry", kept["id"]), json!({})).await.expect(200);
            assert_eq!(send(other, Channel::Sms).await, 1);
            let [taken] = gateway.received().try_into().unwrap();
            assert_eq!(
                taken.body,
                json!({
                    "id": kept["message_id"], "to": kept["recipient"], "from": "CRM", "text": kept["text"]
                })
            );
            assert_eq!(
                (taken.headers["authorization"].as_str(), taken.headers["idempotency-key"].as_str()),
                ("Bearer a-key-of-some-length", kept["message_id"].as_str().unwrap())
            );
            assert_eq!(the_one(&admin, "sms").await["status"], "sent");
        },
    )
    .await;
}

#[scenario]
async fn a_gateway_that_hangs_delays_no_payment_and_no_e_mail_and_what_it_was_killed_with_comes_again_under_the_same_id(
    app: &App,
) {
    let (gateway, mail) = (Receiver::http().await, Receiver::smtp().await);
    let variables =
        [("SMS_URL", gateway.url.as_str()), ("SMTP_URL", &mail.url), ("SMTP_FROM", "crm@example.com")];
    app.beside(&variables, async |app| {
        let admin = app.admin().await;
        pay(&admin).await;
        relay(app).await;
        gateway.is(Mood::Hangs);
        let state = app.state.clone();
        let sender = actix_web::rt::spawn(async move {
            couriers::send_messages(&state.office, &state.couriers, Channel::Sms).await
        });
        gateway.has(1).await;
        // while a message is being sent, everything else continues
        pay(&admin).await;
        relay(app).await;
        assert_eq!(send(app, Channel::Email).await, 2);
        assert!(!sender.is_finished());
        // the sender stops between sending and recording the result
        sender.abort();
        assert!(sender.await.is_err());
        gateway.is(Mood::Answers(200));
        assert_eq!(
            send(app, Channel::Sms).await,
            1,
            "claimed messages are left alone, and later ones are sent"
        );
        app.advance(TimeDelta::minutes(3));
        assert_eq!(send(app, Channel::Sms).await, 1);
        let ids: Vec<Value> = gateway.received().iter().map(|one| one.body["id"].clone()).collect();
        assert_eq!((ids.len(), &ids[0]), (3, &ids[2]));
        let all = admin.get("/notifications?status=sent&channel=sms&ordering=created_at").await.expect(200);
        assert_eq!((&all["count"], &all["results"][0]["attempts"]), (&json!(2), &json!(2)));
        assert_eq!(app.violations().await, Vec::<String>::new());
    })
    .await;
}

#[scenario]
async fn after_twelve_tries_a_message_has_failed_and_is_replayed_by_hand(app: &App) {
    let gateway = Receiver::http().await;
    app.beside(&[("SMS_URL", gateway.url.as_str())], async |app| {
        pay(&app.admin().await).await;
        relay(app).await;
        gateway.is(Mood::Answers(503));
        for n in 1..=12 {
            assert_eq!(the_one(&app.admin().await, "sms").await["status"], "pending", "{n}");
            send(app, Channel::Sms).await;
            app.advance(TimeDelta::hours(12));
        }
        let failed = the_one(&app.admin().await, "sms").await;
        assert_eq!(
            (&failed["status"], &failed["attempts"], &failed["next_attempt_at"]),
            (&json!("failed"), &json!(12), &json!(null))
        );
        assert_eq!(
            (&failed["last_error"], send(app, Channel::Sms).await, gateway.received().len()),
            (&json!("the gateway answered 503"), 0, 12)
        );
        let admin = app.admin().await;
        let retried =
            admin.post(&format!("/notifications/{}/retry", failed["id"]), json!({})).await.expect(200);
        assert_eq!((&retried["status"], &retried["attempts"]), (&json!("pending"), &json!(0)));
        admin
            .post(&format!("/notifications/{}/retry", failed["id"]), json!({}))
            .await
            .refused(409, "notification_wrong_state");
        gateway.is(Mood::Answers(202));
        assert_eq!(send(app, Channel::Sms).await, 1);
        assert!(
            gateway
                .received()
                .iter()
                .all(|one| one.body["id"] == failed["message_id"] && one.body["text"] == failed["text"])
        );
        // a message whose last attempt was claimed and not recorded has also failed
        app.execute(
            "UPDATE notifications SET status = 'pending', attempts = 12, next_attempt_at = created_at",
        )
        .await;
        assert_eq!(send(app, Channel::Sms).await, 0);
        assert_eq!(the_one(&admin, "sms").await["last_error"], "no outcome was noted");
    })
    .await;
}

#[scenario]
async fn when_the_other_side_is_away_what_was_not_tried_waits_without_losing_a_try(app: &App) {
    let gateway = Receiver::http().await;
    app.beside(&[("SMS_URL", gateway.url.as_str())], async |app| {
        let admin = app.admin().await;
        // to different subscribers: messages to one of them would wait for the first
        for _ in 0..20 {
            pay(&admin).await;
        }
        relay(app).await;
        gateway.is(Mood::Answers(500));
        send(app, Channel::Sms).await;
        let tried = gateway.received().len();
        assert!((1..=8).contains(&tried), "{tried} were tried");
        assert_eq!(
            app.scalar("SELECT CAST(SUM(attempts) AS BIGINT) FROM notifications WHERE channel = 'sms'").await,
            i64::try_from(tried).unwrap()
        );
        // two concurrent instances send each of the rest once
        gateway.is(Mood::Answers(200));
        app.beside(&[("SMS_URL", gateway.url.as_str())], async |other| {
            let (one, another) = futures_util::join!(send(app, Channel::Sms), send(other, Channel::Sms));
            assert_eq!(one + another, 20 - tried);
        })
        .await;
        app.advance(TimeDelta::seconds(10));
        assert_eq!(send(app, Channel::Sms).await, tried);
        assert_eq!(gateway.received().len(), 20 + tried);
    })
    .await;
}

#[scenario]
async fn a_gateway_that_asks_to_wait_is_left_alone_for_that_time_and_no_attempt_counts(app: &App) {
    let gateway = Receiver::http().await;
    app.beside(&[("SMS_URL", gateway.url.as_str())], async |app| {
        let admin = app.admin().await;
        pay(&admin).await;
        relay(app).await;
        gateway.is(Mood::Throttles(45));
        assert_eq!(send(app, Channel::Sms).await, 0);
        let waiting = the_one(&admin, "sms").await;
        assert_eq!(
            (&waiting["status"], &waiting["attempts"], &waiting["next_attempt_at"]),
            (&json!("pending"), &json!(0), &json!("2026-01-31T09:00:45Z"))
        );
        assert_eq!(waiting["last_error"], "the gateway answered 429 and asked to wait 45 s");
        // nothing is sent meanwhile, new messages neither
        gateway.is(Mood::Answers(200));
        pay(&admin).await;
        relay(app).await;
        app.advance(TimeDelta::seconds(44));
        assert_eq!((send(app, Channel::Sms).await, gateway.received().len()), (0, 1));
        app.advance(TimeDelta::seconds(1));
        assert_eq!((send(app, Channel::Sms).await, gateway.received().len()), (2, 3));
        let sent = admin.get("/notifications?channel=sms&status=sent").await.expect(200);
        assert_eq!(
            sent["results"].as_array().unwrap().iter().map(|one| &one["attempts"]).max_by_key(|n| n.as_i64()),
            Some(&json!(1))
        );
        // a time without bounds, or none, is not waited for
        pay(&admin).await;
        relay(app).await;
        gateway.is(Mood::Throttles(1_000_000_000));
        send(app, Channel::Sms).await;
        let pending = admin.get("/notifications?channel=sms&status=pending").await.expect(200);
        assert_eq!(pending["results"][0]["next_attempt_at"], "2026-01-31T10:00:45Z");
    })
    .await;
}
