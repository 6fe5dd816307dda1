//! Every change of tariff and options in every state of a contract,
//! and every action in every state of a tariff.

use kernel::Money;
use serde_json::{Value, json};

use super::{running, tariff};
use crate::harness::{App, Client, Reply, id, scenario};

/// Creates a contract in this state, on tariff `old` with option `kept`.
async fn contract(admin: &Client, state: &str, old: i64, kept: i64) -> i64 {
    if state == "draft" {
        let draft = json!({
            "customer_id": admin.customer().await, "tariff_id": old, "sim_id": admin.sim().await,
            "options": [kept]
        });
        return id(&admin.post("/contracts", draft).await.expect(201));
    }
    let contract =
        running(admin, old, if state == "debt" { "0" } else { "1000.00" }, json!({"options": [kept]})).await;
    match state {
        "held" => drop(
            admin
                .post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"}))
                .await
                .expect(200),
        ),
        "terminated" => drop(
            admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200),
        ),
        _ => {}
    }
    contract
}

const STATES: [&str; 5] = ["draft", "active", "held", "debt", "terminated"];

/// The tariffs and options that a contract changes between.
struct Offers {
    old: i64,
    new: i64,
    kept: i64,
    more: i64,
}

struct Change {
    action: &'static str,
    body: Value,
}

/// The contract after a change, now and in the next period.
#[derive(Debug, PartialEq)]
struct Stands {
    status: Value,
    tariff: Value,
    next_tariff: Value,
    options: Value,
    next_options: Value,
    /// The charge for the current period.
    charged: Money,
}

impl Stands {
    /// Reads a contract on which this amount was paid.
    fn read(shown: &Value, paid: &str) -> Self {
        let field = |name: &str| shown[name].clone();
        let money = |text: &str| text.parse::<Money>().unwrap();
        Self {
            status: field("status"),
            tariff: field("tariff_id"),
            next_tariff: field("next_tariff_id"),
            options: field("options"),
            next_options: field("next_options"),
            charged: money(paid).subtract(money(shown["balance"].as_str().unwrap())).unwrap(),
        }
    }
}

/// The result of a change: the contract, or the code of a refusal.
type Outcome = Result<Stands, &'static str>;

/// A change, with its result in each state.
type Row = (Change, [Outcome; 5]);

const OVER: Outcome = Err("contract_terminated");

/// The change is made, and the contract is as given here.
fn stands(
    status: &str,
    tariff: i64,
    next: Option<i64>,
    options: &Value,
    next_options: &Value,
    charged: &str,
) -> Outcome {
    Ok(Stands {
        status: json!(status),
        tariff: json!(tariff),
        next_tariff: json!(next),
        options: options.clone(),
        next_options: next_options.clone(),
        charged: charged.parse().unwrap(),
    })
}

fn changes_of_the_tariff(at: &Offers) -> Vec<Row> {
    let Offers { old, new, kept, .. } = *at;
    let plain = json!([kept]);
    vec![
        (
            Change { action: "change-tariff", body: json!({"tariff_id": new, "when": "now"}) },
            [
                Err("contract_not_in_force"),
                stands("active", new, None, &plain, &plain, "0.00"),
                stands("suspended", new, None, &plain, &plain, "0.00"),
                // a change to a zero fee ends the debt and takes effect at once
                stands("active", new, None, &plain, &plain, "0.00"),
                OVER,
            ],
        ),
        (
            Change { action: "change-tariff", body: json!({"tariff_id": new, "when": "next_period"}) },
            [
                Err("contract_not_in_force"),
                stands("active", old, Some(new), &plain, &plain, "100.00"),
                stands("suspended", old, Some(new), &plain, &plain, "100.00"),
                stands("active", new, None, &plain, &plain, "0.00"),
                OVER,
            ],
        ),
    ]
}

fn changes_of_the_options(at: &Offers) -> Vec<Row> {
    let Offers { old, kept, more, .. } = *at;
    let (plain, both, none) = (json!([kept]), json!([kept, more]), json!([]));
    vec![
        (
            Change { action: "options", body: json!({"add": [more], "when": "now"}) },
            [
                stands("draft", old, None, &both, &both, "0.00"),
                stands("active", old, None, &both, &both, "110.00"),
                stands("suspended", old, None, &both, &both, "110.00"),
                stands("suspended", old, None, &both, &both, "0.00"),
                OVER,
            ],
        ),
        (
            Change { action: "options", body: json!({"add": [more], "when": "next_period"}) },
            [
                stands("draft", old, None, &both, &both, "0.00"),
                stands("active", old, None, &plain, &both, "100.00"),
                stands("suspended", old, None, &plain, &both, "100.00"),
                stands("suspended", old, None, &plain, &both, "0.00"),
                OVER,
            ],
        ),
        (
            Change { action: "options", body: json!({"remove": [kept], "when": "now"}) },
            [
                stands("draft", old, None, &none, &none, "0.00"),
                stands("active", old, None, &none, &none, "100.00"),
                stands("suspended", old, None, &none, &none, "100.00"),
                stands("suspended", old, None, &none, &none, "0.00"),
                OVER,
            ],
        ),
        (
            Change { action: "options", body: json!({"remove": [kept], "when": "next_period"}) },
            [
                stands("draft", old, None, &none, &none, "0.00"),
                stands("active", old, None, &plain, &none, "100.00"),
                stands("suspended", old, None, &plain, &none, "100.00"),
                stands("suspended", old, None, &plain, &none, "0.00"),
                OVER,
            ],
        ),
    ]
}

/// Changes that would leave everything as it is.
fn changes_of_nothing(at: &Offers) -> Vec<Row> {
    let Offers { old, kept, more, .. } = *at;
    vec![
        (
            Change { action: "options", body: json!({"add": [kept], "when": "now"}) },
            [
                Err("options_present"),
                Err("options_present"),
                Err("options_present"),
                Err("options_present"),
                OVER,
            ],
        ),
        (
            Change { action: "options", body: json!({"remove": [more], "when": "now"}) },
            [
                Err("options_absent"),
                Err("options_absent"),
                Err("options_absent"),
                Err("options_absent"),
                OVER,
            ],
        ),
        (
            Change { action: "change-tariff", body: json!({"tariff_id": old, "when": "now"}) },
            [
                Err("contract_not_in_force"),
                Err("tariff_unchanged"),
                Err("tariff_unchanged"),
                Err("tariff_unchanged"),
                OVER,
            ],
        ),
        (
            Change { action: "cancel-change", body: json!({}) },
            [
                Err("no_planned_change"),
                Err("no_planned_change"),
                Err("no_planned_change"),
                Err("no_planned_change"),
                OVER,
            ],
        ),
    ]
}

#[scenario]
async fn every_change_of_a_contract_from_every_state(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "prepaid", "0.00").await);
    let (kept, more) = (admin.option("0.00", &[old, new]).await, admin.option("10.00", &[old, new]).await);
    let at = Offers { old, new, kept, more };
    let tables = [changes_of_the_tariff(&at), changes_of_the_options(&at), changes_of_nothing(&at)];
    for (Change { action, body }, outcomes) in tables.into_iter().flatten() {
        for (state, outcome) in STATES.into_iter().zip(outcomes) {
            let contract = contract(&admin, state, at.old, at.kept).await;
            let before = admin.contract(contract).await;
            let rows = app.count("audit").await;
            let reply = admin.post(&format!("/contracts/{contract}/{action}"), body.clone()).await;
            match outcome {
                Err(code) => {
                    reply.refused(409, code);
                    assert_eq!(
                        (admin.contract(contract).await, app.count("audit").await),
                        (before, rows),
                        "{action} {body} when {state}"
                    );
                }
                Ok(expected) => {
                    let after = reply.expect(200);
                    let shown = admin.contract(contract).await;
                    for (name, value) in after.as_object().unwrap() {
                        assert_eq!(&shown[name], value, "{name} after {action} {body} when {state}");
                    }
                    let paid = if ["active", "held"].contains(&state) { "1000.00" } else { "0.00" };
                    assert_eq!(Stands::read(&after, paid), expected, "{action} {body} when {state}");
                    assert!(
                        after["version"].as_i64() > before["version"].as_i64()
                            && app.count("audit").await > rows,
                        "{action} {body} when {state}"
                    );
                }
            }
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

/// Whether a tariff is on sale after an action, if it is still there; or the code of a refusal.
type OnSale = Result<Option<bool>, &'static str>;

/// Each action on a tariff, with its result if the tariff is
/// unused and on sale, used and on sale, unused and retired, used and retired.
const ACTIONS: [(&str, [OnSale; 4]); 7] = [
    (
        "activate",
        [Err("tariff_already_active"), Err("tariff_already_active"), Ok(Some(true)), Ok(Some(true))],
    ),
    (
        "deactivate",
        [Ok(Some(false)), Ok(Some(false)), Err("tariff_already_retired"), Err("tariff_already_retired")],
    ),
    ("delete", [Ok(None), Err("tariff_in_use"), Ok(None), Err("tariff_in_use")]),
    ("rename", [Ok(Some(true)), Ok(Some(true)), Ok(Some(false)), Ok(Some(false))]),
    ("reprice", [Ok(Some(true)), Ok(Some(true)), Ok(Some(false)), Ok(Some(false))]),
    ("draft", [Ok(Some(true)), Ok(Some(true)), Err("tariff_retired"), Err("tariff_retired")]),
    ("quote", [Ok(Some(true)), Ok(Some(true)), Err("tariff_retired"), Err("tariff_retired")]),
];

#[scenario]
async fn every_action_on_a_tariff_from_every_state(app: &App) {
    let admin = app.admin().await;
    let active = async |used: bool, retired: bool| {
        let tariff = tariff(&admin, "prepaid", "1.00").await;
        if used {
            running(&admin, tariff, "10.00", json!({})).await;
        }
        if retired {
            admin.post(&format!("/tariffs/{tariff}/deactivate"), json!({})).await.expect(200);
        }
        tariff
    };
    let customer = admin.customer().await;
    let act = async |action: &str, tariff: i64| -> Reply {
        let path = format!("/tariffs/{tariff}");
        match action {
            "delete" => admin.delete(&path).await,
            "rename" => admin.patch(&path, json!({"description": "x"})).await,
            "reprice" => {
                admin.patch(&path, json!({"monthly_fee": "2.00", "effective_from": "2026-02-01"})).await
            }
            "draft" => admin.post("/contracts", json!({"customer_id": customer, "tariff_id": tariff})).await,
            "quote" => admin.get(&format!("{path}/quote")).await,
            action => admin.post(&format!("{path}/{action}"), json!({})).await,
        }
    };
    for (action, outcomes) in ACTIONS {
        for ((used, retired), outcome) in
            [(false, false), (true, false), (false, true), (true, true)].into_iter().zip(outcomes)
        {
            let tariff = active(used, retired).await;
            let before = admin.get(&format!("/tariffs/{tariff}")).await.expect(200);
            let reply = act(action, tariff).await;
            let after = admin.get(&format!("/tariffs/{tariff}")).await;
            match outcome {
                Err(code) => {
                    reply.refused(409, code);
                    assert_eq!(after.expect(200), before, "{action} {used} {retired}");
                }
                Ok(None) => {
                    reply.expect(204);
                    after.refused(404, "tariff_not_found");
                }
                Ok(Some(is_active)) => {
                    assert!(reply.status < 300, "{action} {used} {retired}: {}", reply.text);
                    let after = after.expect(200);
                    let moves_on = !["draft", "quote"].contains(&action);
                    assert_eq!(
                        (&after["is_active"], after["version"] != before["version"]),
                        (&json!(is_active), moves_on),
                        "{action} {used} {retired}"
                    );
                }
            }
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}
