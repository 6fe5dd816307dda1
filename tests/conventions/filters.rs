//! Filters of every list, each with a matching value and one that does not match.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::office;
use crate::harness::{App, Client, scenario};

/// A filter of a list.
pub struct Tried {
    pub list: &'static str,
    pub filter: &'static str,
    /// A value that some rows have and others do not.
    pub some: String,
    /// The response field that the filter compares.
    field: &'static str,
    /// A value that no row has; empty if there is no such value.
    none: &'static str,
}

/// A filter by this value.
fn words(
    list: &'static str,
    filter: &'static str,
    some: &str,
    field: &'static str,
    none: &'static str,
) -> Tried {
    Tried { list, filter, some: some.to_owned(), field, none }
}

/// A filter by this id.
fn id(list: &'static str, filter: &'static str, id: i64, field: &'static str) -> Tried {
    words(list, filter, &id.to_string(), field, "999999")
}

/// Filters of subscribers, cards, numbers, tariffs and contracts.
fn subscribers_and_contracts(ids: &BTreeMap<&str, i64>) -> Vec<Tried> {
    vec![
        words("/customers", "status", "active", "status", "blocked"),
        words("/customers", "customer_type", "organization", "customer_type", ""),
        words("/customers", "document_type", "id_card", "document_type", "driver_license"),
        words("/sims", "status", "free", "status", "blocked"),
        words("/sims", "kind", "esim", "kind", ""),
        id("/sims", "contract_id", ids["contract"], "contract_id"),
        words("/sims/free", "kind", "esim", "kind", ""),
        words("/numbers", "status", "assigned", "status", "ported_out"),
        id("/numbers", "contract_id", ids["contract"], "contract_id"),
        words("/tariffs", "is_active", "false", "is_active", ""),
        words("/tariffs", "tariff_type", "postpaid", "tariff_type", ""),
        words("/tariffs/active", "tariff_type", "postpaid", "tariff_type", ""),
        words("/tariffs/statistics", "is_active", "false", "is_active", ""),
        words("/tariffs/statistics", "tariff_type", "postpaid", "tariff_type", ""),
        words("/options", "is_active", "false", "is_active", ""),
        words("/options", "kind", "data", "kind", "sms"),
        words("/contracts", "status", "draft", "status", "terminated"),
        id("/contracts", "customer_id", ids["customer"], "customer_id"),
        id("/contracts", "tariff_id", ids["tariff"], "tariff_id"),
    ]
}

/// Filters of payments, billing runs and what gateways tell.
fn payments(ids: &BTreeMap<&str, i64>) -> Vec<Tried> {
    vec![
        id("/payments", "contract_id", ids["contract"], "contract_id"),
        words("/payments", "transaction_type", "charge", "transaction_type", "correction"),
        words("/payments", "status", "success", "status", "processing"),
        words("/payments", "status", "pending", "status", "processing"),
        words("/payments", "status", "refunded", "status", "cancelled"),
        words("/payments", "payment_method", "terminal", "payment_method", ""),
        words("/payments", "processed_by", "admin", "processed_by", "nobody"),
        id("/payments", "refund_of", ids["refunded"], "refund_of"),
        id("/payments/pending", "contract_id", ids["contract"], "contract_id"),
        words("/payments/pending", "payment_method", "card", "payment_method", "cash"),
        words("/billing/runs", "state", "finished", "state", "failed"),
        words("/billing/runs", "dry_run", "true", "dry_run", ""),
        words("/payments", "gateway", "sandbox", "gateway", "http"),
        words("/payments/pending", "gateway", "sandbox", "gateway", "http"),
        id("/payments/gateway-events", "payment_id", ids["by_gateway"], "payment_id"),
        words("/payments/gateway-events", "gateway", "sandbox", "gateway", "http"),
        words("/payments/gateway-events", "outcome", "applied", "outcome", "unknown_refund"),
        id("/payments/gateway-refunds", "payment_id", ids["by_gateway"], "payment_id"),
        words("/payments/gateway-refunds", "gateway", "sandbox", "gateway", "http"),
        words("/payments/gateway-refunds", "status", "failed", "status", ""),
        words("/payments/reconciliations", "gateway", "sandbox", "gateway", "http"),
    ]
}

/// Filters of tickets and of canned answers.
fn tickets(ids: &BTreeMap<&str, i64>) -> Vec<Tried> {
    vec![
        words("/tickets", "status", "new", "status", "closed"),
        words("/tickets", "category", "sim", "category", "other"),
        words("/tickets", "priority", "critical", "priority", ""),
        id("/tickets", "customer_id", ids["customer"], "customer_id"),
        id("/tickets", "contract_id", ids["contract"], "contract_id"),
        id("/tickets", "assigned_to", ids["worker"], "assigned_to"),
        words("/tickets/my_tickets", "status", "in_progress", "status", "closed"),
        words("/tickets/my_tickets", "category", "tariff", "category", "sim"),
        words("/tickets/my_tickets", "priority", "high", "priority", "critical"),
        words("/tickets/unassigned", "status", "new", "status", "waiting"),
        words("/tickets/unassigned", "category", "billing", "category", "complaint"),
        words("/tickets/unassigned", "priority", "critical", "priority", "high"),
        words("/tickets/overdue", "status", "in_progress", "status", "waiting"),
        words("/tickets/overdue", "category", "complaint", "category", "sim"),
        words("/tickets/overdue", "priority", "medium", "priority", "low"),
        words("/canned-answers", "category", "sim", "category", "complaint"),
    ]
}

/// Filters of users, roles, events, notifications and the audit trail.
fn records(ids: &BTreeMap<&str, i64>) -> Vec<Tried> {
    vec![
        words("/users", "role", "employee", "role", "nobody"),
        words("/users", "is_active", "false", "is_active", ""),
        words("/roles", "is_builtin", "false", "is_builtin", ""),
        words("/events", "kind", "payment.received", "kind", "user.locked"),
        id("/notifications", "contract_id", ids["contract"], "contract_id"),
        id("/notifications", "customer_id", ids["customer"], "customer_id"),
        words("/notifications", "channel", "sms", "channel", ""),
        words("/notifications", "status", "failed", "status", "pending"),
        words("/notifications", "kind", "contract.activated", "kind", "user.locked"),
        words("/audit", "actor", "admin", "actor", "nobody"),
        id("/audit", "actor_id", ids["admin"], "actor_id"),
        id("/audit", "token_id", ids["script"], "token_id"),
        words("/audit", "entity", "sim", "entity", "spaceship"),
        words("/audit", "entity_id", "3", "entity_id", "*"),
        words("/audit", "action", "payment.received", "action", "payment.eaten"),
    ]
}

pub fn tried(ids: &BTreeMap<&str, i64>) -> Vec<Tried> {
    let tables = [subscribers_and_contracts(ids), payments(ids), tickets(ids), records(ids)];
    let mut tried: Vec<Tried> = tables.into_iter().flatten().collect();
    // a filter by ids also has a short name
    let short = |one: &Tried| {
        let filter = one.filter.strip_suffix("_id").filter(|name| !["actor", "entity"].contains(name))?;
        Some(Tried { filter, some: one.some.clone(), ..*one })
    };
    let short: Vec<Tried> = tried.iter().filter_map(short).collect();
    tried.extend(short);
    tried
}

/// Filters with a separate test: paging, search, ranges, and filters that no single field shows.
fn is_tried_elsewhere(name: &str) -> bool {
    let ranges = ["_after", "_before", "_min", "_max"];
    [
        "page",
        "page_size",
        "cursor",
        "ordering",
        "ids",
        "expand",
        "search",
        "has_number",
        "hold",
        "overdue",
        "has_active_contract",
        "city",
    ]
    .contains(&name)
        || ranges.iter().any(|end| name.ends_with(end))
}

/// Filters of one list that have a separate test.
const ALONE: [(&str, &str); 8] = [
    ("/options", "tariff"),
    ("/options", "tariff_id"),
    ("/events", "last_event_id"),
    ("/events", "ticket"),
    ("/notifications/inbox", "is_read"),
    ("/numbers", "reserved_for"),
    ("/payments/shift", "from"),
    ("/payments/shift", "to"),
];

async fn rows(client: &Client, path: &str) -> Vec<Value> {
    let page = client.get(path).await.expect(200);
    let rows = page["results"].as_array().unwrap().clone();
    assert_eq!(page["count"], rows.len(), "{path}");
    rows
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub async fn ids(admin: &Client) -> BTreeMap<&'static str, i64> {
    let active = admin.get("/contracts?status=active").await.expect(200)["results"][0].clone();
    let id = |value: &Value| value.as_i64().unwrap();
    let user = async |name: &str| {
        id(&admin.get(&format!("/users?search={name}")).await.expect(200)["results"][0]["id"])
    };
    [
        ("contract", id(&active["id"])),
        ("customer", id(&active["customer_id"])),
        ("tariff", id(&active["tariff_id"])),
        ("worker", user("worker").await),
        ("admin", user("admin").await),
        ("script", id(&admin.get("/audit?action=access.denied").await.expect(200)["results"][0]["token_id"])),
        (
            "by_gateway",
            id(&admin.get("/payments/gateway-refunds").await.expect(200)["results"][0]["payment_id"]),
        ),
        ("refunded", id(&admin.get("/payments?status=refunded").await.expect(200)["results"][0]["id"])),
    ]
    .into()
}

#[scenario]
async fn every_filter_finds_what_fits_and_nothing_else(app: &App) {
    let admin = office::furnish(app).await;
    let tried = tried(&ids(&admin).await);
    let mut untried = BTreeSet::new();
    for (list, names) in office::lists(app).await {
        let missing = names.iter().filter(|name| {
            !is_tried_elsewhere(name)
                && !ALONE.contains(&(list.as_str(), name.as_str()))
                && !tried.iter().any(|one| one.list == list && one.filter == *name)
        });
        untried.extend(missing.map(|name| format!("{list}?{name}")));
    }
    assert_eq!(untried, BTreeSet::new(), "filters without a row in the table above");

    for Tried { list, filter, some, field, none } in tried {
        let all = rows(&admin, &format!("{list}?page_size=500")).await;
        let fitting: Vec<&Value> = all.iter().filter(|row| text(&row[field]) == some).collect();
        assert!(!fitting.is_empty(), "{list} has no row whose {field} is {some}");
        let found = rows(&admin, &format!("{list}?page_size=500&{filter}={some}")).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), fitting, "{list}?{filter}={some}");
        // equal results by cursor
        let by_cursor = admin.get(&format!("{list}?cursor=&page_size=500&{filter}={some}")).await.expect(200);
        assert_eq!(by_cursor["results"], json!(found), "{list}?{filter}={some}");
        if !none.is_empty() {
            assert_eq!(
                rows(&admin, &format!("{list}?{filter}={none}")).await,
                Vec::<Value>::new(),
                "{list}?{filter}={none}"
            );
        }
    }
}

#[scenario]
async fn holds_numbers_and_deadlines_can_be_filtered_by(app: &App) {
    let admin = office::furnish(app).await;
    let in_debt = rows(&admin, "/contracts?hold=debt").await;
    assert!(in_debt.len() == 1 && in_debt[0]["holds"] == json!(["debt"]), "{in_debt:?}");
    assert_eq!(rows(&admin, "/contracts?hold=fraud").await.len(), 0);

    let (with, without) =
        (rows(&admin, "/sims?has_number=true").await, rows(&admin, "/sims?has_number=false").await);
    assert_eq!((with.len(), without.len()), (6, 1));
    assert!(with.iter().all(|sim| sim["msisdn"].is_string()) && without[0]["msisdn"].is_null());

    let numbers =
        |rows: Vec<Value>| rows.iter().map(|ticket| text(&ticket["number"])).collect::<BTreeSet<_>>();
    let all = rows(&admin, "/tickets").await.len();
    let overdue = rows(&admin, "/tickets?overdue=true").await;
    assert!(
        overdue.len() == 6
            && overdue.iter().all(|ticket| ticket["subject"] == "Просрочено" && ticket["is_overdue"] == true),
        "{overdue:?}"
    );
    assert_eq!(numbers(overdue), numbers(rows(&admin, "/tickets/overdue").await));
    // past the deadline of critical tickets and before that of the others
    app.advance(chrono::TimeDelta::hours(5));
    let overdue = rows(&admin, "/tickets?overdue=true").await;
    assert!(overdue.len() == 9 && overdue.iter().all(|ticket| ticket["is_overdue"] == true), "{overdue:?}");
    assert_eq!(overdue.iter().filter(|ticket| ticket["priority"] == "critical").count(), 3);
    assert_eq!(numbers(overdue), numbers(rows(&admin, "/tickets/overdue").await));
    let others = rows(&admin, "/tickets?overdue=false").await;
    assert!(
        others.len() == all - 9 && others.iter().all(|ticket| ticket["is_overdue"] == false),
        "{others:?}"
    );
}

#[scenario]
async fn options_can_be_filtered_by_the_tariff_that_they_go_with(app: &App) {
    let admin = office::furnish(app).await;
    let all = rows(&admin, "/options").await;
    for tariff in 1..=6 {
        let fitting: Vec<&Value> = all
            .iter()
            .filter(|option| option["tariff_ids"].as_array().unwrap().contains(&json!(tariff)))
            .collect();
        assert_eq!(
            rows(&admin, &format!("/options?tariff={tariff}")).await.iter().collect::<Vec<_>>(),
            fitting,
            "{tariff}"
        );
    }
    assert_eq!(
        (rows(&admin, "/options?tariff=1").await.len(), rows(&admin, "/options?tariff=999").await.len()),
        (2, 0)
    );
}

#[scenario]
async fn events_and_ones_own_notifications_can_be_filtered_by_how_far_one_has_read(app: &App) {
    let admin = office::furnish(app).await;
    let all = rows(&admin, "/events?page_size=500").await;
    let later = rows(&admin, &format!("/events?page_size=500&last_event_id={}", all[2]["id"])).await;
    assert_eq!(later, all[3..].to_vec());
    assert_eq!(rows(&admin, "/events?page_size=500&last_event_id=0").await, all);
    let last = all.last().unwrap()["id"].clone();
    assert_eq!(rows(&admin, &format!("/events?lastEventId={last}")).await, Vec::<Value>::new());
    let all = rows(&admin, "/notifications/inbox?page_size=500").await;
    for (query, is_read) in [("true", true), ("false", false)] {
        let found = rows(&admin, &format!("/notifications/inbox?page_size=500&is_read={query}")).await;
        let fitting: Vec<Value> =
            all.iter().filter(|one| one["read_at"].is_string() == is_read).cloned().collect();
        assert!(!fitting.is_empty() && found == fitting, "{query}: {found:?}");
    }
}

#[scenario]
async fn ranges_of_time_hold_both_their_ends(app: &App) {
    let admin = office::furnish(app).await;
    for (list, names) in office::lists(app).await {
        let fields = names.iter().filter_map(|name| name.strip_suffix("_after"));
        for field in fields {
            holds_both_ends(&admin, &list, field).await;
        }
    }
}

/// Checks the range of one field of one list.
async fn holds_both_ends(admin: &Client, list: &str, field: &str) {
    let all = rows(admin, &format!("{list}?page_size=500")).await;
    let shown = all.iter().map(|row| &row[field]).filter(|value| !value.is_null());
    let mut moments: Vec<String> = shown.map(text).collect();
    moments.sort();
    let middle = moments[moments.len() / 2].clone();
    let count = |fits: &dyn Fn(&String) -> bool| moments.iter().filter(|moment| fits(moment)).count();
    // moments also in another zone and notation; a day has one notation
    let is_day = middle.len() == 10;
    let in_zone = |moment: chrono::DateTime<chrono::FixedOffset>| {
        moment.with_timezone(&chrono::FixedOffset::east_opt(3 * 3600).unwrap())
    };
    let elsewhere = if is_day {
        middle.clone()
    } else {
        in_zone(middle.parse().unwrap()).to_rfc3339().replace('+', "%2B")
    };
    for at in [&middle, &elsewhere] {
        assert_eq!(
            rows(admin, &format!("{list}?page_size=500&{field}_after={at}")).await.len(),
            count(&|moment| *moment >= middle),
            "{list} after {at}"
        );
        assert_eq!(
            rows(admin, &format!("{list}?page_size=500&{field}_before={at}")).await.len(),
            count(&|moment| *moment <= middle),
            "{list} before {at}"
        );
        let between =
            rows(admin, &format!("{list}?page_size=500&{field}_after={at}&{field}_before={at}")).await;
        assert_eq!(between.len(), count(&|moment| *moment == middle), "{list} at {at}");
    }
    let begins = if is_day { "" } else { "T00:00:00Z" };
    assert_eq!(rows(admin, &format!("{list}?{field}_after=2027-01-01{begins}")).await.len(), 0, "{list}");
    assert_eq!(rows(admin, &format!("{list}?{field}_before=2020-01-01{begins}")).await.len(), 0, "{list}");
}

#[scenario]
async fn ranges_of_amounts_hold_both_their_ends(app: &App) {
    let admin = office::furnish(app).await;
    for (list, field) in
        [("/payments", "amount"), ("/tariffs", "monthly_fee"), ("/tariffs/active", "monthly_fee")]
    {
        let minor = |text: &str| text.parse::<kernel::Money>().unwrap();
        let all = rows(&admin, &format!("{list}?page_size=500")).await;
        let count = |fits: &dyn Fn(kernel::Money) -> bool| {
            all.iter().filter(|row| fits(minor(row[field].as_str().unwrap()))).count()
        };
        for bound in ["100", "100.00", "99.99", "100.01", "0", "-1", "0.01", "250.0"] {
            let at = minor(bound);
            assert_eq!(
                rows(&admin, &format!("{list}?page_size=500&{field}_min={bound}")).await.len(),
                count(&|amount| amount >= at),
                "{list} from {bound}"
            );
            assert_eq!(
                rows(&admin, &format!("{list}?page_size=500&{field}_max={bound}")).await.len(),
                count(&|amount| amount <= at),
                "{list} to {bound}"
            );
        }
        let exact = rows(&admin, &format!("{list}?{field}_min=100.00&{field}_max=100.00")).await;
        assert_eq!(exact.len(), count(&|amount| amount == minor("100.00")), "{list}");
        assert_eq!(
            rows(&admin, &format!("{list}?{field}_min=100.01&{field}_max=100.00")).await.len(),
            0,
            "{list}"
        );
    }
}

#[scenario]
async fn filters_and_search_hold_together(app: &App) {
    let admin = office::furnish(app).await;
    let found = rows(
        &admin,
        "/customers?status=active&customer_type=individual&search=иванов&document_type=passport",
    )
    .await;
    assert!(
        found.len() == 3
            && found.iter().all(|one| one["last_name"].as_str().unwrap().to_lowercase() == "иванов"),
        "{found:?}"
    );
    assert_eq!(rows(&admin, "/customers?customer_type=organization&search=иванов").await.len(), 0);
    assert_eq!(rows(&admin, "/customers?status=blocked&search=иванов").await.len(), 0);
}
