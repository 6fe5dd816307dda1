//! An office with some of every resource, including equal values, for tests of every list.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    gateways,
    harness::{App, Client, PASSWORD, Reply, id, person, sim},
};

/// The documented lists without an id in their path, with the names of their parameters.
pub async fn lists(app: &App) -> BTreeMap<String, Vec<String>> {
    let document = app.stranger().get("/api/v1/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap().clone();
    let mut lists = BTreeMap::new();
    for (path, item) in paths {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = parameters
            .iter()
            .filter(|one| one["in"] == "query")
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        if names.contains(&"ordering".to_owned()) && !path.contains('{') {
            lists.insert(path.trim_start_matches("/api/v1").to_owned(), names);
        }
    }
    assert!(lists.len() >= 12, "{lists:?}");
    lists
}

/// The fields that a list can be ordered by, read from its refusal of an unknown field.
pub async fn order_fields(client: &Client, list: &str) -> Vec<String> {
    let problem = client.get(&format!("{list}?ordering=nonsense")).await.refused(400, "invalid_parameter");
    let message = problem["errors"][0]["message"].as_str().unwrap();
    message.rsplit(": ").next().unwrap().trim_end_matches('.').split(", ").map(str::to_owned).collect()
}

/// Fills every list and returns the signed-in administrator.
pub async fn furnish(app: &App) -> Client {
    let admin = app.admin().await;
    let customers = customers(app, &admin).await;
    let sims = sims(app, &admin).await;
    let tariffs = tariffs(app, &admin).await;
    options(app, &admin, &tariffs).await;
    let contracts = contracts(app, &admin, &customers, &tariffs, &sims).await;
    payments(app, &admin, &contracts).await;
    by_gateways(app, &admin, contracts[5]).await;
    // one in debt, one that can pay, and the others remain drafts
    admin.activate(contracts[0]).await;
    admin.activate(contracts[1]).await;
    let worker = staff(app, &admin).await;
    tickets(app, &admin, &customers, &contracts, worker).await;
    let me = id(&admin.get("/auth/me").await.expect(200));
    own_tickets(app, &admin, &customers, me).await;
    canned_answers(app, &admin).await;
    runs(app, &admin).await;
    app.advance(TimeDelta::seconds(1));
    app.execute("UPDATE tickets SET due_at = created_at WHERE subject = 'Просрочено'").await;
    tokens(app, &admin).await;
    webhooks(app, &admin).await;
    tell(app, me).await;
    admin
}

async fn customers(app: &App, admin: &Client) -> Vec<i64> {
    let mut customers = Vec::new();
    for (n, (last, first)) in [
        ("Ёлкин", "Пётр"),
        ("Иванов", "Иван"),
        ("Иванов", "Анна"),
        ("Яковлева", "Ольга"),
        ("Smith", "John"),
        ("иванов", "Ян"),
    ]
    .iter()
    .enumerate()
    {
        let mut one = person();
        (one["last_name"], one["first_name"]) = (json!(last), json!(first));
        if n == 4 {
            one["document_type"] = json!("id_card");
        }
        customers.push(id(&admin.post("/customers", one).await.expect(201)));
        pass(app, n);
    }
    let company = json!({
        "customer_type": "organization", "organization_name": "ООО «Ромашка»",
        "organization_code": "1027700132195", "phone": "+74951234567"
    });
    customers.push(id(&admin.post("/customers", company).await.expect(201)));
    customers
}

async fn canned_answers(app: &App, admin: &Client) {
    for (n, title) in ["Ёлка", "Привет", "SIM-карта", "Иванову", "привет ещё раз"].into_iter().enumerate()
    {
        let category = ["sim", "billing"].get(n % 3);
        let one = json!({"title": title, "category": category, "text": "Здравствуйте!"});
        admin.post("/canned-answers", one).await.expect(201);
        pass(app, n);
    }
}

async fn sims(app: &App, admin: &Client) -> Vec<i64> {
    let mut sims = Vec::new();
    for n in 0..7 {
        let mut one = sim();
        if n == 5 {
            one["kind"] = json!("esim");
        }
        if n == 6 {
            one["msisdn"] = Value::Null;
        }
        sims.push(id(&admin.post("/sims", one).await.expect(201)));
        pass(app, n);
    }
    admin.post("/numbers", json!({"first": "+79995550001", "count": 4})).await.expect(201);
    sims
}

async fn tariffs(app: &App, admin: &Client) -> Vec<i64> {
    let mut tariffs = Vec::new();
    for (n, (fee, priority)) in
        [("100.00", 0), ("250.00", 5), ("100.00", 5), ("0.00", 0), ("250.00", 10), ("1000.50", 5)]
            .into_iter()
            .enumerate()
    {
        let kind = if n == 4 { "postpaid" } else { "prepaid" };
        let one = json!({
            "name": format!("Тариф № {n}"), "tariff_type": kind, "monthly_fee": fee, "priority": priority,
            "is_active": n != 5
        });
        tariffs.push(id(&admin.post("/tariffs", one).await.expect(201)));
        pass(app, n);
    }
    tariffs
}

async fn options(app: &App, admin: &Client, tariffs: &[i64]) {
    for (n, (code, kind, amount, fee)) in [
        ("MIN100", "minutes", Some(100), "50.00"),
        ("DATA5", "data", Some(5), "100.00"),
        ("DATA10", "data", Some(10), "100.00"),
        ("ROAM", "service", None, "0.00"),
        ("MIN500", "minutes", Some(500), "100.00"),
    ]
    .into_iter()
    .enumerate()
    {
        let one = json!({
            "code": code, "name": format!("Опция № {}", n % 2), "kind": kind, "amount": amount,
            "monthly_fee": fee, "is_active": n != 3,
            "tariff_ids": if n < 2 { vec![tariffs[0], tariffs[1]] } else { vec![tariffs[2]] }
        });
        admin.post("/options", one).await.expect(201);
        pass(app, n);
    }
}

async fn contracts(app: &App, admin: &Client, customers: &[i64], tariffs: &[i64], sims: &[i64]) -> Vec<i64> {
    let mut contracts = Vec::new();
    for n in 0..6 {
        let signed = ["2026-01-31", "2025-12-01", "2026-01-31", "2024-02-29", "2025-12-01", "2026-01-30"][n];
        let one = json!({
            "customer_id": customers[n], "tariff_id": tariffs[n % 5], "sim_id": sims[n], "signed_date": signed
        });
        contracts.push(id(&admin.post("/contracts", one).await.expect(201)));
        pass(app, n);
    }
    contracts
}

/// Creates received, pending and refunded payments.
async fn payments(app: &App, admin: &Client, contracts: &[i64]) {
    for (n, (contract, amount, method)) in [
        (0, "50.00", "cash"),
        (1, "300.00", "terminal"),
        (2, "50.00", "bank_transfer"),
        (3, "0.01", "cash"),
        (4, "300.00", "cash"),
        (1, "50.00", "cash"),
    ]
    .into_iter()
    .enumerate()
    {
        admin
            .post(
                "/payments",
                json!({"contract_id": contracts[contract], "amount": amount, "payment_method": method}),
            )
            .await
            .expect(201);
        pass(app, n);
    }
    for (n, (contract, method)) in
        [(1, "card"), (2, "card"), (1, "mobile_payment"), (3, "auto_payment"), (2, "card"), (4, "card")]
            .into_iter()
            .enumerate()
    {
        let one = json!({
            "contract_id": contracts[contract], "amount": "70.00", "payment_method": method,
            "transaction_id": format!("шлюз-{n}")
        });
        admin.post("/payments", one).await.expect(201);
        pass(app, n);
    }
    let whole = id(&admin
        .get(&format!("/payments?contract={}&amount_max=50.00", contracts[2]))
        .await
        .expect(200)["results"][0]);
    admin
        .post(&format!("/payments/{whole}/refund"), json!({"reason": "оплачен чужой договор"}))
        .await
        .expect(200);
}

/// Creates users and roles and returns the id of a user who works on tickets.
async fn staff(app: &App, admin: &Client) -> i64 {
    let worker = id(&admin
        .post(
            "/users",
            json!({"username": "worker", "full_name": "Анна", "role": "operator", "password": PASSWORD}),
        )
        .await
        .expect(201));
    for (n, (name, full_name)) in
        [("boris", "Борис"), ("anna", "Анна"), ("Clara", "Анна"), ("dora", "Дора")].into_iter().enumerate()
    {
        let one = json!({
            "username": name, "full_name": full_name, "role": "employee", "password": PASSWORD,
            "is_active": n != 3
        });
        admin.post("/users", one).await.expect(201);
        pass(app, n);
    }
    for (n, name) in ["cashier", "archivist", "trainee"].into_iter().enumerate() {
        admin
            .post(
                "/roles",
                json!({"name": name, "title": format!("Роль {n}"), "permissions": ["customers:read"]}),
            )
            .await
            .expect(201);
        pass(app, n);
    }
    worker
}

async fn tickets(app: &App, admin: &Client, customers: &[i64], contracts: &[i64], worker: i64) {
    for n in 0..6 {
        let (category, priority) = (["sim", "billing", "technical"][n % 3], ["low", "critical"][n % 2]);
        let one = json!({
            "customer_id": customers[n], "contract_id": contracts[n], "category": category,
            "priority": priority, "subject": format!("Жалоба {n}"), "description": "Нет связи"
        });
        let ticket = id(&admin.post("/tickets", one).await.expect(201));
        if n == 0 {
            admin.post(&format!("/tickets/{ticket}/assign"), json!({"user_id": worker})).await.expect(200);
        }
        pass(app, n);
    }
}

/// Creates the administrator's own tickets, some of them overdue.
async fn own_tickets(app: &App, admin: &Client, customers: &[i64], me: i64) {
    for n in 0..7 {
        let (category, priority) = (["complaint", "tariff"][n % 2], ["medium", "high"][n % 2]);
        let subject = if n < 6 { "Просрочено" } else { "Жалоба" };
        let one = json!({
            "customer_id": customers[n], "category": category, "priority": priority, "subject": subject,
            "description": "Сломалось", "assigned_to": me
        });
        let ticket = id(&admin.post("/tickets", one).await.expect(201));
        if n % 3 == 0 {
            admin.post(&format!("/tickets/{ticket}/start_work"), json!({})).await.expect(200);
        }
        pass(app, n);
    }
}

/// Creates dry runs and real runs; the last one is not completed yet.
async fn runs(app: &App, admin: &Client) {
    for (n, day) in ["30", "31", "30", "29", "31", "30", "31"].into_iter().enumerate() {
        let one = json!({"date": format!("2026-01-{day}"), "dry_run": n % 3 == 1});
        admin.post("/billing/runs", one).await.expect(202);
        if n < 6 {
            app.work_off_runs().await.unwrap();
        }
        pass(app, n);
    }
}

async fn tokens(app: &App, admin: &Client) {
    for n in 0..5 {
        admin
            .post(
                "/auth/api-tokens",
                json!({"name": format!("script {n}"), "permissions": ["customers:read"], "expires_at": null}),
            )
            .await
            .expect(201);
        app.admin().await;
        pass(app, n);
    }
    let last = json!({"name": "last script", "permissions": ["customers:read"]});
    let last = admin.post("/auth/api-tokens", last).await.expect(201);
    let script = Client::new(&app.base, last["token"].as_str());
    script.get("/users").await.refused(403, "permission_missing");
}

async fn webhooks(app: &App, admin: &Client) {
    let kinds = ["payment.received", "ticket.created", "contract.suspended"];
    for n in 0..6 {
        let one = json!({
            "url": format!("https://example.com/hooks/{n}"), "kinds": [kinds[n % 3]], "is_active": n != 2
        });
        admin.post("/webhook-endpoints", one).await.expect(201);
        pass(app, n);
    }
}

/// Creates payments through a gateway in every state, events, refunds and settlement files.
/// Leaves the contract unchanged.
async fn by_gateways(app: &App, admin: &Client, contract: i64) {
    for n in 0..12 {
        let payment = gateways::link(admin, contract, "20.00").await;
        match n % 4 {
            0 | 3 => {
                drop(gateways::tell(app, &format!("wrong-{n}"), gateways::succeeded(&payment, "19.00")).await)
            }
            1 => {
                gateways::tell(app, &format!("paid-{n}"), gateways::succeeded(&payment, "20.00")).await;
                let path = format!("/payments/{}/refund", payment["id"]);
                // one is refused, one response is lost, and the rest
                admin
                    .post(&path, json!({"amount": "5.11", "reason": "x"}))
                    .await
                    .refused(409, "gateway_refund_refused");
                if n > 1 {
                    admin.post(&path, json!({"amount": "5.14", "reason": "x"})).await.expect(202);
                    admin.post(&path, json!({"reason": "x"})).await.expect(200);
                }
            }
            2 => drop(
                gateways::tell(app, &format!("failed-{n}"), gateways::happened(&payment, "payment.failed"))
                    .await,
            ),
            _ => {}
        }
        gateways::tell(
            app,
            &format!("unknown-{n}"),
            json!({"type": "payment.failed", "reference": "no-payment"}),
        )
        .await;
        let file = admin
            .request(Method::POST, "/payments/reconciliations?gateway=sandbox&from=2026-01-31&to=2026-01-31");
        let sent = file
            .header("content-type", "text/csv")
            .body("reference,amount,currency\n1,1.00,RUB\n")
            .send()
            .await
            .unwrap();
        Reply::read("a settlement file".into(), sent).await.expect(201);
        pass(app, n);
    }
}

/// Creates notifications and deliveries: kept ones, a failed one, some that were read,
/// and deliveries in progress.
async fn tell(app: &App, me: i64) {
    app.relay_all().await;
    app.execute("UPDATE notifications SET status = 'failed' WHERE channel = 'sms'").await;
    app.execute(&format!(
        "UPDATE notifications SET read_at = created_at WHERE user_id = {me} AND id % 2 = 0"
    ))
    .await;
}

/// Advances the clock for every second item, so that pairs have equal times.
fn pass(app: &App, n: usize) {
    if n % 2 == 1 {
        app.advance(TimeDelta::seconds(1));
    }
}
