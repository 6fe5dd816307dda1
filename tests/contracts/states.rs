//! Every action on a contract in every state, over HTTP.

use contracts::HoldReason;
use serde_json::{Value, json};

use super::hold;
use crate::harness::{App, Client, Request, id, scenario};

/// The states, named after their holds. Each contract except `bare` has paid 1.00 and has a pending card
/// payment of 100.00. Prepaid contracts (100.00) have paid for their period unless they are in debt; postpaid
/// ones have a credit limit of 50.00, and owe more than that if they are in debt.
const STATES: [&str; 20] = [
    "bare draft",
    "draft",
    "active",
    "debt",
    "request",
    "fraud",
    "customer",
    "no_sim",
    "fraud request",
    "debt request",
    "debt fraud request",
    "customer request",
    "fraud no_sim",
    "terminated",
    "postpaid draft",
    "postpaid active",
    "postpaid debt",
    "postpaid request",
    "postpaid debt request",
    "postpaid terminated",
];

/// A contract with a received payment and a pending one.
#[derive(Clone, Copy, Default)]
struct Subject {
    contract: i64,
    paid: i64,
    awaited: i64,
    spare_sim: i64,
}

/// The actions by name.
fn actions(Subject { contract, paid, awaited, spare_sim }: Subject) -> Vec<(&'static str, Request)> {
    let on = |path: &str| format!("/contracts/{contract}{path}");
    let suspend = |reason: &str| Request::post(on("/suspend"), json!({"reason": reason}));
    let resume = |reason: &str| Request::post(on("/resume"), json!({"reason": reason}));
    let pay = |method: &str| {
        let body = json!({"contract_id": contract, "amount": "100.00", "payment_method": method});
        Request::post("/payments", body)
    };
    let correct = |amount: &str| {
        let body = json!({"contract_id": contract, "amount": amount, "reason": "x"});
        Request::post("/payments/corrections", body)
    };
    let edit = |change: Value| Request::patch(on(""), change);
    vec![
        ("activate", Request::post(on("/activate"), json!({}))),
        ("suspend request", suspend("request")),
        ("suspend fraud", suspend("fraud")),
        ("suspend debt", suspend("debt")),
        ("suspend customer", suspend("customer")),
        ("suspend no_sim", suspend("no_sim")),
        ("resume request", resume("request")),
        ("resume fraud", resume("fraud")),
        ("resume debt", resume("debt")),
        ("resume customer", resume("customer")),
        ("resume no_sim", resume("no_sim")),
        ("terminate", Request::post(on("/terminate"), json!({"reason": "x"}))),
        ("pay 100", pay("cash")),
        ("pay 100 by card", pay("card")),
        ("process 100", Request::post(format!("/payments/{awaited}/process"), json!({}))),
        ("refund 1", Request::post(format!("/payments/{paid}/refund"), json!({"reason": "x"}))),
        ("add 40", Request::post(on("/add_balance"), json!({"amount": "40.00"}))),
        ("deduct 40", Request::post(on("/deduct_balance"), json!({"amount": "40.00", "description": "x"}))),
        ("correct +100", correct("100.00")),
        ("correct -100", correct("-100.00")),
        ("edit notes", edit(json!({"notes": "позвонить"}))),
        ("edit discount", edit(json!({"discount_percent": "5"}))),
        ("edit limit", edit(json!({"credit_limit": "100.00"}))),
        ("edit signed date", edit(json!({"signed_date": "2025-01-01"}))),
        ("take the SIM off", edit(json!({"sim_id": null}))),
        ("replace the SIM", Request::post(on("/replace-sim"), json!({"sim_id": spare_sim, "reason": "x"}))),
        ("delete", Request::delete(on(""))),
    ]
}

/// The subscriber and the tariffs for the contracts.
struct Plan {
    customer: i64,
    prepaid: i64,
    postpaid: i64,
}

async fn in_state(app: &App, admin: &Client, plan: &Plan, state: &str) -> Subject {
    let postpaid = state.contains("postpaid");
    // a subscriber that will be suspended has no other contracts
    let customer = if state.contains("customer") { admin.customer().await } else { plan.customer };
    let mut draft = json!({"customer_id": customer, "tariff_id": plan.prepaid, "sim_id": admin.sim().await});
    if postpaid {
        (draft["tariff_id"], draft["credit_limit"]) = (json!(plan.postpaid), json!("50.00"));
    }
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    let spare_sim = admin.sim().await;
    if state == "bare draft" {
        return Subject { contract, spare_sim, ..Subject::default() };
    }
    let paid = id(&admin.pay(contract, "1.00").await);
    let card = json!({"contract_id": contract, "amount": "100.00", "payment_method": "card"});
    let subject =
        Subject { contract, paid, awaited: id(&admin.post("/payments", card).await.expect(201)), spare_sim };
    if state.contains("draft") {
        return subject;
    }
    let in_debt = state.contains("debt");
    if !postpaid && !in_debt {
        admin.pay(contract, "100.00").await;
    }
    admin.activate(contract).await;
    if postpaid && in_debt {
        let owed = json!({"amount": "61.00", "description": "x"});
        admin.post(&format!("/contracts/{contract}/deduct_balance"), owed).await.expect(200);
    }
    if state.contains("customer") {
        admin.post(&format!("/customers/{customer}/suspend"), json!({"reason": "x"})).await.expect(200);
    }
    if state.contains("no_sim") {
        let sim = admin.contract(contract).await["sim_id"].clone();
        admin.post(&format!("/sims/{sim}/deactivate"), json!({"reason": "lost"})).await.expect(200);
    }
    for reason in [HoldReason::Request, HoldReason::Fraud] {
        if state.contains(reason.as_str()) {
            hold(app, contract, reason).await;
        }
    }
    if state.contains("terminated") {
        admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    }
    subject
}

/// All data that an action could change.
struct Standing {
    contract: Option<Value>,
    sim: String,
    rows: [i64; 6],
}

impl Standing {
    async fn of(app: &App, admin: &Client, contract: i64) -> Self {
        let shown = admin.get(&format!("/contracts/{contract}")).await;
        let bound = app.texts(&format!("SELECT status FROM sims WHERE contract_id = {contract}")).await;
        let count = async |table: &str, condition: &str| {
            app.scalar(&format!("SELECT COUNT(*) FROM {table} WHERE {condition}")).await
        };
        let own = format!("contract_id = {contract}");
        let rows = [
            count("payments", &own).await,
            count("contract_periods", &own).await,
            count("contract_holds", &own).await,
            count("sim_bindings", &format!("{own} AND unbound_at IS NULL")).await,
            count("numbers", "status = 'quarantined'").await,
            app.count("audit").await,
        ];
        Self { contract: (shown.status == 200).then_some(shown.body), sim: bound.join(" "), rows }
    }

    /// Status and holds, the assigned SIM, the balance.
    fn told(&self) -> String {
        let Some(contract) = &self.contract else { return "gone".into() };
        let holds: Vec<&str> =
            contract["holds"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let status = match contract["status"].as_str().unwrap() {
            "suspended" => holds.join(" "),
            status => status.to_owned(),
        };
        let sim = if self.sim.is_empty() { "no SIM" } else { &self.sim };
        format!("{status}, {sim}, {}", contract["balance"].as_str().unwrap())
    }

    /// The differences that an action caused, and the number of rows it inserted.
    fn since(&self, before: &Self) -> String {
        let names = ["payments", "periods", "holds", "bindings", "resting numbers"];
        let made = (0..5).filter(|at| self.rows[*at] != before.rows[*at]);
        let made: Vec<String> =
            made.map(|at| format!("{:+} {}", self.rows[at] - before.rows[at], names[at])).collect();
        if made.is_empty() { self.told() } else { format!("{}: {}", self.told(), made.join(", ")) }
    }
}

#[scenario]
async fn every_action_from_every_state_is_allowed_or_refused_and_moves_what_it_should(app: &App) {
    let admin = app.admin().await;
    let postpaid = json!({"name": "Постоплата", "tariff_type": "postpaid", "monthly_fee": "280.00"});
    let plan = Plan {
        customer: admin.customer().await,
        prepaid: admin.prepaid_tariff("100.00").await,
        postpaid: id(&admin.post("/tariffs", postpaid).await.expect(201)),
    };
    let mut found = Vec::new();
    for state in STATES {
        for at in 0..actions(Subject::default()).len() {
            let subject = in_state(app, &admin, &plan, state).await;
            let contract = subject.contract;
            let before = Standing::of(app, &admin, contract).await;
            if at == 0 {
                found.push(format!("# {state}: {}", before.told()));
            }
            let (name, request) = actions(subject).swap_remove(at);
            let reply = admin.ask(&request).await;
            let after = Standing::of(app, &admin, contract).await;
            if reply.status == 200 && after.contract == before.contract {
                assert_eq!(after.rows, before.rows, "{state}: {name}");
                found.push(format!("{name} -> nothing to change"));
            } else if reply.status < 300 {
                assert_eq!(after.contract.is_none(), name == "delete", "{state}: {name}");
                assert!(after.rows[5] > before.rows[5], "{state}: {name} has no audit row");
                found.push(format!("{name} -> {}", after.since(&before)));
            } else {
                let wrong: Vec<String> = reply
                    .wrong_fields()
                    .into_iter()
                    .map(|(pointer, code)| format!(" {pointer} {code}"))
                    .collect();
                assert_eq!(
                    (&after.contract, &after.sim, after.rows),
                    (&before.contract, &before.sim, before.rows),
                    "{state}: {name} was refused and changed data"
                );
                found.push(format!(
                    "{name} -> {} {}{}",
                    reply.status,
                    reply.body["code"].as_str().unwrap(),
                    wrong.concat()
                ));
            }
        }
    }
    let expected: Vec<&str> = include_str!("../golden/contract_states.txt").lines().collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/contract_states.txt");
    #[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(path, found.join("\n") + "\n").unwrap();
    } else {
        assert_eq!(
            found, expected,
            "tests/golden/contract_states.txt differs; if intended, set UPDATE_GOLDEN=1"
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_holds_that_are_on_are_shown_with_since_when_by_whom_and_why(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    admin.activate(contract).await;
    assert_eq!(admin.contract(contract).await["hold_details"], json!([]));
    let suspend = format!("/contracts/{contract}/suspend");
    let held =
        admin.post(&suspend, json!({"reason": "request", "note": "на время отпуска"})).await.expect(200);
    let placed = json!({
        "reason": "request", "note": "на время отпуска", "placed_at": "2026-01-31T09:00:00Z",
        "placed_by": "admin"
    });
    assert_eq!(held["hold_details"], json!([placed]));
    app.advance(chrono::TimeDelta::minutes(5));
    let supervisor = app.user("supervisor").await;
    supervisor.post(&suspend, json!({"reason": "fraud"})).await.expect(200);
    let second = json!({
        "reason": "fraud", "note": null, "placed_at": "2026-01-31T09:05:00Z", "placed_by": "supervisor"
    });
    let held = admin.contract(contract).await;
    assert_eq!(
        (&held["holds"], &held["hold_details"]),
        (&json!(["fraud", "request"]), &json!([placed, second]))
    );
    admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "request"})).await.expect(200);
    assert_eq!(admin.contract(contract).await["hold_details"], json!([second]));
}

#[scenario]
async fn of_many_who_place_or_lift_one_hold_at_once_one_succeeds(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    admin.activate(contract).await;
    for (action, refusal) in [("suspend", "hold_present"), ("resume", "hold_absent")] {
        let path = format!("/contracts/{contract}/{action}");
        let replies =
            futures_util::future::join_all((0..20).map(|_| admin.post(&path, json!({"reason": "fraud"}))))
                .await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1, "{action}");
        for reply in replies.into_iter().filter(|reply| reply.status != 200) {
            reply.refused(409, refusal);
        }
    }
    assert_eq!(
        (admin.contract(contract).await["status"].clone(), app.count("contract_holds").await),
        (json!("active"), 1)
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_terminated_contract_tells_what_is_left_to_refund_until_it_is_given_back(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let payment = id(&admin.pay(contract, "1000.00").await);
    assert_eq!(admin.activate(contract).await["refundable_balance"], Value::Null);
    let over = admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
        .await
        .expect(200);
    assert_eq!((&over["balance"], &over["refundable_balance"]), (&json!("400.00"), &json!("400.00")));
    admin
        .post(&format!("/payments/{payment}/refund"), json!({"amount": "150.00", "reason": "остаток"}))
        .await
        .expect(200);
    assert_eq!(admin.contract(contract).await["refundable_balance"], "250.00");
    admin
        .post(&format!("/payments/{payment}/refund"), json!({"amount": "250.00", "reason": "остаток"}))
        .await
        .expect(200);
    let empty = admin.contract(contract).await;
    assert_eq!(
        (&empty["balance"], &empty["refundable_balance"], &empty["status"]),
        (&json!("0.00"), &json!("0.00"), &json!("terminated"))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_terminated_contract_takes_what_it_owes_and_no_more(app: &App) {
    let admin = app.admin().await;
    let tariff = json!({"name": "Постоплата", "tariff_type": "postpaid", "monthly_fee": "280.00"});
    let tariff = id(&admin.post("/tariffs", tariff).await.expect(201));
    let draft = json!({
        "customer_id": admin.customer().await, "tariff_id": tariff, "sim_id": admin.sim().await,
        "credit_limit": "500.00"
    });
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    admin.activate(contract).await;
    app.advance(chrono::TimeDelta::days(6));
    let admin = app.admin().await;
    let over = admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
        .await
        .expect(200);
    assert_eq!((&over["balance"], &over["refundable_balance"]), (&json!("-70.00"), &json!("0.00")));
    let pay = async |amount: &str, method: &str| {
        admin
            .post("/payments", json!({"contract_id": contract, "amount": amount, "payment_method": method}))
            .await
    };
    pay("70.01", "cash").await.refused(409, "contract_terminated");
    pay("70.01", "card").await.refused(409, "contract_terminated");
    let card = id(&pay("70.00", "card").await.expect(201));
    pay("20.00", "cash").await.expect(201);
    // a pending payment takes effect when it is processed, and by then less is owed
    admin.post(&format!("/payments/{card}/process"), json!({})).await.refused(409, "contract_terminated");
    admin.post(&format!("/payments/{card}/cancel"), json!({})).await.expect(200);
    pay("50.00", "cash").await.expect(201);
    pay("0.01", "cash").await.refused(409, "contract_terminated");
    assert_eq!(admin.contract(contract).await["balance"], "0.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
