//! Days under a hold are not charged, whatever cuts or ends the period and whatever the hold is.

use serde_json::{Value, json};

use super::{bill, figures, ledger, on, running, stands, tariff};
use crate::harness::{App, Client, scenario};

async fn act(client: &Client, contract: i64, action: &str, body: Value) -> Value {
    client.post(&format!("/contracts/{contract}/{action}"), body).await.expect(200)
}

/// Suspends the line in one of the ways in which a line goes off.
async fn hold(admin: &Client, contract: i64, reason: &str) {
    let shown = admin.contract(contract).await;
    match reason {
        "customer" => {
            let path = format!("/customers/{}/suspend", shown["customer_id"]);
            admin.post(&path, json!({"reason": "неоплаченные счета"})).await.expect(200);
        }
        "no_sim" => {
            let path = format!("/sims/{}/block", shown["sim_id"]);
            admin.post(&path, json!({"reason": "утеря"})).await.expect(200);
        }
        "debt" => {
            let body = json!({"contract_id": contract, "amount": "-1000.01", "reason": "ошибка"});
            admin.post("/payments/corrections", body).await.expect(201);
        }
        reason => drop(act(admin, contract, "suspend", json!({"reason": reason})).await),
    }
    assert_eq!(admin.contract(contract).await["holds"], json!([reason]));
}

/// A postpaid contract of 900.00 that was activated on this day.
async fn postpaid_since(app: &App, day: &str) -> i64 {
    let admin = on(app, day).await;
    let tariff = tariff(&admin, "postpaid", "900.00").await;
    running(&admin, tariff, "0", json!({"credit_limit": "1000.00"})).await
}

async fn charges(admin: &Client, contract: i64) -> Vec<String> {
    ledger(admin, contract).await.into_iter().filter(|row| row.starts_with("charge")).collect()
}

#[scenario]
async fn termination_under_any_hold_charges_the_days_served_and_names_them(app: &App) {
    for reason in ["request", "fraud", "customer", "no_sim", "debt"] {
        let contract = postpaid_since(app, "2026-02-10").await;
        hold(&on(app, "2026-02-12").await, contract, reason).await;
        let admin = on(app, "2026-03-05").await;
        let over = act(&admin, contract, "terminate", json!({"reason": "по заявлению"})).await;
        // three of 28 days
        assert_eq!(charges(&admin, contract).await, ["charge 96.43 2026-02-10 2026-02-13"], "{reason}");
        assert_eq!(over["total_charged"], "96.43", "{reason}");
        let page =
            admin.get(&format!("/payments?contract={contract}&transaction_type=charge")).await.expect(200);
        assert_eq!(page["results"][0]["description"], "2026-02-10 – 2026-02-12", "{reason}");
        assert_eq!(app.violations().await, Vec::<String>::new());
    }
}

#[scenario]
async fn a_period_that_ends_under_any_hold_is_charged_for_the_days_served_as_foreseen(app: &App) {
    for reason in ["request", "fraud", "customer", "no_sim", "debt"] {
        let contract = postpaid_since(app, "2026-02-10").await;
        let admin = on(app, "2026-02-12").await;
        hold(&admin, contract, reason).await;
        let foreseen =
            admin.get(&format!("/contracts/{contract}/billing-preview?months=1")).await.expect(200);
        assert_eq!(foreseen["charges"][0]["amount"], "96.43", "{reason}: {foreseen}");
        let admin = on(app, "2026-03-10").await;
        let dry = bill(app, &admin, json!({"dry_run": true})).await;
        let run = bill(app, &admin, json!({})).await;
        assert_eq!(figures(&dry), figures(&run), "{reason}");
        assert_eq!((&run["charges_count"], &run["sum_charged"]), (&json!(1), &json!("96.43")), "{reason}");
        assert_eq!(charges(&admin, contract).await, ["charge 96.43 2026-02-10 2026-02-13"], "{reason}");
        let periods = admin.get(&format!("/contracts/{contract}/periods")).await.expect(200);
        assert_eq!(
            (&periods["results"][0]["charged_days"], &periods["results"][0]["whole_days"]),
            (&json!(3), &json!(28)),
            "{reason}"
        );
        act(&admin, contract, "terminate", json!({"reason": "конец"})).await;
        assert_eq!(app.violations().await, Vec::<String>::new());
    }
}

#[scenario]
async fn a_change_now_under_any_hold_charges_the_days_served(app: &App) {
    for reason in ["request", "fraud", "customer", "no_sim", "debt"] {
        let contract = postpaid_since(app, "2026-04-20").await;
        let admin = on(app, "2026-04-22").await;
        let dear = tariff(&admin, "postpaid", "1500.00").await;
        hold(&admin, contract, reason).await;
        let admin = on(app, "2026-05-15").await;
        let changed = act(&admin, contract, "change-tariff", json!({"tariff_id": dear, "when": "now"})).await;
        assert_eq!(changed["status"], "suspended", "{reason}");
        assert_eq!(charges(&admin, contract).await, ["charge 90.00 2026-04-20 2026-04-23"], "{reason}");
        act(&admin, contract, "terminate", json!({"reason": "конец"})).await;
        assert_eq!(charges(&admin, contract).await.len(), 1, "nothing of the rest was served: {reason}");
        assert_eq!(app.violations().await, Vec::<String>::new());
    }
}

#[scenario]
async fn a_change_now_on_a_held_line_leaves_nothing_of_the_rest_to_charge(app: &App) {
    let contract = postpaid_since(app, "2026-04-20").await;
    let admin = on(app, "2026-04-22").await;
    let dear = tariff(&admin, "postpaid", "1500.00").await;
    hold(&admin, contract, "request").await;
    let admin = on(app, "2026-05-15").await;
    let changed = act(&admin, contract, "change-tariff", json!({"tariff_id": dear, "when": "now"})).await;
    assert_eq!((&changed["status"], &changed["balance"]), (&json!("suspended"), &json!("-90.00")));
    // nothing of the rest was served: it ends without a charge
    let admin = on(app, "2026-05-20").await;
    bill(app, &admin, json!({})).await;
    assert_eq!(ledger(&admin, contract).await, ["charge 90.00 2026-04-20 2026-04-23"]);
    let admin = on(app, "2026-05-25").await;
    act(&admin, contract, "resume", json!({"reason": "request"})).await;
    assert_eq!(stands(&admin, contract).await, "active -90.00 2026-06-25 25");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_rest_of_a_changed_period_is_charged_from_the_day_on_which_the_line_came_back(app: &App) {
    let contract = postpaid_since(app, "2026-04-20").await;
    let admin = on(app, "2026-04-22").await;
    let dear = tariff(&admin, "postpaid", "1500.00").await;
    hold(&admin, contract, "request").await;
    let admin = on(app, "2026-05-15").await;
    act(&admin, contract, "change-tariff", json!({"tariff_id": dear, "when": "now"})).await;
    let admin = on(app, "2026-05-18").await;
    act(&admin, contract, "resume", json!({"reason": "request"})).await;
    let admin = on(app, "2026-05-20").await;
    bill(app, &admin, json!({})).await;
    // two of 30 days, and the billing day stays
    assert_eq!(
        ledger(&admin, contract).await,
        ["charge 90.00 2026-04-20 2026-04-23", "charge 100.00 2026-05-18 2026-05-20"]
    );
    assert_eq!(stands(&admin, contract).await, "active -190.00 2026-06-20 20");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_held_line_that_changes_to_prepaid_pays_nothing_in_advance(app: &App) {
    let contract = postpaid_since(app, "2026-04-20").await;
    let admin = on(app, "2026-04-22").await;
    let prepaid = tariff(&admin, "prepaid", "300.00").await;
    hold(&admin, contract, "request").await;
    let admin = on(app, "2026-05-15").await;
    act(&admin, contract, "change-tariff", json!({"tariff_id": prepaid, "when": "now"})).await;
    assert_eq!(ledger(&admin, contract).await, ["charge 90.00 2026-04-20 2026-04-23"]);
    let admin = on(app, "2026-05-20").await;
    bill(app, &admin, json!({})).await;
    assert_eq!(ledger(&admin, contract).await.len(), 1);
    let admin = on(app, "2026-05-25").await;
    act(&admin, contract, "resume", json!({"reason": "request"})).await;
    assert_eq!(
        ledger(&admin, contract).await[1..],
        ["charge 300.00 2026-05-25 2026-06-25"],
        "the next period is a whole one"
    );
    assert_eq!(stands(&admin, contract).await, "active -390.00 2026-06-25 25");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_hold_within_a_period_takes_its_days_out_and_the_charge_names_what_is_left(app: &App) {
    let contract = postpaid_since(app, "2026-02-10").await;
    hold(&on(app, "2026-02-12").await, contract, "request").await;
    let admin = on(app, "2026-02-18").await;
    // a second hold overlaps the first: it is one break
    act(&admin, contract, "suspend", json!({"reason": "fraud"})).await;
    act(&admin, contract, "resume", json!({"reason": "request"})).await;
    let admin = on(app, "2026-02-20").await;
    act(&admin, contract, "resume", json!({"reason": "fraud"})).await;
    let admin = on(app, "2026-03-10").await;
    bill(app, &admin, json!({})).await;
    // 21 of 28 days
    assert_eq!(ledger(&admin, contract).await, ["charge 675.00 2026-02-10 2026-03-10"]);
    let charge = admin.get(&format!("/payments?contract={contract}")).await.expect(200)["results"][0].clone();
    assert_eq!(charge["description"], "2026-02-10 – 2026-02-12, 2026-02-20 – 2026-03-09");
    let why = admin.get(&format!("/payments/{}/explanation", charge["id"])).await.expect(200);
    assert_eq!(
        (&why["period"]["charged_days"], &why["period"]["whole_fee"], &why["amount"]),
        (&json!(21), &json!("900.00"), &json!("675.00"))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

/// A prepaid contract of 280.00 with money for two periods, held from 12 to 20 February.
async fn held_prepaid(app: &App) -> i64 {
    let admin = on(app, "2026-02-10").await;
    let tariff = tariff(&admin, "prepaid", "280.00").await;
    let contract = running(&admin, tariff, "560.00", json!({})).await;
    hold(&on(app, "2026-02-12").await, contract, "request").await;
    let admin = on(app, "2026-02-20").await;
    act(&admin, contract, "resume", json!({"reason": "request"})).await;
    contract
}

#[scenario]
async fn a_paid_prepaid_period_is_not_given_back_for_a_hold_unless_the_operator_does_so(app: &App) {
    let contract = held_prepaid(app).await;
    let admin = on(app, "2026-03-10").await;
    bill(app, &admin, json!({})).await;
    assert_eq!(
        ledger(&admin, contract).await,
        ["charge 280.00 2026-02-10 2026-03-10", "charge 280.00 2026-03-10 2026-04-10"]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(PREPAID_CREDIT_ON_HOLD = "on")]
async fn where_the_operator_credits_holds_their_days_come_off_before_the_next_period(app: &App) {
    let contract = held_prepaid(app).await;
    let admin = on(app, "2026-03-10").await;
    let foreseen = admin.get(&format!("/contracts/{contract}/billing-preview?months=1")).await.expect(200);
    assert_eq!(foreseen["charges"][0]["balance_after"], "70.00", "{foreseen}");
    let dry = bill(app, &admin, json!({"dry_run": true})).await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&dry), figures(&run));
    // seven of 28 days, once
    assert_eq!(
        ledger(&admin, contract).await,
        [
            "charge 280.00 2026-02-10 2026-03-10",
            "correction 70.00 2026-02-13 2026-02-20",
            "charge 280.00 2026-03-10 2026-04-10"
        ]
    );
    let shown = admin.contract(contract).await;
    assert_eq!((&shown["balance"], &shown["total_charged"]), (&json!("70.00"), &json!("490.00")));
    let admin = on(app, "2026-04-10").await;
    bill(app, &admin, json!({})).await;
    assert_eq!(stands(&admin, contract).await, "suspended 70.00 2026-04-10 10");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(PREPAID_CREDIT_ON_HOLD = "on")]
async fn what_a_hold_credits_counts_once_when_a_change_cuts_the_period(app: &App) {
    let contract = held_prepaid(app).await;
    let admin = on(app, "2026-02-24").await;
    let other = tariff(&admin, "prepaid", "560.00").await;
    act(&admin, contract, "change-tariff", json!({"tariff_id": other, "when": "now"})).await;
    // 14 days left and seven under the hold
    assert_eq!(
        ledger(&admin, contract).await[1..],
        ["correction 210.00 2026-02-13 2026-03-10", "charge 280.00 2026-02-24 2026-03-10"]
    );
    let admin = on(app, "2026-02-26").await;
    act(&admin, contract, "terminate", json!({"reason": "переезд"})).await;
    assert_eq!(ledger(&admin, contract).await.len(), 3);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn termination_gives_unused_days_back_only_on_request(app: &App) {
    let admin = on(app, "2026-02-10").await;
    let tariff = tariff(&admin, "prepaid", "280.00").await;
    let (kept, asked, held) = (
        running(&admin, tariff, "280.00", json!({})).await,
        running(&admin, tariff, "280.00", json!({})).await,
        running(&admin, tariff, "280.00", json!({})).await,
    );
    hold(&on(app, "2026-02-12").await, held, "request").await;
    let admin = on(app, "2026-02-16").await;
    let over = act(&admin, kept, "terminate", json!({"reason": "переезд"})).await;
    assert_eq!((&over["balance"], &over["refundable_balance"]), (&json!("0.00"), &json!("0.00")));
    let body = json!({"reason": "переезд", "refund_unused": true});
    let over = act(&admin, asked, "terminate", body.clone()).await;
    // the day of termination counts as used: 21 of 28 days are left
    assert_eq!(
        (&over["balance"], &over["refundable_balance"], &over["total_charged"]),
        (&json!("210.00"), &json!("210.00"), &json!("70.00"))
    );
    assert_eq!(ledger(&admin, asked).await[1..], ["correction 210.00 2026-02-17 2026-03-10"]);
    // of the other, three days were served
    act(&admin, held, "terminate", body).await;
    assert_eq!(ledger(&admin, held).await[1..], ["correction 250.00 2026-02-13 2026-03-10"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn where_the_operators_day_goes_back_a_change_now_leaves_no_periods_that_overlap(app: &App) {
    let admin = on(app, "2026-02-10").await;
    let (old, new) = (tariff(&admin, "prepaid", "280.00").await, tariff(&admin, "prepaid", "310.00").await);
    let contract = running(&admin, old, "5000.00", json!({})).await;
    let late =
        running(&admin, tariff(&admin, "postpaid", "280.00").await, "0", json!({"credit_limit": "1000.00"}))
            .await;
    let admin = on(app, "2026-03-10").await;
    bill(app, &admin, json!({})).await;
    // the clock is set right, or the time zone is another
    let admin = on(app, "2026-03-09").await;
    act(&admin, contract, "change-tariff", json!({"tariff_id": new, "when": "now"})).await;
    act(&admin, late, "change-tariff", json!({"tariff_id": new, "when": "now"})).await;
    assert_eq!(
        ledger(&admin, contract).await,
        [
            "charge 280.00 2026-02-10 2026-03-10",
            "charge 280.00 2026-03-10 2026-04-10",
            "correction 280.00 2026-03-10 2026-04-10",
            "charge 310.00 2026-03-10 2026-04-10"
        ]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
    let admin = on(app, "2026-03-20").await;
    act(&admin, contract, "change-tariff", json!({"tariff_id": old, "when": "now"})).await;
    let admin = on(app, "2026-03-19").await;
    act(&admin, contract, "change-tariff", json!({"tariff_id": new, "when": "now"})).await;
    act(&admin, late, "terminate", json!({"reason": "конец", "refund_unused": true})).await;
    assert_eq!(app.violations().await, Vec::<String>::new());
}
