//! Drawing up, editing and deleting contracts.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, id, person, scenario};

#[scenario]
async fn a_draft_may_be_edited_in_all_that_it_was_drawn_up_from(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let path = format!("/contracts/{contract}");
    let mut other = person();
    (other["last_name"], other["first_name"], other["patronymic"]) =
        (json!("Кузнецова"), json!("Анна"), Value::Null);
    let customer = id(&admin.post("/customers", other).await.expect(201));
    let (tariff, sim) = (admin.prepaid_tariff("100.00").await, admin.sim().await);
    let patch = json!({
        "customer_id": customer, "tariff_id": tariff, "sim_id": sim, "signed_date": "2026-01-15",
        "credit_limit": "50.5", "discount_percent": 12.5, "notes": "подпишет завтра"
    });
    let edited = admin.patch(&path, patch.clone()).await.expect(200);
    for (name, value) in [
        ("credit_limit", json!("50.50")),
        ("discount_percent", json!("12.50")),
        ("notes", json!("подпишет завтра")),
        ("signed_date", json!("2026-01-15")),
        ("status", json!("draft")),
        ("version", json!(2)),
    ] {
        assert_eq!(edited[name], value, "{name}");
    }
    assert_eq!(
        (&edited["customer"]["id"], &edited["customer"]["full_name"], &edited["customer"]["short_name"]),
        (&json!(customer), &json!("Кузнецова Анна"), &json!("Кузнецова А."))
    );
    assert_eq!(
        (&edited["tariff"]["id"], &edited["tariff"]["monthly_fee"]),
        (&json!(tariff), &json!("100.00"))
    );
    let card = admin.get(&format!("/sims/{sim}")).await.expect(200);
    for name in ["id", "iccid", "msisdn", "kind", "status"] {
        assert_eq!(edited["sim"][name], card[name], "{name}");
    }
    // the search finds it by its new subscriber and SIM
    for search in ["кузнецова", card["iccid"].as_str().unwrap(), &card["msisdn"].as_str().unwrap()[1..]]
    {
        assert_eq!(
            admin.get(&format!("/contracts?search={search}")).await.expect(200)["count"],
            1,
            "{search}"
        );
    }
    assert_eq!(admin.get("/contracts?search=иванов").await.expect(200)["count"], 0);
    // a PUT without the optional fields clears them
    let bare = admin.put(&path, json!({"customer_id": customer, "tariff_id": tariff})).await.expect(200);
    for (name, value) in [
        ("sim_id", Value::Null),
        ("sim", Value::Null),
        ("credit_limit", json!("0.00")),
        ("discount_percent", json!("0.00")),
        ("notes", Value::Null),
        ("signed_date", json!("2026-01-31")),
    ] {
        assert_eq!(bare[name], value, "{name}");
    }
    let search = format!("/contracts?search={}", card["iccid"].as_str().unwrap());
    assert_eq!(admin.get(&search).await.expect(200)["count"], 0);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_draft_names_nobody_who_may_not_be_named(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let path = format!("/contracts/{contract}");
    let retired = id(&admin
        .post(
            "/tariffs",
            json!({"name": "Архивный", "tariff_type": "prepaid", "monthly_fee": 1, "is_active": false}),
        )
        .await
        .expect(201));
    let blocked = admin.customer().await;
    app.execute(&format!("UPDATE customers SET status = 'blocked' WHERE id = {blocked}")).await;
    let bound = {
        let other = admin.draft("0.00").await;
        admin.activate(other).await["sim_id"].clone()
    };
    let before = app.standing(&admin, contract).await;
    admin.patch(&path, json!({"tariff_id": retired})).await.refused(409, "tariff_retired");
    admin.patch(&path, json!({"customer_id": blocked})).await.refused(409, "customer_not_active");
    admin.patch(&path, json!({"sim_id": bound})).await.refused(409, "sim_not_free");
    for (patch, pointer, code) in [
        (json!({"sim_id": 99999}), "/sim_id", "not_found"),
        (json!({"customer_id": 99999}), "/customer_id", "not_found"),
        (json!({"tariff_id": 99999}), "/tariff_id", "not_found"),
        (json!({"tariff_id": null}), "/tariff_id", "required"),
        (json!({"credit_limit": "-1"}), "/credit_limit", "out_of_range"),
        (json!({"discount_percent": "100.01"}), "/discount_percent", "invalid_percent"),
        (json!({"notes": "x".repeat(2001)}), "/notes", "invalid_length"),
        (json!({"signed_date": "1999-12-31"}), "/signed_date", "out_of_range"),
        (json!({"colour": "red"}), "/colour", "unknown_field"),
    ] {
        let reply = admin.patch(&path, patch.clone()).await;
        assert_eq!(reply.wrong_fields(), [(pointer.to_owned(), code.to_owned())], "{patch}");
        assert_eq!(reply.status, 422, "{patch}");
    }
    assert_eq!(app.standing(&admin, contract).await, before);
    // references that the draft already has do not prevent edits
    app.execute("UPDATE customers SET status = 'suspended'").await;
    assert_eq!(admin.patch(&path, json!({"notes": "ждём"})).await.expect(200)["notes"], "ждём");
}

/// The fields that can only be read, each with a value that no contract of the tests has.
fn other_values() -> [(&'static str, Value); 16] {
    [
        ("id", json!(999)),
        ("number", json!("202601-AAAAAAAA")),
        ("status", json!("terminated")),
        ("balance", json!("1000000.00")),
        ("total_charged", json!("0.01")),
        ("version", json!(77)),
        ("holds", json!(["debt"])),
        ("hold_details", json!([1])),
        ("customer", json!({"id": 1})),
        ("tariff", Value::Null),
        ("sim", json!({})),
        ("activation_date", json!("2020-01-01")),
        ("next_billing_date", json!("2030-01-01")),
        ("billing_day", json!(32)),
        ("refundable_balance", json!("5.00")),
        ("created_at", json!("2020-01-01T00:00:00Z")),
    ]
}

#[scenario]
async fn what_was_read_can_be_sent_back_and_what_can_only_be_read_is_refused_when_it_differs(app: &App) {
    let admin = app.admin().await;
    let (draft, running) = (admin.draft("600.00").await, admin.draft("0.00").await);
    admin.activate(running).await;
    admin
        .post(&format!("/contracts/{running}/suspend"), json!({"reason": "request", "note": "x"}))
        .await
        .expect(200);
    let operator = app.user("operator").await;
    let other_values = other_values();
    for contract in [draft, running] {
        let path = format!("/contracts/{contract}");
        let before = app.standing(&admin, contract).await;
        for method in [Method::PUT, Method::PATCH] {
            let reply = operator.send(method.clone(), &path, Some(before.contract.clone())).await;
            assert_eq!(reply.expect(200), before.contract, "{method} {path}");
        }
        for (name, value) in &other_values {
            let mut body = before.contract.clone();
            // with the current version they would be passed over
            body.as_object_mut().unwrap().remove("version");
            body[*name] = value.clone();
            body["notes"] = json!("не сохранится");
            for method in [Method::PUT, Method::PATCH] {
                let reply = operator.send(method, &path, Some(body.clone())).await;
                assert_eq!(
                    reply.wrong_fields(),
                    [(format!("/{name}"), "read_only".to_owned())],
                    "{}",
                    reply.text
                );
                reply.refused(422, "invalid");
            }
        }
        assert_eq!(app.standing(&admin, contract).await, before);
        // with the current version they are passed over, whatever they say, and change nothing
        for (method, notes) in [(Method::PUT, "звонил"), (Method::PATCH, "звонил ещё раз")]
        {
            let shown = admin.contract(contract).await;
            let mut body = shown.clone();
            for (name, value) in other_values.iter().filter(|(name, _)| *name != "version") {
                body[*name] = value.clone();
            }
            body["notes"] = json!(notes);
            let after = operator.send(method.clone(), &path, Some(body)).await.expect(200);
            let mut expected = shown;
            for name in ["version", "updated_at"] {
                expected[name] = after[name].clone();
            }
            expected["notes"] = json!(notes);
            assert_eq!(after, expected, "{method} {path}");
        }
    }
}

#[scenario]
async fn of_two_who_edit_one_contract_the_second_hears_that_it_was_changed(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let path = format!("/contracts/{contract}");
    let tag = admin.get(&path).await.header("etag").to_owned();
    let (first, second) = (admin.with("if-match", &tag), app.user("operator").await.with("if-match", &tag));
    let saved = first.patch(&path, json!({"notes": "первый"})).await;
    let fresh = saved.header("etag").to_owned();
    assert_eq!((saved.status, admin.get(&path).await.header("etag")), (200, fresh.as_str()));
    let before = app.standing(&admin, contract).await;
    second.patch(&path, json!({"notes": "второй"})).await.refused(412, "stale_version");
    second.put(&path, before.contract.clone()).await.refused(412, "stale_version");
    second.delete(&path).await.refused(412, "stale_version");
    assert_eq!(app.standing(&admin, contract).await, before);
    // a payment also changes the version
    admin.pay(contract, "5.00").await;
    admin
        .with("if-match", &fresh)
        .patch(&path, json!({"notes": "третий"}))
        .await
        .refused(412, "stale_version");
    let now = admin.get(&path).await.header("etag").to_owned();
    admin.with("if-match", &now).patch(&path, json!({"notes": "третий"})).await.expect(200);
    // of many requests with the same tag, exactly one succeeds
    let tag = admin.get(&path).await.header("etag").to_owned();
    let replies = join_all((0..10).map(|n| {
        let (admin, path) = (admin.with("if-match", &tag), path.clone());
        async move { admin.patch(&path, json!({"notes": format!("{n}")})).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(412, "stale_version");
    }
}

#[scenario]
async fn patches_of_different_fields_at_once_all_survive_and_so_does_a_payment(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let path = format!("/contracts/{contract}");
    for round in 1..=8_i64 {
        let patches = [
            json!({"notes": format!("{round}")}),
            json!({"credit_limit": round}),
            json!({"discount_percent": round}),
            json!({"signed_date": format!("2026-01-{round:02}")}),
        ];
        let edits = join_all(patches.into_iter().map(|patch| {
            let (admin, path) = (admin.clone(), path.clone());
            async move { admin.patch(&path, patch).await }
        }));
        let (replies, _) = futures_util::future::join(edits, admin.pay(contract, "1.00")).await;
        for reply in replies {
            reply.expect(200);
        }
        let after = admin.contract(contract).await;
        let expected = [
            ("notes", json!(format!("{round}"))),
            ("credit_limit", json!(format!("{round}.00"))),
            ("discount_percent", json!(format!("{round}.00"))),
            ("signed_date", json!(format!("2026-01-{round:02}"))),
            ("balance", json!(format!("{round}.00"))),
            ("version", json!(1 + 5 * round)),
        ];
        for (name, value) in expected {
            assert_eq!(after[name], value, "{name}");
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn only_a_draft_that_nothing_names_can_be_deleted(app: &App) {
    let admin = app.admin().await;
    let (bare, paid, asked) =
        (admin.draft("1.00").await, admin.draft("1.00").await, admin.draft("1.00").await);
    admin.pay(paid, "1.00").await;
    let customer = admin.contract(asked).await["customer_id"].clone();
    admin.post("/tickets", json!({
        "customer_id": customer, "contract_id": asked, "category": "other", "subject": "x", "description": "x"
    })).await.expect(201);
    for contract in [paid, asked] {
        let before = app.standing(&admin, contract).await;
        admin.delete(&format!("/contracts/{contract}")).await.refused(409, "contract_in_use");
        assert_eq!(app.standing(&admin, contract).await, before);
    }
    app.user("supervisor")
        .await
        .delete(&format!("/contracts/{bare}"))
        .await
        .refused(403, "permission_missing");
    admin.delete(&format!("/contracts/{bare}")).await.expect(204);
    admin.get(&format!("/contracts/{bare}")).await.refused(404, "contract_not_found");
    admin.delete(&format!("/contracts/{bare}")).await.refused(404, "contract_not_found");
    let sim = admin.sim().await;
    let running = id(&admin
        .post(
            "/contracts",
            json!({"customer_id": customer, "tariff_id": admin.prepaid_tariff("0.00").await, "sim_id": sim}),
        )
        .await
        .expect(201));
    admin.activate(running).await;
    let problem = admin
        .with("accept-language", "en")
        .delete(&format!("/contracts/{running}"))
        .await
        .refused(409, "contract_not_deletable");
    assert!(problem["detail"].as_str().unwrap().contains("terminated instead"), "{problem}");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_draft_that_is_deleted_paid_activated_and_edited_at_once_comes_to_one_end(app: &App) {
    let admin = app.admin().await;
    for _ in 0..6 {
        let contract = admin.draft("0.00").await;
        let path = format!("/contracts/{contract}");
        let steps = [
            (Method::DELETE, path.clone(), None),
            (
                Method::POST,
                "/payments".to_owned(),
                Some(json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"})),
            ),
            (Method::POST, format!("{path}/activate"), Some(json!({}))),
            (Method::PATCH, path.clone(), Some(json!({"notes": "x"}))),
        ];
        let replies = join_all(steps.map(|(method, path, body)| {
            let admin = admin.clone();
            async move { admin.send(method, &path, body).await }
        }))
        .await;
        let done: Vec<bool> = replies.iter().map(|reply| reply.status < 300).collect();
        let found = admin.get(&path).await;
        if done[0] {
            // edits before the deletion did not keep the draft, and edits after it found nothing
            assert_eq!((found.status, done[1], done[2]), (404, false, false), "{replies:?}");
        } else {
            let contract = found.expect(200);
            assert_eq!(
                (&contract["status"], &contract["balance"], &contract["notes"]),
                (&json!("active"), &json!("1.00"), &json!("x")),
                "{replies:?}"
            );
        }
        assert!(
            replies.iter().all(|reply| matches!(reply.status, 200 | 201 | 204 | 404 | 409 | 422)),
            "{replies:?}"
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_new_credit_limit_settles_debts_at_once_and_a_new_discount_counts_from_the_next_period(app: &App) {
    let admin = app.admin().await;
    // prepaid: the limit covers the part of the fee that the balance does not cover
    let contract = admin.draft("100.00").await;
    admin.activate(contract).await;
    let path = format!("/contracts/{contract}");
    assert_eq!(
        admin.patch(&path, json!({"credit_limit": "99.99"})).await.expect(200)["holds"],
        json!(["debt"])
    );
    let lifted = admin.patch(&path, json!({"credit_limit": "100.00"})).await.expect(200);
    assert_eq!(
        (&lifted["status"], &lifted["balance"], &lifted["holds"]),
        (&json!("active"), &json!("-100.00"), &json!([]))
    );
    // the begun period is paid for, and a lower limit changes nothing before the next period
    assert_eq!(
        admin.patch(&path, json!({"credit_limit": null, "discount_percent": 50})).await.expect(200)["status"],
        "active"
    );
    app.advance(TimeDelta::days(28));
    let admin = app.admin().await;
    admin.pay(contract, "150.00").await;
    let next = admin.contract(contract).await;
    assert_eq!(
        (&next["balance"], &next["total_charged"], &next["status"]),
        (&json!("0.00"), &json!("150.00"), &json!("active"))
    );

    // postpaid: the limit is the largest debt allowed, and the current period is charged as it began
    let tariff = json!({"name": "Постоплата", "tariff_type": "postpaid", "monthly_fee": "280.00"});
    let tariff = id(&admin.post("/tariffs", tariff).await.expect(201));
    let draft = json!({
        "customer_id": admin.customer().await, "tariff_id": tariff, "sim_id": admin.sim().await,
        "credit_limit": "500.00"
    });
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    admin.activate(contract).await;
    let path = format!("/contracts/{contract}");
    admin.patch(&path, json!({"discount_percent": 50})).await.expect(200);
    app.advance(TimeDelta::days(31));
    let admin = app.admin().await;
    admin.pay(contract, "1.00").await;
    assert_eq!(admin.contract(contract).await["balance"], "-279.00");
    app.advance(TimeDelta::days(31));
    let admin = app.admin().await;
    admin.pay(contract, "1.00").await;
    assert_eq!(admin.contract(contract).await["balance"], "-418.00");
    let held = admin.patch(&path, json!({"credit_limit": "417.99"})).await.expect(200);
    assert_eq!((&held["status"], &held["holds"]), (&json!("suspended"), &json!(["debt"])));
    let back = admin.patch(&path, json!({"credit_limit": "418.00"})).await.expect(200);
    assert_eq!((&back["status"], &back["balance"]), (&json!("active"), &json!("-418.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}
