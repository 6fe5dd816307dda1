//! GetSim and GetDeposit: from an empty office to an active, paid contract,
//! and what suspends and resumes a line.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{App, id, scenario};

#[scenario]
async fn a_paid_draft_becomes_active_and_is_charged_its_first_period(app: &App) {
    let operator = app.user("operator").await;
    let admin = app.admin().await;
    let tariff = admin.prepaid_tariff("600.00").await;
    let (customer, sim) = (operator.customer().await, operator.sim().await);
    let draft =
        operator.post("/contracts", json!({"customer_id": customer, "tariff_id": tariff})).await.expect(201);
    assert_eq!((&draft["status"], &draft["balance"]), (&json!("draft"), &json!("0.00")));
    let contract = id(&draft);

    let payment = operator.pay(contract, "1000.00").await;
    assert_eq!((&payment["status"], &payment["balance_after"]), (&json!("success"), &json!("1000.00")));
    let active =
        operator.post(&format!("/contracts/{contract}/activate"), json!({"sim_id": sim})).await.expect(200);
    assert_eq!(active["status"], "active");
    assert_eq!(active["balance"], "400.00");
    assert_eq!(active["total_charged"], "600.00");
    // drawn up on the 31st: the last day of February instead, and the billing day remains 31
    assert_eq!((&active["next_billing_date"], &active["billing_day"]), (&json!("2026-02-28"), &json!(31)));

    let sim = operator.get(&format!("/sims/{sim}")).await.expect(200);
    assert_eq!((&sim["status"], &sim["contract_id"]), (&json!("active"), &json!(contract)));
    let number = operator.get(&format!("/numbers/{}", sim["number_id"])).await.expect(200);
    assert_eq!(number["status"], "assigned");
    let charges =
        operator.get(&format!("/payments?contract={contract}&transaction_type=charge")).await.expect(200);
    assert_eq!(charges["count"], 1);
    assert_eq!(
        (&charges["results"][0]["period_start"], &charges["results"][0]["period_end"]),
        (&json!("2026-01-31"), &json!("2026-02-28"))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn without_money_activation_holds_the_contract_for_debt_until_a_payment_covers_the_fee(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let held = admin.activate(contract).await;
    assert_eq!(
        (&held["status"], &held["holds"], &held["next_billing_date"]),
        (&json!("suspended"), &json!(["debt"]), &json!(null))
    );
    let sim = admin.get(&format!("/sims/{}", held["sim_id"])).await.expect(200);
    assert_eq!(sim["status"], "suspended");

    admin.pay(contract, "599.99").await;
    assert_eq!(admin.contract(contract).await["holds"], json!(["debt"]));
    app.advance(TimeDelta::days(2));
    let admin = app.admin().await;
    admin.pay(contract, "0.01").await;
    let back = admin.contract(contract).await;
    assert_eq!(
        (&back["status"], &back["holds"], &back["balance"]),
        (&json!("active"), &json!([]), &json!("0.00"))
    );
    // the billing day becomes the day on which the debt was settled
    assert_eq!((&back["billing_day"], &back["next_billing_date"]), (&json!(2), &json!("2026-03-02")));
    assert_eq!(admin.get(&format!("/sims/{}", back["sim_id"])).await.expect(200)["status"], "active");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn topping_up_lifts_the_debt_hold_but_not_the_fraud_hold(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.activate(contract).await;
    let both = admin
        .post(&format!("/contracts/{contract}/suspend"), json!({"reason": "fraud", "note": "жалоба"}))
        .await
        .expect(200);
    assert_eq!(both["holds"], json!(["debt", "fraud"]));
    admin.pay(contract, "1000.00").await;
    let held = admin.contract(contract).await;
    // no period begins while the contract is held, so nothing is charged either
    assert_eq!(
        (&held["status"], &held["holds"], &held["balance"]),
        (&json!("suspended"), &json!(["fraud"]), &json!("1000.00"))
    );
    let back =
        admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "fraud"})).await.expect(200);
    assert_eq!((&back["status"], &back["balance"]), (&json!("active"), &json!("400.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_hold_by_request_stops_the_line_and_lifting_it_charges_nothing_twice(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "1000.00").await;
    let active = admin.activate(contract).await;
    let sim = format!("/sims/{}", active["sim_id"]);
    let suspend = format!("/contracts/{contract}/suspend");
    let held = admin.post(&suspend, json!({"reason": "request"})).await.expect(200);
    assert_eq!(
        (&held["status"], &admin.get(&sim).await.expect(200)["status"]),
        (&json!("suspended"), &json!("suspended"))
    );
    admin.post(&suspend, json!({"reason": "request"})).await.refused(409, "hold_present");
    // only billing can place a debt hold
    let debt = admin.post(&suspend, json!({"reason": "debt"})).await;
    assert_eq!(debt.wrong_fields(), [("/reason".to_owned(), "invalid_choice".to_owned())]);
    let resume = format!("/contracts/{contract}/resume");
    admin.post(&resume, json!({"reason": "fraud"})).await.refused(409, "hold_absent");
    let back = admin.post(&resume, json!({"reason": "request"})).await.expect(200);
    assert_eq!(
        (&back["status"], &back["balance"], &back["next_billing_date"]),
        (&json!("active"), &json!("400.00"), &json!("2026-02-28"))
    );
    assert_eq!(admin.get(&sim).await.expect(200)["status"], "active");
    assert_eq!(app.count("contract_periods").await, 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_period_that_ran_out_under_a_hold_begins_anew_on_the_day_it_is_lifted(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "1000.00").await;
    admin.activate(contract).await;
    admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    app.advance(TimeDelta::days(40));
    let admin = app.admin().await;
    // the balance of 400.00 does not cover another month
    let held =
        admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "request"})).await.expect(200);
    assert_eq!((&held["status"], &held["holds"]), (&json!("suspended"), &json!(["debt"])));
    admin.pay(contract, "200.00").await;
    let back = admin.contract(contract).await;
    assert_eq!(
        (&back["status"], &back["billing_day"], &back["next_billing_date"]),
        (&json!("active"), &json!(12), &json!("2026-04-12"))
    );
    assert_eq!(app.count("contract_periods").await, 2);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn termination_closes_the_sim_rests_the_number_and_leaves_the_balance_to_refund(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "1000.00").await;
    let active = admin.activate(contract).await;
    let sim = admin.get(&format!("/sims/{}", active["sim_id"])).await.expect(200);
    let terminate = format!("/contracts/{contract}/terminate");
    let over = admin.post(&terminate, json!({"reason": "по заявлению"})).await.expect(200);
    assert_eq!(
        (&over["status"], &over["balance"], &over["sim_id"], &over["termination_date"]),
        (&json!("terminated"), &json!("400.00"), &json!(null), &json!("2026-01-31"))
    );
    let sim = admin.get(&format!("/sims/{}", sim["id"])).await.expect(200);
    assert_eq!(
        (&sim["status"], &sim["contract_id"], &sim["msisdn"]),
        (&json!("closed"), &json!(null), &json!(null))
    );
    let numbers = admin.get("/numbers?status=quarantined").await.expect(200);
    assert_eq!(numbers["results"][0]["quarantined_until"], "2026-05-01");
    admin.post(&terminate, json!({"reason": "ещё раз"})).await.refused(409, "contract_terminated");
    let payment = json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"});
    admin.post("/payments", payment).await.refused(409, "contract_terminated");
    assert_eq!(admin.contract(contract).await["balance"], "400.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_postpaid_contract_is_active_at_once_and_pays_for_the_days_it_was_served(app: &App) {
    let admin = app.admin().await;
    let tariff = json!({"name": "Постоплата", "tariff_type": "postpaid", "monthly_fee": "280.00"});
    let tariff = id(&admin.post("/tariffs", tariff).await.expect(201));
    let (customer, sim) = (admin.customer().await, admin.sim().await);
    let draft = json!({
        "customer_id": customer, "tariff_id": tariff, "sim_id": sim, "credit_limit": "500.00",
        "discount_percent": "10"
    });
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    let active = admin.activate(contract).await;
    assert_eq!(
        (&active["status"], &active["balance"], &active["next_billing_date"]),
        (&json!("active"), &json!("0.00"), &json!("2026-02-28"))
    );
    app.advance(TimeDelta::days(6));
    let admin = app.admin().await;
    let over = admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
        .await
        .expect(200);
    // 252.00 for 28 days less 10 %, of which seven were served
    assert_eq!((&over["balance"], &over["total_charged"]), (&json!("-63.00"), &json!("63.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn activation_refuses_what_is_missing_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("100.00").await);
    let draft = json!({"customer_id": customer, "tariff_id": tariff});
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    let activate = format!("/contracts/{contract}/activate");
    admin.post(&activate, json!({})).await.refused(409, "contract_without_sim");
    let bare = json!({"iccid": "8970199999999999999", "imsi": "250019999999999"});
    let bare = id(&admin.post("/sims", bare).await.expect(201));
    admin.post(&activate, json!({"sim_id": bare})).await.refused(409, "sim_without_number");
    let unknown = admin.post(&activate, json!({"sim_id": 999})).await;
    assert_eq!(unknown.wrong_fields(), [("/sim_id".to_owned(), "not_found".to_owned())]);
    admin.post("/contracts/999/activate", json!({})).await.refused(404, "contract_not_found");
    assert_eq!(
        (admin.contract(contract).await["status"].clone(), app.count("sim_bindings").await),
        (json!("draft"), 0)
    );

    let sim = admin.sim().await;
    admin.post(&activate, json!({"sim_id": sim})).await.expect(200);
    admin.post(&activate, json!({"sim_id": sim})).await.refused(409, "contract_not_draft");
    let second = json!({"customer_id": customer, "tariff_id": tariff});
    let second = id(&admin.post("/contracts", second).await.expect(201));
    admin
        .post(&format!("/contracts/{second}/activate"), json!({"sim_id": sim}))
        .await
        .refused(409, "sim_not_free");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn fifty_activations_of_one_sim_at_once_have_one_winner(app: &App) {
    let admin = app.admin().await;
    let (customer, tariff, sim) =
        (admin.customer().await, admin.prepaid_tariff("0.00").await, admin.sim().await);
    let mut contracts = Vec::new();
    for _ in 0..50 {
        let draft = json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim});
        contracts.push(id(&admin.post("/contracts", draft).await.expect(201)));
    }
    let replies = join_all(contracts.iter().map(|contract| {
        let admin = admin.clone();
        async move { admin.post(&format!("/contracts/{contract}/activate"), json!({})).await }
    }))
    .await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(won, 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "sim_not_free");
    }
    assert_eq!(admin.get("/contracts?status=active").await.expect(200)["count"], 1);
    assert_eq!(admin.get("/contracts?status=draft").await.expect(200)["count"], 49);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn two_payments_at_once_are_both_counted_and_one_transaction_id_only_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    join_all((0..20).map(|_| admin.pay(contract, "10.00"))).await;
    assert_eq!(admin.contract(contract).await["balance"], "200.00");
    let payment = json!({
        "contract_id": contract, "amount": "5.00", "payment_method": "terminal",
        "transaction_id": "terminal-7-1"
    });
    let replies = join_all((0..10).map(|_| admin.post("/payments", payment.clone()))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    let refused: Vec<_> = replies
        .into_iter()
        .filter(|reply| reply.status != 201)
        .map(|reply| reply.refused(409, "payment_duplicate"))
        .collect();
    assert!(refused.iter().all(|problem| problem["errors"][0]["existing_id"].is_i64()), "{refused:?}");
    assert_eq!(admin.contract(contract).await["balance"], "205.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_database_itself_refuses_to_change_or_delete_a_successful_transaction(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "10.00").await;
    let context = app.context();
    for sql in ["UPDATE payments SET amount = 1000000 WHERE id = 1", "DELETE FROM payments WHERE id = 1"] {
        let refused =
            app.state.db.transaction(&context, async |tx| database::Sql::new(sql).execute(tx).await).await;
        assert!(refused.unwrap_err().to_string().contains("a successful transaction is never"), "{sql}");
    }
    assert_eq!(app.scalar("SELECT CAST(SUM(amount) AS BIGINT) FROM payments").await, 1000);
}

#[scenario]
async fn money_that_cannot_be_is_refused_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    for amount in [
        json!(0),
        json!("0.00"),
        json!(-1),
        json!("-0.01"),
        json!("0.001"),
        json!("1e2"),
        json!("NaN"),
        json!("100000000000.00"),
        json!(null),
        json!([]),
    ] {
        let reply = admin
            .post("/payments", json!({"contract_id": contract, "amount": amount, "payment_method": "cash"}))
            .await;
        assert_eq!(reply.status, 422, "{amount}: {}", reply.text);
    }
    admin.pay(contract, "99999999999.99").await;
    let over = json!({"contract_id": contract, "amount": "0.01", "payment_method": "cash"});
    admin.post("/payments", over).await.refused(422, "amount_out_of_range");
    assert_eq!(admin.contract(contract).await["balance"], "99999999999.99");
    assert_eq!(app.count("payments").await, 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_retired_subscriber_tariff_or_foreign_ids_make_no_draft(app: &App) {
    let admin = app.admin().await;
    let retired = json!({"name": "Архивный", "tariff_type": "prepaid", "monthly_fee": 1, "is_active": false});
    let retired = id(&admin.post("/tariffs", retired).await.expect(201));
    let customer = admin.customer().await;
    admin
        .post("/contracts", json!({"customer_id": customer, "tariff_id": retired}))
        .await
        .refused(409, "tariff_retired");
    let unknown = admin.post("/contracts", json!({"customer_id": 999, "tariff_id": retired})).await;
    assert_eq!(unknown.wrong_fields(), [("/customer_id".to_owned(), "not_found".to_owned())]);
    assert_eq!(app.count("contracts").await, 0);
}

#[scenario]
async fn what_was_missed_is_caught_up_period_by_period_and_the_billing_day_stays(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("100.00").await;
    admin.pay(contract, "250.00").await;
    admin.activate(contract).await;
    // 31 March: the periods of February and March are due
    app.advance(TimeDelta::days(59));
    let admin = app.admin().await;
    admin.pay(contract, "50.00").await;
    let caught_up = admin.contract(contract).await;
    assert_eq!(
        (&caught_up["status"], &caught_up["balance"], &caught_up["total_charged"]),
        (&json!("active"), &json!("0.00"), &json!("300.00"))
    );
    assert_eq!(
        (&caught_up["next_billing_date"], &caught_up["billing_day"]),
        (&json!("2026-04-30"), &json!(31))
    );
    let charges = admin
        .get(&format!("/payments?contract={contract}&transaction_type=charge&ordering=created_at"))
        .await
        .expect(200);
    let starts: Vec<_> =
        charges["results"].as_array().unwrap().iter().map(|charge| charge["period_start"].clone()).collect();
    assert_eq!(starts, ["2026-01-31", "2026-02-28", "2026-03-31"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_postpaid_period_that_ended_is_charged_whole_before_the_next_one_counts(app: &App) {
    let admin = app.admin().await;
    let tariff = json!({"name": "Постоплата", "tariff_type": "postpaid", "monthly_fee": "280.00"});
    let tariff = id(&admin.post("/tariffs", tariff).await.expect(201));
    let (customer, sim) = (admin.customer().await, admin.sim().await);
    let draft =
        json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim, "credit_limit": "300.00"});
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    admin.activate(contract).await;
    app.advance(TimeDelta::days(30));
    let admin = app.admin().await;
    // 2 March: 28 days were served until 28 February, and two more days of the next period
    admin.pay(contract, "1.00").await;
    let running = admin.contract(contract).await;
    assert_eq!(
        (&running["status"], &running["balance"], &running["next_billing_date"]),
        (&json!("active"), &json!("-279.00"), &json!("2026-03-31"))
    );
    app.advance(TimeDelta::days(30));
    let admin = app.admin().await;
    admin.pay(contract, "1.00").await;
    let held = admin.contract(contract).await;
    assert_eq!(
        (&held["status"], &held["holds"], &held["balance"]),
        (&json!("suspended"), &json!(["debt"]), &json!("-558.00"))
    );
    admin.pay(contract, "300.00").await;
    assert_eq!(admin.contract(contract).await["status"], "active");
    let over = admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
        .await
        .expect(200);
    assert_eq!((&over["status"], app.count("contract_periods").await), (&json!("terminated"), 3));
    assert_eq!(app.violations().await, Vec::<String>::new());
}
