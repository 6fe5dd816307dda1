//! Changes of tariff and options on active contracts.

use serde_json::{Value, json};

use super::{after_days, ledger, periods, running, tariff};
use crate::harness::{App, Client, scenario};

async fn change(admin: &Client, contract: i64, tariff: i64, when: &str) -> crate::harness::Reply {
    admin
        .post(&format!("/contracts/{contract}/change-tariff"), json!({"tariff_id": tariff, "when": when}))
        .await
}

async fn options(admin: &Client, contract: i64, body: Value) -> crate::harness::Reply {
    admin.post(&format!("/contracts/{contract}/options"), body).await
}

#[scenario]
async fn a_change_now_credits_the_unused_days_and_charges_the_rest_by_the_new_tariff(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "280.00").await, tariff(&admin, "prepaid", "560.00").await);
    let contract = running(&admin, old, "1000.00", json!({})).await;
    let admin = after_days(app, 7).await;
    let changed = change(&admin, contract, new, "now").await.expect(200);
    assert_eq!(
        (&changed["tariff_id"], &changed["next_tariff_id"], &changed["balance"]),
        (&json!(new), &json!(null), &json!("510.00"))
    );
    assert_eq!(
        (&changed["next_billing_date"], &changed["billing_day"], &changed["total_charged"]),
        (&json!("2026-02-28"), &json!(31), &json!("490.00"))
    );
    let expected = [
        "charge 280.00 2026-01-31 2026-02-28",
        "correction 210.00 2026-02-07 2026-02-28",
        "charge 420.00 2026-02-07 2026-02-28",
    ];
    assert_eq!(ledger(&admin, contract).await, expected);
    assert_eq!(
        periods(app, contract).await,
        ["2026-01-31 2026-02-28 2026-02-07 28000 21000", "2026-02-07 2026-02-28 - 42000 0"]
    );
    let credit = admin
        .get(&format!("/payments?contract={contract}&transaction_type=correction"))
        .await
        .expect(200)["results"][0]
        .clone();
    let charge =
        app.scalar(&format!("SELECT charge_id FROM charge_credits WHERE credit_id = {}", credit["id"])).await;
    assert_eq!(admin.get(&format!("/payments/{charge}")).await.expect(200)["amount"], "280.00");
    for (tariff, count) in [(old, 0), (new, 1)] {
        assert_eq!(admin.get(&format!("/tariffs/{tariff}")).await.expect(200)["contracts_count"], count);
    }
    // back again on that day: the charge for the rest is fully credited
    let back = change(&admin, contract, old, "now").await.expect(200);
    assert_eq!(back["balance"], "720.00");
    assert_eq!(
        periods(app, contract).await,
        ["2026-01-31 2026-02-28 2026-02-07 28000 21000", "2026-02-07 2026-02-28 - 21000 0"]
    );
    // the next period is a whole one
    let admin = after_days(app, 21).await;
    admin.pay(contract, "1.00").await;
    assert_eq!(admin.contract(contract).await["balance"], "441.00");
    assert_eq!(ledger(&admin, contract).await.last().unwrap(), "charge 280.00 2026-02-28 2026-03-31");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_change_on_the_first_day_gives_everything_back_and_on_the_last_one_day(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "prepaid", "50.00").await);
    let first = running(&admin, old, "100.00", json!({})).await;
    let last = running(&admin, old, "100.00", json!({})).await;
    assert_eq!(change(&admin, first, new, "now").await.expect(200)["balance"], "50.00");
    assert_eq!(periods(app, first).await, ["2026-01-31 2026-02-28 - 5000 0"]);
    let admin = after_days(app, 27).await;
    // 100 × 1/28 = 3.571…, 50 × 1/28 = 1.785…
    assert_eq!(change(&admin, last, new, "now").await.expect(200)["balance"], "1.78");
    assert_eq!(
        periods(app, last).await,
        ["2026-01-31 2026-02-28 2026-02-27 10000 357", "2026-02-27 2026-02-28 - 179 0"]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn options_taken_and_left_now_move_the_rest_of_the_period_with_the_discount(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "280.00").await;
    let (more, other) = (admin.option("33.33", &[tariff]).await, admin.option("100.00", &[tariff]).await);
    let contract =
        running(&admin, tariff, "1000.00", json!({"options": [more], "discount_percent": "10"})).await;
    // (280 + 33.33) less 10 % is 281.997
    let active = admin.contract(contract).await;
    assert_eq!(
        (&active["balance"], &active["options"], &active["next_options"]),
        (&json!("718.00"), &json!([more]), &json!([more]))
    );
    let admin = after_days(app, 14).await;
    // a new fee and a new price apply only from the next period on
    admin.patch(&format!("/options/{more}"), json!({"monthly_fee": "50.00"})).await.expect(200);
    admin.patch(&format!("/tariffs/{tariff}"), json!({"monthly_fee": "300.00"})).await.expect(200);
    let both = options(&admin, contract, json!({"add": [other], "when": "now"})).await.expect(200);
    // half of 282.00 credited, half of (280 + 33.33 + 100) less 10 % = 371.997 charged
    assert_eq!((&both["options"], &both["balance"]), (&json!([more, other]), &json!("673.00")));
    assert_eq!(
        ledger(&admin, contract).await[1..],
        ["correction 141.00 2026-02-14 2026-02-28", "charge 186.00 2026-02-14 2026-02-28"]
    );
    let one = options(&admin, contract, json!({"remove": [more], "when": "now"})).await.expect(200);
    // 186.00 credited, half of (280 + 100) less 10 % = 342.00 charged
    assert_eq!((&one["options"], &one["balance"]), (&json!([other]), &json!("688.00")));
    let admin = after_days(app, 14).await;
    admin.pay(contract, "1.00").await;
    // (300 + 100) less 10 %
    assert_eq!(
        (
            admin.contract(contract).await["balance"].clone(),
            ledger(&admin, contract).await.last().unwrap().as_str()
        ),
        (json!("329.00"), "charge 360.00 2026-02-28 2026-03-31")
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

/// The number of contracts on a tariff, as it is kept with the tariff.
async fn contracts_on(app: &App, tariff: i64) -> i64 {
    app.scalar(&format!("SELECT contracts_count FROM tariffs WHERE id = {tariff}")).await
}

#[scenario]
async fn a_change_for_the_next_period_waits_is_shown_can_be_replaced_and_cancelled(app: &App) {
    let admin = app.admin().await;
    let (old, new, other) = (
        tariff(&admin, "prepaid", "100.00").await,
        tariff(&admin, "prepaid", "150.00").await,
        tariff(&admin, "prepaid", "30.00").await,
    );
    let option = admin.option("7.00", &[old, other]).await;
    let contract = running(&admin, old, "1000.00", json!({})).await;
    let cancel = format!("/contracts/{contract}/cancel-change");
    admin.post(&cancel, json!({})).await.refused(409, "no_planned_change");
    for planned in [new, other] {
        let waiting = change(&admin, contract, planned, "next_period").await.expect(200);
        assert_eq!(
            (&waiting["tariff_id"], &waiting["next_tariff_id"], &waiting["balance"]),
            (&json!(old), &json!(planned), &json!("900.00"))
        );
    }
    change(&admin, contract, other, "next_period").await.refused(409, "tariff_unchanged");
    change(&admin, contract, old, "next_period").await.refused(409, "tariff_unchanged");
    let with_option =
        options(&admin, contract, json!({"add": [option], "when": "next_period"})).await.expect(200);
    assert_eq!(
        (&with_option["options"], &with_option["next_options"], &with_option["balance"]),
        (&json!([]), &json!([option]), &json!("900.00"))
    );
    let listed = admin.get(&format!("/contracts/{contract}/options")).await.expect(200)["results"].clone();
    assert_eq!(
        (&listed[0]["option_id"], &listed[0]["is_in_force"], &listed[0]["is_in_next_period"]),
        (&json!(option), &json!(false), &json!(true))
    );
    // the planned tariff is not compatible with the option
    change(&admin, contract, new, "next_period").await.refused(409, "option_incompatible");
    let cancelled = admin.post(&cancel, json!({})).await.expect(200);
    assert_eq!(
        (&cancelled["next_tariff_id"], &cancelled["next_options"], app.count("contract_options").await),
        (&json!(null), &json!([]), 0)
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_planned_change_begins_with_the_first_missed_period_and_an_option_ends_with_its_last(app: &App) {
    let admin = app.admin().await;
    let (old, other) = (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "prepaid", "30.00").await);
    let option = admin.option("7.00", &[old, other]).await;
    let contract = running(&admin, old, "1000.00", json!({})).await;
    change(&admin, contract, other, "next_period").await.expect(200);
    options(&admin, contract, json!({"add": [option], "when": "next_period"})).await.expect(200);
    assert_eq!((contracts_on(app, old).await, contracts_on(app, other).await), (1, 0));
    // two periods were missed: the first of them begins with the planned change
    let admin = after_days(app, 60).await;
    admin.pay(contract, "1.00").await;
    let caught_up = admin.contract(contract).await;
    assert_eq!(
        (&caught_up["tariff_id"], &caught_up["next_tariff_id"], &caught_up["options"], &caught_up["balance"]),
        (&json!(other), &json!(null), &json!([option]), &json!("827.00"))
    );
    assert_eq!(
        ledger(&admin, contract).await,
        [
            "charge 100.00 2026-01-31 2026-02-28",
            "charge 37.00 2026-02-28 2026-03-31",
            "charge 37.00 2026-03-31 2026-04-30"
        ]
    );
    assert_eq!((contracts_on(app, old).await, contracts_on(app, other).await), (0, 1));
    // an option that ends with the period
    let ending =
        options(&admin, contract, json!({"remove": [option], "when": "next_period"})).await.expect(200);
    assert_eq!(
        (&ending["options"], &ending["next_options"], &ending["balance"]),
        (&json!([option]), &json!([]), &json!("827.00"))
    );
    let admin = after_days(app, 30).await;
    admin.pay(contract, "1.00").await;
    let ended = admin.contract(contract).await;
    assert_eq!((&ended["options"], &ended["balance"]), (&json!([]), &json!("798.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_change_now_replaces_the_tariff_that_was_planned(app: &App) {
    let admin = app.admin().await;
    let (old, now, later) = (
        tariff(&admin, "prepaid", "10.00").await,
        tariff(&admin, "prepaid", "20.00").await,
        tariff(&admin, "prepaid", "30.00").await,
    );
    let contract = running(&admin, old, "100.00", json!({})).await;
    change(&admin, contract, later, "next_period").await.expect(200);
    let changed = change(&admin, contract, now, "now").await.expect(200);
    assert_eq!(
        (&changed["tariff_id"], &changed["next_tariff_id"], &changed["balance"]),
        (&json!(now), &json!(null), &json!("80.00"))
    );
    change(&admin, contract, now, "now").await.refused(409, "tariff_unchanged");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_a_postpaid_period_the_days_served_are_charged_at_a_change_and_the_rest_at_its_end(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "postpaid", "280.00").await, tariff(&admin, "postpaid", "560.00").await);
    let contract = running(&admin, old, "0", json!({"credit_limit": "500.00"})).await;
    let admin = after_days(app, 7).await;
    assert_eq!(change(&admin, contract, new, "now").await.expect(200)["balance"], "-70.00");
    assert_eq!(
        periods(app, contract).await,
        ["2026-01-31 2026-02-28 2026-02-07 7000 0", "2026-02-07 2026-02-28 - - 0"]
    );
    let admin = after_days(app, 21).await;
    admin.pay(contract, "1.00").await;
    let next = admin.contract(contract).await;
    assert_eq!(
        (&next["balance"], &next["status"], &next["next_billing_date"]),
        (&json!("-489.00"), &json!("active"), &json!("2026-03-31"))
    );
    // a change that brings the balance below the limit causes a debt
    let admin = after_days(app, 1).await;
    assert_eq!(change(&admin, contract, old, "now").await.expect(200)["holds"], json!(["debt"]));
    assert_eq!(
        ledger(&admin, contract).await,
        [
            "charge 70.00 2026-01-31 2026-02-07",
            "charge 420.00 2026-02-07 2026-02-28",
            "charge 18.06 2026-02-28 2026-03-01"
        ]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_contract_can_change_between_prepaid_and_postpaid(app: &App) {
    let admin = app.admin().await;
    let (prepaid, postpaid) =
        (tariff(&admin, "prepaid", "280.00").await, tariff(&admin, "postpaid", "560.00").await);
    let contract = running(&admin, prepaid, "280.00", json!({"credit_limit": "300.00"})).await;
    let admin = after_days(app, 7).await;
    // the unused days are credited, and nothing is charged before the period ends
    assert_eq!(change(&admin, contract, postpaid, "now").await.expect(200)["balance"], "210.00");
    let admin = after_days(app, 7).await;
    // seven days of 560.00 charged afterwards, and 14 of 280.00 in advance
    assert_eq!(change(&admin, contract, prepaid, "now").await.expect(200)["balance"], "-70.00");
    assert_eq!(
        ledger(&admin, contract).await,
        [
            "charge 280.00 2026-01-31 2026-02-28",
            "correction 210.00 2026-02-07 2026-02-28",
            "charge 140.00 2026-02-07 2026-02-14",
            "charge 140.00 2026-02-14 2026-02-28",
        ]
    );
    // another change on that day: no day was served under the first one
    assert_eq!(change(&admin, contract, postpaid, "now").await.expect(200)["balance"], "70.00");
    assert_eq!(change(&admin, contract, prepaid, "now").await.expect(200)["balance"], "-70.00");
    // and with the next period: the postpaid period is charged when it ends
    change(&admin, contract, postpaid, "next_period").await.expect(200);
    let admin = after_days(app, 14).await;
    admin.pay(contract, "70.00").await;
    assert_eq!(admin.contract(contract).await["balance"], "0.00");
    change(&admin, contract, prepaid, "next_period").await.expect(200);
    let admin = after_days(app, 31).await;
    admin.pay(contract, "600.00").await;
    let back = admin.contract(contract).await;
    assert_eq!(
        (&back["balance"], &back["tariff_id"], &back["status"]),
        (&json!("-240.00"), &json!(prepaid), &json!("active"))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn without_the_money_a_prepaid_change_now_is_refused_and_nothing_moves(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "280.00").await, tariff(&admin, "prepaid", "560.00").await);
    let option = admin.option("1000.00", &[old]).await;
    let contract = running(&admin, old, "300.00", json!({"credit_limit": "100.00"})).await;
    let admin = after_days(app, 14).await;
    let before = (
        admin.contract(contract).await,
        app.count("payments").await,
        app.count("audit").await,
        periods(app, contract).await,
    );
    // 280.00 for the rest less 140.00 credited; 20.00 and the limit cover 120.00
    let english = admin.with("accept-language", "en");
    let refused = change(&english, contract, new, "now").await.refused(409, "balance_too_low");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("140.00") && detail.contains("20.00"), "{detail}");
    options(&admin, contract, json!({"add": [option], "when": "now"})).await.refused(409, "balance_too_low");
    assert_eq!(
        (
            admin.contract(contract).await,
            app.count("payments").await,
            app.count("audit").await,
            periods(app, contract).await
        ),
        before
    );
    admin.pay(contract, "20.00").await;
    assert_eq!(change(&admin, contract, new, "now").await.expect(200)["balance"], "-100.00");
    // a change to a lower price is never refused
    assert_eq!(change(&admin, contract, old, "now").await.expect(200)["balance"], "40.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_change_to_what_is_cheaper_ends_a_debt_that_it_covers(app: &App) {
    let admin = app.admin().await;
    let (dear, cheap) =
        (tariff(&admin, "prepaid", "600.00").await, tariff(&admin, "prepaid", "200.00").await);
    let contract = running(&admin, dear, "250.00", json!({})).await;
    assert_eq!(admin.contract(contract).await["holds"], json!(["debt"]));
    let admin = after_days(app, 3).await;
    let served = change(&admin, contract, cheap, "now").await.expect(200);
    assert_eq!(
        (&served["status"], &served["balance"], &served["next_billing_date"]),
        (&json!("active"), &json!("50.00"), &json!("2026-03-03"))
    );
    assert_eq!(ledger(&admin, contract).await, ["charge 200.00 2026-02-03 2026-03-03"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_planned_change_that_can_no_longer_be_is_dropped_and_that_is_on_record(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "10.00").await, tariff(&admin, "prepaid", "20.00").await);
    let option = admin.option("1.00", &[old, new]).await;
    let kept = running(&admin, old, "100.00", json!({"options": [option]})).await;
    let dropped = running(&admin, old, "100.00", json!({"options": [option]})).await;
    // a planned change is applied although the tariff has been retired
    change(&admin, kept, new, "next_period").await.expect(200);
    admin.post(&format!("/tariffs/{new}/deactivate"), json!({})).await.expect(200);
    let admin = after_days(app, 28).await;
    admin.pay(kept, "1.00").await;
    assert_eq!(admin.contract(kept).await["tariff_id"], new);
    admin.post(&format!("/tariffs/{new}/activate"), json!({})).await.expect(200);
    admin.pay(dropped, "1.00").await;
    change(&admin, dropped, new, "next_period").await.expect(200);
    admin.patch(&format!("/options/{option}"), json!({"tariff_ids": [old]})).await.expect(200);
    let foreseen =
        admin.get(&format!("/contracts/{dropped}/billing-preview?months=1")).await.expect(200)["charges"][0]
            .clone();
    assert_eq!((&foreseen["tariff_id"], &foreseen["amount"]), (&json!(old), &json!("11.00")));
    let admin = after_days(app, 31).await;
    admin.pay(dropped, "1.00").await;
    let stayed = admin.contract(dropped).await;
    assert_eq!(
        (&stayed["tariff_id"], &stayed["next_tariff_id"], &stayed["options"]),
        (&json!(old), &json!(null), &json!([option]))
    );
    let record = admin
        .get(&format!("/audit?entity=contract&entity_id={dropped}&action=contract.planned_change_dropped"))
        .await
        .expect(200);
    assert_eq!(record["results"][0]["before"]["next_tariff_id"], new);
    // a contract with both options keeps them
    admin.pay(kept, "1.00").await;
    assert_eq!(ledger(&admin, kept).await.last().unwrap(), "charge 21.00 2026-03-31 2026-04-30");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn every_option_must_go_with_the_new_tariff_and_those_that_do_not_are_listed(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "10.00").await, tariff(&admin, "prepaid", "20.00").await);
    let (both, first, second) = (
        admin.option("1.00", &[old, new]).await,
        admin.option("1.00", &[old]).await,
        admin.option("1.00", &[old]).await,
    );
    let contract = running(&admin, old, "100.00", json!({"options": [both, first, second]})).await;
    let before = admin.contract(contract).await;
    for when in ["now", "next_period"] {
        let refused = change(&admin, contract, new, when).await.refused(409, "option_incompatible");
        let listed: Vec<&Value> =
            refused["errors"].as_array().unwrap().iter().map(|error| &error["existing_id"]).collect();
        assert_eq!(listed, [&json!(first), &json!(second)]);
    }
    assert_eq!(admin.contract(contract).await, before);
    // an option that ends with the period does not prevent a change with the next
    options(&admin, contract, json!({"remove": [first, second], "when": "next_period"})).await.expect(200);
    change(&admin, contract, new, "now").await.refused(409, "option_incompatible");
    change(&admin, contract, new, "next_period").await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_is_wrong_with_a_change_is_named(app: &App) {
    let admin = app.admin().await;
    let old = tariff(&admin, "prepaid", "10.00").await;
    let contract = running(&admin, old, "100.00", json!({})).await;
    assert_eq!(
        change(&admin, contract, 999, "now").await.wrong_fields(),
        [("/tariff_id".to_owned(), "not_found".to_owned())]
    );
    assert_eq!(
        change(&admin, contract, old, "tomorrow").await.wrong_fields(),
        [("/when".to_owned(), "invalid_choice".to_owned())]
    );
    change(&admin, 999, old, "now").await.refused(404, "contract_not_found");
    let reply = options(&admin, contract, json!({"add": [999], "when": "now"})).await;
    assert_eq!(reply.wrong_fields(), [("/options".to_owned(), "not_found".to_owned())]);
    let reply = options(&admin, contract, json!({"add": [1, 1], "remove": [1], "when": "now"})).await;
    assert_eq!(
        reply.wrong_fields(),
        [
            ("/add/1".to_owned(), "duplicate_value".to_owned()),
            ("/remove/0".to_owned(), "mismatch".to_owned())
        ]
    );
    assert_eq!(
        options(&admin, contract, json!({"when": "now"})).await.wrong_fields(),
        [("/add".to_owned(), "required".to_owned())]
    );
    let (supervisor, employee) = (app.user("supervisor").await, app.user("employee").await);
    for client in [supervisor, employee] {
        change(&client, contract, old, "now").await.refused(403, "permission_missing");
        options(&client, contract, json!({"add": [1], "when": "now"}))
            .await
            .refused(403, "permission_missing");
    }
    assert_eq!(app.count("payments").await, 2);
}
