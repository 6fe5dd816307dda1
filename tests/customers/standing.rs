//! Every action in every state of a subscriber, and its effect on contracts, holds and SIM cards.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::standing;
use crate::{
    billing::{at_once::many, on as on_day},
    harness::{App, Client, Reply, id, scenario},
};

const ACTIONS: [&str; 5] = ["activate", "suspend", "block", "archive", "restore"];

async fn act(client: &Client, customer: i64, action: &str) -> Reply {
    let path = format!("/customers/{customer}");
    match action {
        "archive" => client.delete(&path).await,
        "suspend" | "block" => client.post(&format!("{path}/{action}"), json!({"reason": "проверка"})).await,
        _ => client.post(&format!("{path}/{action}"), json!({})).await,
    }
}

/// The result of an action in a state: the next state, or the code of the refusal.
/// `running` is whether the subscriber has contracts that are not terminated.
fn outcome(action: &str, status: &str, running: bool) -> Result<&'static str, &'static str> {
    match (action, status) {
        ("activate", "suspended" | "blocked") => Ok("active"),
        ("suspend", "active") => Ok("suspended"),
        ("block", "active" | "suspended") => Ok("blocked"),
        ("archive", "active" | "suspended" | "blocked") if running => Err("customer_has_contracts"),
        ("archive", "active" | "suspended" | "blocked") => Ok("archived"),
        ("restore", "archived") => Ok("active"),
        _ => Err("customer_wrong_state"),
    }
}

/// Status, holds and SIM of a contract.
#[derive(Debug, PartialEq)]
struct Line {
    name: &'static str,
    status: String,
    /// Status of the SIM; empty without a SIM.
    sim: String,
    holds: Vec<String>,
}

/// One contract of each kind.
struct Lines {
    /// Each contract with its name.
    all: Vec<(&'static str, i64)>,
}

impl Lines {
    async fn of(admin: &Client, customer: i64) -> Self {
        let served = admin.running_of(customer, "10.00").await;
        let held = admin.running_of(customer, "10.00").await;
        admin.post(&format!("/contracts/{held}/suspend"), json!({"reason": "request"})).await.expect(200);
        // no money: held for debt from the beginning
        let owing = admin.draft_of(customer, "10.00").await;
        admin.activate(owing).await;
        let draft = admin.draft_of(customer, "10.00").await;
        let over = admin.running_of(customer, "10.00").await;
        admin.terminate(over).await;
        Self {
            all: vec![("served", served), ("held", held), ("owing", owing), ("draft", draft), ("over", over)],
        }
    }

    async fn read(&self, admin: &Client) -> Vec<Line> {
        let mut read = Vec::new();
        for (name, contract) in &self.all {
            let contract = admin.contract(*contract).await;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let sim = match contract["sim_id"].as_i64() {
                Some(sim) => text(&admin.get(&format!("/sims/{sim}")).await.expect(200)["status"]),
                None => String::new(),
            };
            let holds = contract["holds"].as_array().unwrap().iter().map(text).collect();
            read.push(Line { name, status: text(&contract["status"]), sim, holds });
        }
        read
    }

    /// The expected contracts for this status of the subscriber.
    fn expected(status: &str) -> Vec<Line> {
        let line = |name, status: &str, sim: &str, holds: &[&str]| Line {
            name,
            status: status.to_owned(),
            sim: sim.to_owned(),
            holds: holds.iter().map(|hold| (*hold).to_owned()).collect(),
        };
        let mut lines = vec![
            line("served", "active", "active", &[]),
            line("held", "suspended", "suspended", &["request"]),
            line("owing", "suspended", "suspended", &["debt"]),
        ];
        if status != "active" {
            lines = vec![
                line("served", "suspended", "suspended", &["customer"]),
                line("held", "suspended", "suspended", &["customer", "request"]),
                line("owing", "suspended", "suspended", &["customer", "debt"]),
            ];
        }
        lines.extend([line("draft", "draft", "free", &[]), line("over", "terminated", "", &[])]);
        lines
    }
}

#[scenario]
async fn every_action_from_every_state_with_contracts_leads_where_the_table_says(app: &App) {
    let admin = app.admin().await;
    for status in ["active", "suspended", "blocked"] {
        for action in ACTIONS {
            let customer = admin.customer().await;
            let lines = Lines::of(&admin, customer).await;
            admin.bring(customer, status).await;
            assert_eq!(lines.read(&admin).await, Lines::expected(status), "{status}");
            let (before, read) = (standing(app).await, admin.customer_at(customer).await);
            let reply = act(&admin, customer, action).await;
            match outcome(action, status, true) {
                Ok(after) => {
                    let body = reply.expect(200);
                    assert_eq!(
                        (&body["status"], body["version"].as_i64()),
                        (&json!(after), read["version"].as_i64().map(|version| version + 1)),
                        "{action} from {status}"
                    );
                    let reason = if after == "active" { Value::Null } else { json!("проверка") };
                    assert_eq!(body["status_reason"], reason, "{action} from {status}");
                    assert_eq!(admin.customer_at(customer).await, body);
                    assert_eq!(lines.read(&admin).await, Lines::expected(after), "{action} from {status}");
                }
                Err(code) => {
                    reply.refused(409, code);
                    assert_eq!(
                        (standing(app).await, admin.customer_at(customer).await),
                        (before, read),
                        "{action} from {status}"
                    );
                    assert_eq!(lines.read(&admin).await, Lines::expected(status), "{action} from {status}");
                }
            }
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn every_action_from_every_state_without_contracts_leads_where_the_table_says(app: &App) {
    let admin = app.admin().await;
    for status in ["active", "suspended", "blocked", "archived"] {
        for action in ACTIONS {
            let customer = admin.customer().await;
            admin.bring(customer, status).await;
            let (before, read) = (standing(app).await, admin.customer_at(customer).await);
            let reply = act(&admin, customer, action).await;
            match outcome(action, status, false) {
                Ok("archived") => {
                    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
                    assert_eq!(admin.customer_at(customer).await["status"], "archived");
                    // restoring returns it to the status before
                    assert_eq!(act(&admin, customer, "restore").await.expect(200)["status"], status);
                }
                Ok(after) => assert_eq!(reply.expect(200)["status"], after, "{action} from {status}"),
                Err(code) => {
                    let problem = reply.refused(409, code);
                    assert!(problem["detail"].as_str().unwrap().contains(&customer.to_string()), "{problem}");
                    assert_eq!(
                        (standing(app).await, admin.customer_at(customer).await),
                        (before, read),
                        "{action} from {status}"
                    );
                }
            }
        }
    }
    for action in ACTIONS {
        act(&admin, 999_999, action).await.refused(404, "customer_not_found");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_blocked_subscriber_who_was_suspended_before_keeps_one_hold_and_a_new_contract_needs_an_active_one(
    app: &App,
) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    let contract = admin.running_of(customer, "0.00").await;
    let draft = admin.draft_of(customer, "0.00").await;
    admin.bring(customer, "suspended").await;
    admin.bring(customer, "blocked").await;
    assert_eq!(admin.contract(contract).await["holds"], json!(["customer"]));
    assert_eq!(app.count("contract_holds").await, 1);
    admin.post(&format!("/contracts/{draft}/activate"), json!({})).await.refused(409, "customer_not_active");
    // staff cannot lift the hold by hand
    let by_hand = admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "customer"})).await;
    assert_eq!(by_hand.status, 422, "{}", by_hand.text);
    assert_eq!(act(&admin, customer, "activate").await.expect(200)["status"], "active");
    assert_eq!(admin.contract(contract).await["holds"], json!([]));
    admin.activate(draft).await;
    // the lifted hold is kept, and the next one is a new hold
    admin.bring(customer, "suspended").await;
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM contract_holds WHERE reason = 'customer' AND lifted_at IS NULL")
            .await,
        2
    );
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM contract_holds WHERE lifted_at IS NOT NULL AND lifted_by = 'admin'")
            .await,
        1
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_period_that_ran_out_while_the_subscriber_was_suspended_begins_on_the_day_of_the_activation(
    app: &App,
) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    let (covered, bare, held) = (
        admin.running_of(customer, "100.00").await,
        admin.running_of(customer, "100.00").await,
        admin.running_of(customer, "100.00").await,
    );
    admin.pay(covered, "150.00").await;
    admin.pay(held, "150.00").await;
    admin.post(&format!("/contracts/{held}/suspend"), json!({"reason": "fraud"})).await.expect(200);
    admin.bring(customer, "suspended").await;
    app.advance(TimeDelta::days(40));
    let admin = app.admin().await;
    let late = admin.running_of(admin.customer().await, "100.00").await;
    act(&admin, customer, "activate").await.expect(200);
    let lines = [admin.contract(covered).await, admin.contract(bare).await, admin.contract(held).await];
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (line["status"].as_str().unwrap(), line["holds"].clone(), line["balance"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("active", json!([]), "50.00"),
            ("suspended", json!(["debt"]), "0.00"),
            ("suspended", json!(["fraud"]), "150.00")
        ]
    );
    // the held time is not charged, and the day of the activation becomes the billing day
    assert_eq!(
        (&lines[0]["billing_day"], &lines[0]["next_billing_date"]),
        (&json!(12), &json!("2026-04-12"))
    );
    assert_eq!(lines[0]["next_billing_date"], admin.contract(late).await["next_billing_date"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn restoring_asks_again_whether_phone_email_and_papers_are_free(app: &App) {
    let admin = app.admin().await;
    let body = crate::harness::person();
    let first = id(&admin.post("/customers", body.clone()).await.expect(201));
    admin.bring(first, "archived").await;
    // unique values of an archived subscriber are free for others
    let second = id(&admin.post("/customers", body.clone()).await.expect(201));
    let problem = act(&admin, first, "restore").await;
    let fields: Vec<String> = problem.wrong_fields().into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(fields, ["/email", "/inn", "/passport_number", "/phone"]);
    let problem = problem.refused(409, "customer_duplicate");
    assert!(
        problem["errors"].as_array().unwrap().iter().all(|error| error["existing_id"] == second),
        "{problem}"
    );
    assert_eq!(admin.customer_at(first).await["status"], "archived");
    // an archived subscriber can be edited, and then restored
    let other = crate::harness::person();
    let change = json!({
        "phone": other["phone"], "email": other["email"], "inn": other["inn"],
        "passport_number": other["passport_number"]
    });
    admin.patch(&format!("/customers/{first}"), change).await.expect(200);
    assert_eq!(act(&admin, first, "restore").await.expect(200)["status"], "active");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_stale_tag_archives_nobody_and_roles_do_only_what_they_may(app: &App) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    let path = format!("/customers/{customer}");
    let tag = admin.get(&path).await.header("etag").to_owned();
    admin.patch(&path, json!({"notes": "x"})).await.expect(200);
    admin.with("if-match", tag).delete(&path).await.refused(412, "stale_version");
    let before = standing(app).await;
    for (role, refused) in
        [("employee", &ACTIONS[..]), ("supervisor", &ACTIONS[..]), ("operator", &["archive"][..])]
    {
        let client = app.user(role).await;
        for action in refused {
            act(&client, customer, action).await.refused(403, "permission_missing");
        }
        if role != "operator" {
            client.patch(&path, json!({"notes": "y"})).await.refused(403, "permission_missing");
        }
    }
    assert_eq!(standing(app).await[..5], before[..5]);
    let blank = admin.post(&format!("{path}/suspend"), json!({"reason": ""})).await;
    assert_eq!(blank.wrong_fields(), [("/reason".to_owned(), "invalid_length".to_owned())]);
}

#[scenario]
async fn a_subscriber_with_many_contracts_is_held_and_released_in_as_many_statements_as_one_with_few(
    app: &App,
) {
    let admin = app.admin().await;
    let mut costs = Vec::new();
    for lines in [1, 6] {
        let customer = admin.customer().await;
        for _ in 0..lines {
            admin.running_of(customer, "0.00").await;
        }
        let mut cost = Vec::new();
        for action in ["suspend", "activate"] {
            let before = app.state.db.statements();
            act(&admin, customer, action).await.expect(200);
            cost.push(app.state.db.statements() - before);
        }
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn an_activation_begins_the_periods_of_all_contracts_however_many(app: &App) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    let first = admin.running_of(customer, "0.00").await;
    admin.bring(customer, "suspended").await;
    // 101 copies of the first contract, with different periods
    app.execute(&format!(
        "INSERT INTO contracts (number, customer_id, tariff_id, status, signed_date, activation_date, \
         next_billing_date, billing_day, search_text, created_at, updated_at) \
         WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < 101) \
         SELECT contracts.number || '-' || CAST(n AS TEXT), customer_id, tariff_id, 'suspended', \
         signed_date, activation_date, next_billing_date, billing_day, search_text, created_at, updated_at \
         FROM series CROSS JOIN contracts WHERE contracts.id = {first}"
    ))
    .await;
    app.execute(&format!(
        "INSERT INTO contract_holds (contract_id, reason, placed_at, placed_by) \
         SELECT id, 'customer', created_at, 'x' FROM contracts WHERE id <> {first}"
    ))
    .await;
    // one of them stays held for another reason
    let newest = admin.get(&format!("/customers/{customer}/contracts?page_size=1")).await.expect(200);
    let last = &newest["results"][0]["id"];
    app.execute(&format!(
        "INSERT INTO contract_holds (contract_id, reason, placed_at, placed_by) \
         SELECT id, 'request', created_at, 'x' FROM contracts WHERE id = {last}"
    ))
    .await;
    act(&admin, customer, "activate").await.expect(200);
    assert_eq!(
        (app.count("contract_periods").await, admin.contract(last.as_i64().unwrap()).await["holds"].clone()),
        (101, json!(["request"]))
    );
    assert_eq!(
        admin.get(&format!("/contracts?customer={customer}&status=active")).await.expect(200)["count"],
        101
    );
}

#[scenario]
async fn suspending_and_activating_contracts_at_once_leaves_no_contract_running_without_its_hold(app: &App) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    let mut drafts = Vec::new();
    for _ in 0..8 {
        drafts.push(admin.draft_of(customer, "0.00").await);
    }
    let activations = drafts.iter().map(|draft| {
        let (admin, path) = (admin.clone(), format!("/contracts/{draft}/activate"));
        async move { admin.post(&path, json!({})).await }
    });
    let suspension = async { act(&admin, customer, "suspend").await };
    let (replies, suspended) = futures_util::future::join(join_all(activations), suspension).await;
    suspended.expect(200);
    for reply in replies {
        assert!(reply.status == 200 || reply.body["code"] == "customer_not_active", "{}", reply.text);
    }
    assert_eq!(
        admin.get(&format!("/contracts?customer={customer}&status=active")).await.expect(200)["count"],
        0
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn verify_finds_subscribers_and_contracts_that_are_out_of_step(app: &App) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    admin.running_of(customer, "0.00").await;
    for (broken, said) in
        [("suspended", "without hold `customer`"), ("archived", "is archived and has a contract")]
    {
        app.execute(&format!("UPDATE customers SET status = '{broken}'")).await;
        let found = app.violations().await;
        assert!(found.iter().any(|violation| violation.contains(said)), "{broken}: {found:?}");
        app.execute("UPDATE customers SET status = 'active'").await;
    }
    admin.bring(customer, "blocked").await;
    app.execute("UPDATE customers SET status = 'active'").await;
    let found = app.violations().await;
    assert!(
        found.iter().any(|violation| violation.contains("is active, and a contract has hold `customer`")),
        "{found:?}"
    );
}

#[scenario]
async fn a_hundred_and_thirty_lines_due_today_are_each_charged_before_they_are_held(app: &App) {
    let admin = app.admin().await;
    let count = many(app, &admin, 130).await;
    let customer = app.scalar("SELECT MIN(customer_id) FROM contracts").await;
    let admin = on_day(app, "2026-02-28").await;
    // the run of the day has not come yet
    act(&admin, customer, "suspend").await.expect(200);
    let begun = "SELECT COUNT(*) FROM contract_periods WHERE charged_at IS NOT NULL AND period_start = ";
    assert_eq!(app.scalar(&format!("{begun} '2026-02-28'")).await, count);
    assert_eq!(app.scalar("SELECT COUNT(*) FROM contract_holds WHERE reason = 'debt'").await, 0);
    app.run_billing().await;
    assert_eq!(app.scalar("SELECT COUNT(*) FROM contracts WHERE balance = 500").await, count);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_hundred_and_thirty_lines_held_for_weeks_come_back_with_one_request(app: &App) {
    let admin = app.admin().await;
    let count = many(app, &admin, 130).await;
    let customer = app.scalar("SELECT MIN(customer_id) FROM contracts").await;
    act(&admin, customer, "suspend").await.expect(200);
    let admin = on_day(app, "2026-03-11").await;
    assert_eq!(act(&admin, customer, "activate").await.expect(200)["status"], "active");
    let begun = "SELECT COUNT(*) FROM contract_periods WHERE charged_at IS NOT NULL AND period_start = ";
    assert_eq!(app.scalar(&format!("{begun} '2026-03-11'")).await, count);
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM contracts WHERE status = 'active' AND balance = 500").await,
        count
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
    // with nothing left, all of them stay off
    act(&admin, customer, "suspend").await.expect(200);
    let admin = on_day(app, "2026-05-20").await;
    let resumed = "SELECT COUNT(*) FROM events WHERE kind = 'contract.resumed'";
    let before = app.scalar(resumed).await;
    act(&admin, customer, "activate").await.expect(200);
    assert_eq!(
        (
            app.scalar("SELECT COUNT(*) FROM contract_holds WHERE reason = 'debt' AND lifted_at IS NULL")
                .await,
            app.scalar(resumed).await
        ),
        (count, before)
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}
