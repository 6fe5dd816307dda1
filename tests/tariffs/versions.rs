//! Tariffs: edits, versions of prices, retiring, deleting, lists and statistics.

use serde_json::{Value, json};

use super::{after_days, ledger, running, tariff};
use crate::harness::{App, Client, id, scenario};

/// The versions of a tariff: start date, fee and status, the latest first.
async fn versions(admin: &Client, tariff: i64) -> Vec<String> {
    let page = admin.get(&format!("/tariffs/{tariff}/versions")).await.expect(200);
    let text = |row: &Value| {
        ["effective_from", "monthly_fee", "status"]
            .map(|name| row[name].as_str().unwrap().to_owned())
            .join(" ")
    };
    page["results"].as_array().unwrap().iter().map(text).collect()
}

#[scenario]
async fn new_prices_count_from_the_next_period_that_begins_on_their_day_or_later(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "280.00").await;
    let path = format!("/tariffs/{tariff}");
    let contract = running(&admin, tariff, "2000.00", json!({})).await;
    for (fee, day) in [("300.00", "2026-02-10"), ("350.00", "2026-03-15"), ("360.00", "2026-03-15")] {
        let shown = admin.patch(&path, json!({"monthly_fee": fee, "effective_from": day})).await.expect(200);
        assert_eq!(
            (&shown["monthly_fee"], &shown["effective_from"]),
            (&json!("280.00"), &json!("2026-01-31"))
        );
    }
    assert_eq!(
        versions(&admin, tariff).await,
        ["2026-03-15 360.00 future", "2026-02-10 300.00 future", "2026-01-31 280.00 current"]
    );
    assert_eq!(admin.get(&path).await.expect(200)["version"], 4);
    let admin = after_days(app, 14).await;
    assert_eq!(admin.get(&path).await.expect(200)["monthly_fee"], "300.00");
    assert_eq!(
        versions(&admin, tariff).await,
        ["2026-03-15 360.00 future", "2026-02-10 300.00 current", "2026-01-31 280.00 past"]
    );
    admin.pay(contract, "1.00").await;
    let admin = after_days(app, 46).await;
    admin.pay(contract, "1.00").await;
    let expected = [
        "charge 280.00 2026-01-31 2026-02-28",
        "charge 300.00 2026-02-28 2026-03-31",
        "charge 360.00 2026-03-31 2026-04-30",
    ];
    assert_eq!(ledger(&admin, contract).await, expected);
    let history = admin.get(&format!("{path}/history?ordering=seq")).await.expect(200);
    let actions: Vec<&str> =
        history["results"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "tariff.created",
            "tariff.version_created",
            "tariff.updated",
            "tariff.version_created",
            "tariff.updated",
            "tariff.version_replaced",
            "tariff.updated",
        ]
    );
    let replaced = &history["results"][5];
    assert_eq!(
        (
            &replaced["before"]["monthly_fee"],
            &replaced["after"]["monthly_fee"],
            &replaced["after"]["effective_from"]
        ),
        (&json!("350.00"), &json!("360.00"), &json!("2026-03-15"))
    );
    assert_eq!(replaced["actor"], "admin");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_price_counts_from_today_unless_told_otherwise_and_stays_once_a_period_has_begun_by_it(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "280.00").await;
    let path = format!("/tariffs/{tariff}");
    // no contract has it yet: today's version is replaced
    let cheaper = admin.patch(&path, json!({"monthly_fee": "100.00"})).await.expect(200);
    assert_eq!(
        (&cheaper["monthly_fee"], versions(&admin, tariff).await),
        (&json!("100.00"), vec!["2026-01-31 100.00 current".to_owned()])
    );
    let contract = running(&admin, tariff, "100.00", json!({})).await;
    let before = admin.get(&path).await.expect(200);
    let refused =
        admin.patch(&path, json!({"monthly_fee": "50.00"})).await.refused(409, "tariff_version_in_use");
    assert!(refused["detail"].as_str().unwrap().contains("2026-01-31"), "{refused}");
    assert_eq!(admin.get(&path).await.expect(200), before);
    let admin = after_days(app, 1).await;
    // the tariff as read, sent back with another price, which applies from today
    let mut body = admin.get(&path).await.expect(200);
    body["monthly_fee"] = json!("50.00");
    let next = admin.put(&path, body).await.expect(200);
    assert_eq!((&next["monthly_fee"], &next["effective_from"]), (&json!("50.00"), &json!("2026-02-01")));
    assert_eq!((ledger(&admin, contract).await.len(), versions(&admin, tariff).await.len()), (1, 2));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_is_no_price_counts_at_once_and_makes_no_version(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "280.00").await;
    let path = format!("/tariffs/{tariff}");
    let changed = admin
        .patch(
            &path,
            json!({"name": "Новый", "priority": 7, "extra_options": {"roaming": "home"}, "description": "x"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&changed["name"], &changed["priority"], &changed["extra_options"], &changed["version"]),
        (&json!("Новый"), &json!(7), &json!({"roaming": "home"}), &json!(2))
    );
    assert_eq!(versions(&admin, tariff).await.len(), 1);
    assert_eq!(admin.get("/tariffs?search=новый").await.expect(200)["count"], 1);
    // a request without differences changes nothing
    assert_eq!(admin.patch(&path, json!({"priority": 7})).await.expect(200)["version"], 2);
    assert_eq!(admin.put(&path, changed.clone()).await.expect(200), changed);
    assert_eq!(
        app.scalar(&format!("SELECT COUNT(*) FROM audit WHERE entity = 'tariff' AND entity_id = '{tariff}'"))
            .await,
        2
    );
}

#[scenario]
async fn what_is_wrong_with_an_edit_is_named_and_nothing_changes(app: &App) {
    let admin = app.admin().await;
    let (one, other) = (tariff(&admin, "prepaid", "280.00").await, tariff(&admin, "prepaid", "1.00").await);
    let path = format!("/tariffs/{one}");
    let before = admin.get(&path).await.expect(200);
    let name =
        admin.get(&format!("/tariffs/{other}")).await.expect(200)["name"].as_str().unwrap().to_uppercase();
    let taken = admin.patch(&path, json!({"name": name})).await.refused(409, "tariff_name_taken");
    assert_eq!(taken["errors"][0]["existing_id"], other);
    for (day, fee) in [("2026-01-30", "1.00"), ("2031-02-01", "1.00"), ("2020-01-01", "280.00")] {
        let reply = admin.patch(&path, json!({"effective_from": day, "monthly_fee": fee})).await;
        assert_eq!(
            reply.wrong_fields(),
            [("/effective_from".to_owned(), "out_of_range".to_owned())],
            "{day}"
        );
    }
    let wrong = json!({
        "tariff_type": "postpaid", "is_active": false, "contracts_count": 5, "monthly_fee": "-1",
        "minutes_included": -1, "effective_from": "soon"
    });
    let reply = admin.patch(&path, wrong).await;
    let expected = [
        ("/contracts_count", "read_only"),
        ("/effective_from", "invalid_format"),
        ("/is_active", "read_only"),
        ("/minutes_included", "out_of_range"),
        ("/monthly_fee", "out_of_range"),
        ("/tariff_type", "read_only"),
    ];
    assert_eq!(
        reply.wrong_fields(),
        expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())),
        "{}",
        reply.text
    );
    admin
        .with("if-match", "\"9-x\"")
        .patch(&path, json!({"priority": 1}))
        .await
        .refused(412, "stale_version");
    admin.with("if-match", "\"9-x\"").delete(&path).await.refused(412, "stale_version");
    assert_eq!(admin.get(&path).await.expect(200), before);
}

#[scenario]
async fn a_retired_tariff_stays_with_its_contracts_and_is_refused_to_new_ones(app: &App) {
    let admin = app.admin().await;
    let (old, other) = (tariff(&admin, "prepaid", "10.00").await, tariff(&admin, "prepaid", "10.00").await);
    let contract = running(&admin, old, "100.00", json!({})).await;
    let elsewhere = running(&admin, other, "100.00", json!({})).await;
    let (customer, sim) = (admin.customer().await, admin.sim().await);
    let draft = json!({"customer_id": customer, "tariff_id": old, "sim_id": sim});
    let drafted = id(&admin.post("/contracts", draft.clone()).await.expect(201));
    assert_eq!(
        admin.post(&format!("/tariffs/{old}/deactivate"), json!({})).await.expect(200)["is_active"],
        false
    );
    admin.post(&format!("/tariffs/{old}/deactivate"), json!({})).await.refused(409, "tariff_already_retired");
    admin.post("/contracts", draft).await.refused(409, "tariff_retired");
    admin.post(&format!("/contracts/{drafted}/activate"), json!({})).await.refused(409, "tariff_retired");
    for when in ["now", "next_period"] {
        let body = json!({"tariff_id": old, "when": when});
        admin
            .post(&format!("/contracts/{elsewhere}/change-tariff"), body)
            .await
            .refused(409, "tariff_retired");
    }
    admin.get(&format!("/tariffs/{old}/quote")).await.refused(409, "tariff_retired");
    assert_eq!(
        admin.get(&format!("/tariffs/active?search={old}")).await.expect(200)["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["id"] == old)
            .count(),
        0
    );
    let admin = after_days(app, 28).await;
    admin.pay(contract, "1.00").await;
    assert_eq!(
        (admin.contract(contract).await["balance"].clone(), ledger(&admin, contract).await.len()),
        (json!("81.00"), 2)
    );
    admin.post(&format!("/tariffs/{old}/activate"), json!({})).await.expect(200);
    admin.post(&format!("/tariffs/{old}/activate"), json!({})).await.refused(409, "tariff_already_active");
    admin.post(&format!("/contracts/{drafted}/activate"), json!({})).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn only_a_tariff_that_no_contract_ever_used_can_be_deleted(app: &App) {
    let admin = app.admin().await;
    let (unused, drafted, used, left) = (
        tariff(&admin, "prepaid", "1.00").await,
        tariff(&admin, "prepaid", "1.00").await,
        tariff(&admin, "prepaid", "1.00").await,
        tariff(&admin, "prepaid", "1.00").await,
    );
    let option = admin.option("1.00", &[unused, used]).await;
    let customer = admin.customer().await;
    admin.post("/contracts", json!({"customer_id": customer, "tariff_id": drafted})).await.expect(201);
    let contract = running(&admin, left, "10.00", json!({})).await;
    let move_on = json!({"tariff_id": used, "when": "now"});
    let admin = after_days(app, 1).await;
    admin.post(&format!("/contracts/{contract}/change-tariff"), move_on).await.expect(200);
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    for tariff in [drafted, used, left] {
        admin.delete(&format!("/tariffs/{tariff}")).await.refused(409, "tariff_in_use");
        assert_eq!(versions(&admin, tariff).await.len(), 1);
    }
    app.user("supervisor")
        .await
        .delete(&format!("/tariffs/{unused}"))
        .await
        .refused(403, "permission_missing");
    admin.delete(&format!("/tariffs/{unused}")).await.expect(204);
    admin.get(&format!("/tariffs/{unused}")).await.refused(404, "tariff_not_found");
    for part in ["versions", "history", "contracts", "quote"] {
        admin.get(&format!("/tariffs/{unused}/{part}")).await.refused(404, "tariff_not_found");
    }
    let option = admin.get(&format!("/options/{option}")).await.expect(200);
    assert_eq!((&option["tariff_ids"], &option["version"]), (&json!([used]), &json!(2)));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn figures_of_tariffs_count_contracts_and_what_was_charged_this_month_less_what_came_back(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "280.00").await, tariff(&admin, "prepaid", "560.00").await);
    let (moved, held) =
        (running(&admin, old, "1000.00", json!({})).await, running(&admin, old, "280.00", json!({})).await);
    admin.post(&format!("/contracts/{held}/suspend"), json!({"reason": "fraud"})).await.expect(200);
    let figures = async |admin: &Client| {
        let page = admin.get("/tariffs/statistics?ordering=name").await.expect(200);
        let row =
            |id: i64| page["results"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
        [old, new].map(|id| {
            let row = row(id);
            (
                row["contracts_count"].as_i64().unwrap(),
                row["active_count"].as_i64().unwrap(),
                row["suspended_count"].as_i64().unwrap(),
                row["monthly_revenue"].as_str().unwrap().to_owned(),
            )
        })
    };
    assert_eq!(figures(&admin).await, [(2, 1, 1, "560.00".to_owned()), (0, 0, 0, "0.00".to_owned())]);
    admin
        .post(&format!("/contracts/{moved}/change-tariff"), json!({"tariff_id": new, "when": "now"}))
        .await
        .expect(200);
    assert_eq!(figures(&admin).await, [(1, 0, 1, "280.00".to_owned()), (1, 1, 0, "560.00".to_owned())]);
    // another month
    let admin = after_days(app, 1).await;
    assert_eq!(figures(&admin).await, [(1, 0, 1, "0.00".to_owned()), (1, 1, 0, "0.00".to_owned())]);
    app.user("operator").await.get("/tariffs/statistics").await.refused(403, "permission_missing");

    let contracts = admin.get(&format!("/tariffs/{old}/contracts?status=suspended")).await.expect(200);
    assert_eq!((&contracts["count"], &contracts["results"][0]["id"]), (&json!(1), &json!(held)));
    assert_eq!(admin.get(&format!("/tariffs/{new}/contracts?hold=fraud")).await.expect(200)["count"], 0);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
