//! Options, and options of drafts.

use serde_json::{Value, json};

use super::{after_days, ledger, running, tariff};
use crate::harness::{App, id, scenario};

#[scenario]
async fn an_option_is_made_read_changed_and_deleted(app: &App) {
    let admin = app.admin().await;
    let (one, other) = (tariff(&admin, "prepaid", "1.00").await, tariff(&admin, "postpaid", "1.00").await);
    let new = json!({
        "code": "DATA10", "name": "Ещё 10 ГБ", "kind": "data", "amount": "10.5", "monthly_fee": "150",
        "tariff_ids": [other, one]
    });
    let made = admin.post("/options", new.clone()).await;
    assert_eq!(made.header("location"), "/api/v1/options/1");
    let made = made.expect(201);
    assert_eq!(
        (
            &made["amount"],
            &made["monthly_fee"],
            &made["tariff_ids"],
            &made["is_active"],
            &made["excluded_option_ids"]
        ),
        (&json!("10.50"), &json!("150.00"), &json!([one, other]), &json!(true), &json!([]))
    );
    assert_eq!(admin.get("/options/1").await.expect(200), made);
    assert_eq!(admin.put("/options/1", made.clone()).await.expect(200), made);
    let changed = admin
        .patch("/options/1", json!({"tariff_ids": [one], "kind": "service", "amount": null}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["tariff_ids"], &changed["kind"], &changed["amount"], &changed["version"]),
        (&json!([one]), &json!("service"), &json!(null), &json!(2))
    );
    let taken = admin
        .post("/options", json!({"code": "data10", "name": "x", "kind": "service", "monthly_fee": 0}))
        .await
        .refused(409, "option_code_taken");
    assert_eq!(taken["errors"][0]["existing_id"], 1);
    admin.with("if-match", "\"1-x\"").delete("/options/1").await.refused(412, "stale_version");
    let supervisor = app.user("supervisor").await;
    supervisor.delete("/options/1").await.refused(403, "permission_missing");
    supervisor.patch("/options/1", json!({"name": "Другая"})).await.expect(200);
    app.user("operator").await.post("/options", new).await.refused(403, "permission_missing");
    assert_eq!(admin.get("/options?search=другая").await.expect(200)["count"], 1);
    admin.delete("/options/1").await.expect(204);
    admin.get("/options/1").await.refused(404, "option_not_found");
    assert_eq!(
        (
            app.count("option_tariffs").await,
            admin.get("/options?search=другая").await.expect(200)["count"].clone()
        ),
        (0, json!(0))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_is_wrong_with_an_option_is_named(app: &App) {
    let admin = app.admin().await;
    let wrong = |changes: Value| {
        let mut body =
            json!({"code": "A", "name": "A", "kind": "minutes", "amount": 100, "monthly_fee": "1.00"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let admin = admin.clone();
        async move {
            admin
                .post("/options", body)
                .await
                .wrong_fields()
                .into_iter()
                .map(|(pointer, code)| format!("{pointer} {code}"))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(wrong(json!({"amount": null})).await, ["/amount required"]);
    for (kind, amount) in [("minutes", "10.50"), ("sms", "0"), ("minutes", "0.00"), ("data", "0")] {
        assert_eq!(
            wrong(json!({"kind": kind, "amount": amount})).await,
            ["/amount out_of_range"],
            "{kind} {amount}"
        );
    }
    assert_eq!(wrong(json!({"kind": "service", "amount": 1})).await, ["/amount mismatch"]);
    assert_eq!(
        wrong(json!({"code": "ДА", "name": " ", "monthly_fee": "-1", "tariff_ids": [1, 1], "kind": "magic"}))
            .await,
        [
            "/code invalid_format",
            "/kind invalid_choice",
            "/monthly_fee out_of_range",
            "/name required",
            "/tariff_ids/1 duplicate_value",
        ]
    );
    assert_eq!(
        wrong(json!({"tariff_ids": [77], "excluded_option_ids": [78]})).await,
        ["/excluded_option_ids/0 not_found", "/tariff_ids/0 not_found"]
    );
    assert_eq!(app.count("options").await, 0);
    let option = admin.option("1.00", &[]).await;
    let own = admin.patch(&format!("/options/{option}"), json!({"excluded_option_ids": [option]})).await;
    assert_eq!(own.wrong_fields(), [("/excluded_option_ids".to_owned(), "mismatch".to_owned())]);
}

#[scenario]
async fn options_exclude_each_other_both_ways(app: &App) {
    let admin = app.admin().await;
    let (a, b, c) =
        (admin.option("1.00", &[]).await, admin.option("1.00", &[]).await, admin.option("1.00", &[]).await);
    admin.patch(&format!("/options/{a}"), json!({"excluded_option_ids": [c, b]})).await.expect(200);
    let of = async |id: i64| {
        let option = admin.get(&format!("/options/{id}")).await.expect(200);
        (option["excluded_option_ids"].clone(), option["version"].as_i64().unwrap())
    };
    assert_eq!(
        [of(a).await, of(b).await, of(c).await],
        [(json!([b, c]), 2), (json!([a]), 2), (json!([a]), 2)]
    );
    admin.patch(&format!("/options/{b}"), json!({"excluded_option_ids": []})).await.expect(200);
    assert_eq!([of(a).await, of(b).await, of(c).await], [(json!([c]), 3), (json!([]), 3), (json!([a]), 2)]);
    admin.delete(&format!("/options/{c}")).await.expect(204);
    assert_eq!((of(a).await, app.count("option_exclusions").await), ((json!([]), 4), 0));
    let records = admin.get(&format!("/audit?entity=option&entity_id={a}")).await.expect(200);
    assert_eq!(records["count"], 4);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn options_that_contracts_have_together_cannot_come_to_exclude_each_other(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "1.00").await;
    let (a, b) = (admin.option("1.00", &[tariff]).await, admin.option("1.00", &[tariff]).await);
    let contract = running(&admin, tariff, "100.00", json!({"options": [a, b]})).await;
    let refused = admin
        .patch(&format!("/options/{a}"), json!({"excluded_option_ids": [b], "name": "x"}))
        .await
        .refused(409, "options_had_together");
    assert!(
        refused["detail"].as_str().unwrap().contains(&contract.to_string())
            && refused["errors"][0]["existing_id"] == b,
        "{refused}"
    );
    assert_eq!(
        (
            app.count("option_exclusions").await,
            admin.get(&format!("/options/{a}")).await.expect(200)["version"].clone()
        ),
        (0, json!(1))
    );
    // an option that ends with the period is present until then
    let options = format!("/contracts/{contract}/options");
    admin.post(&options, json!({"remove": [b], "when": "next_period"})).await.expect(200);
    admin
        .patch(&format!("/options/{a}"), json!({"excluded_option_ids": [b]}))
        .await
        .refused(409, "options_had_together");
    admin.post(&options, json!({"remove": [b], "when": "now"})).await.expect(200);
    admin.patch(&format!("/options/{a}"), json!({"excluded_option_ids": [b]})).await.expect(200);
    for when in ["now", "next_period"] {
        admin.post(&options, json!({"add": [b], "when": when})).await.refused(409, "options_exclusive");
    }
    // one replaces the other in a single step
    let swapped = admin.post(&options, json!({"add": [b], "remove": [a], "when": "now"})).await.expect(200);
    assert_eq!(swapped["options"], json!([b]));
    let draft = json!({"customer_id": admin.customer().await, "tariff_id": tariff, "options": [a, b]});
    admin.post("/contracts", draft).await.refused(409, "options_exclusive");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_retired_option_stays_with_its_contracts_and_is_not_taken_anew(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "10.00").await;
    let (retired, detached, other) = (
        admin.option("1.00", &[tariff]).await,
        admin.option("2.00", &[tariff]).await,
        admin.option("4.00", &[tariff]).await,
    );
    let contract = running(&admin, tariff, "100.00", json!({"options": [retired, detached]})).await;
    let plain = running(&admin, tariff, "100.00", json!({})).await;
    let (customer, sim) = (admin.customer().await, admin.sim().await);
    let draft = id(&admin
        .post(
            "/contracts",
            json!({"customer_id": customer, "sim_id": sim, "tariff_id": tariff, "options": [retired]}),
        )
        .await
        .expect(201));
    admin.patch(&format!("/options/{retired}"), json!({"is_active": false})).await.expect(200);
    admin.patch(&format!("/options/{detached}"), json!({"tariff_ids": []})).await.expect(200);
    admin
        .post(&format!("/contracts/{plain}/options"), json!({"add": [retired], "when": "now"}))
        .await
        .refused(409, "option_retired");
    admin
        .post(&format!("/contracts/{plain}/options"), json!({"add": [detached], "when": "now"}))
        .await
        .refused(409, "option_incompatible");
    admin.post(&format!("/contracts/{draft}/activate"), json!({})).await.refused(409, "option_retired");
    // other options can still be added
    admin
        .post(&format!("/contracts/{contract}/options"), json!({"add": [other], "when": "now"}))
        .await
        .expect(200);
    let admin = after_days(app, 28).await;
    admin.pay(contract, "1.00").await;
    assert_eq!(ledger(&admin, contract).await.last().unwrap(), "charge 17.00 2026-02-28 2026-03-31");
    // a removed retired option cannot be added again
    admin
        .post(&format!("/contracts/{contract}/options"), json!({"remove": [retired], "when": "now"}))
        .await
        .expect(200);
    admin
        .post(&format!("/contracts/{contract}/options"), json!({"add": [retired], "when": "now"}))
        .await
        .refused(409, "option_retired");
    admin.delete(&format!("/options/{retired}")).await.refused(409, "option_in_use");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_draft_takes_and_leaves_options_freely_and_an_option_that_was_only_drafted_was_never_used(
    app: &App,
) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "10.00").await;
    let (a, b) = (admin.option("1.00", &[tariff]).await, admin.option("2.00", &[tariff]).await);
    let draft = json!({
        "customer_id": admin.customer().await, "sim_id": admin.sim().await, "tariff_id": tariff,
        "options": [b, a]
    });
    let made = admin.post("/contracts", draft).await.expect(201);
    assert_eq!((&made["options"], &made["next_options"]), (&json!([a, b]), &json!([a, b])));
    let path = format!("/contracts/{}", id(&made));
    assert_eq!(admin.get(&path).await.expect(200), made);
    assert_eq!(
        admin
            .post(
                &format!("{path}/options"),
                json!({
                    "remove": [a], "when": "now"
                })
            )
            .await
            .expect(200)["options"],
        json!([b])
    );
    admin.delete(&format!("/options/{b}")).await.refused(409, "option_in_use");
    admin.delete(&format!("/options/{a}")).await.expect(204);
    admin.pay(id(&made), "12.00").await;
    let active = admin.activate(id(&made)).await;
    assert_eq!((&active["balance"], &active["options"]), (&json!("0.00"), &json!([b])));
    assert_eq!(app.violations().await, Vec::<String>::new());
}
