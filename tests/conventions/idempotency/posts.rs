//! A successful request for each POST with a JSON body. Requests for one resource follow each other.

use serde_json::json;

use crate::{
    gateways,
    harness::{App, Client, PASSWORD, Request, id, person, prepaid, sim},
};

/// Requests of signed-in staff.
pub async fn of(app: &App, admin: &Client) -> Vec<Request> {
    let mut requests = customers(admin).await;
    requests.extend(sims(admin).await);
    requests.extend(tariffs(admin).await);
    requests.extend(contracts(admin).await);
    requests.extend(payments(app, admin).await);
    requests.extend(tickets(admin).await);
    requests.extend(users(admin).await);
    // last, because they are about the results of the others
    requests.extend(messages(app, admin).await);
    requests
}

/// Requests of a caller who is not signed in.
pub async fn of_a_stranger(app: &App) -> Vec<Request> {
    let words = json!({"username": "admin", "password": PASSWORD});
    let pair = app.stranger().post("/auth/login", words.clone()).await.expect(200);
    vec![
        Request::post("/auth/login", words),
        Request::post("/auth/refresh", json!({"refresh": pair["refresh"]})),
    ]
}

async fn customers(admin: &Client) -> Vec<Request> {
    let (kept, double, gone) = (admin.customer().await, admin.customer().await, admin.customer().await);
    admin.delete(&format!("/customers/{gone}")).await.expect(204);
    let on = |customer: i64, action: &str| format!("/customers/{customer}/{action}");
    let names = json!({"last_name": "Иванов", "first_name": "Пётр", "patronymic": "Сергеевич"});
    vec![
        Request::post("/customers", person()),
        Request::post("/customers/check-duplicates", names),
        Request::post(on(double, "suspend"), json!({"reason": "x"})),
        Request::post(on(double, "block"), json!({"reason": "x"})),
        Request::post(on(double, "activate"), json!({})),
        Request::post(on(kept, "merge"), json!({"duplicate_id": double})),
        Request::post(on(gone, "restore"), json!({})),
    ]
}

async fn sims(admin: &Client) -> Vec<Request> {
    let useless = admin.sim().await;
    let number = id(&admin.post("/numbers", json!({"first": "+79990000001"})).await.expect(201)[0]);
    let on = |action: &str| format!("/numbers/{number}/{action}");
    vec![
        Request::post("/sims", sim()),
        Request::post(format!("/sims/{useless}/close"), json!({})),
        Request::post("/numbers", json!({"first": "+79990000000"})),
        Request::post(on("reserve"), json!({"until": "2026-02-28T00:00:00Z"})),
        Request::post(on("release"), json!({})),
        Request::post(on("port-out"), json!({"note": "x"})),
    ]
}

async fn tariffs(admin: &Client) -> Vec<Request> {
    let tariff = admin.prepaid_tariff("0.00").await;
    let option = json!({"code": "NEW", "name": "x", "kind": "service", "monthly_fee": "1.00"});
    vec![
        Request::post("/tariffs", prepaid("1.00")),
        Request::post(format!("/tariffs/{tariff}/deactivate"), json!({})),
        Request::post(format!("/tariffs/{tariff}/activate"), json!({})),
        Request::post("/options", option),
    ]
}

async fn contracts(admin: &Client) -> Vec<Request> {
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("0.00").await);
    let contract = admin.draft("0.00").await;
    let drawn_up = admin.contract(contract).await;
    let option = admin.option("0.00", &[drawn_up["tariff_id"].as_i64().unwrap()]).await;
    let (card, spare) = (drawn_up["sim_id"].as_i64().unwrap(), admin.sim().await);
    let on = |action: &str| format!("/contracts/{contract}/{action}");
    let on_card = |action: &str| format!("/sims/{card}/{action}");
    vec![
        Request::post("/contracts", json!({"customer_id": customer, "tariff_id": tariff})),
        Request::post(on("activate"), json!({})),
        Request::post(on("promised-payment"), json!({"amount": "1.00"})),
        Request::post(on("change-tariff"), json!({"tariff_id": tariff, "when": "next_period"})),
        Request::post(on("cancel-change"), json!({})),
        Request::post(on("options"), json!({"add": [option], "when": "now"})),
        Request::post(on("suspend"), json!({"reason": "request"})),
        Request::post(on("resume"), json!({"reason": "request"})),
        Request::post(on_card("block"), json!({"reason": "x"})),
        Request::post(on_card("unblock"), json!({})),
        Request::post(on_card("deactivate"), json!({"reason": "lost"})),
        Request::post(on("replace-sim"), json!({"sim_id": spare, "reason": "x"})),
        Request::post(on("terminate"), json!({"reason": "x"})),
    ]
}

async fn payments(app: &App, admin: &Client) -> Vec<Request> {
    let contract = admin.draft("0.00").await;
    let paid = id(&admin.pay(contract, "5.00").await);
    let card = json!({"contract_id": contract, "amount": 1, "payment_method": "card"});
    let mut pending = Vec::new();
    for _ in 0..3 {
        pending.push(id(&admin.post("/payments", card.clone()).await.expect(201)));
    }
    let by_link = gateways::link(admin, contract, "2.00").await;
    gateways::tell(app, "wrong", gateways::succeeded(&by_link, "1.00")).await;
    let unanswered = gateways::unanswered_refund(app, admin).await;
    let over = admin.draft("0.00").await;
    admin.pay(over, "5.00").await;
    admin.post(&format!("/contracts/{over}/terminate"), json!({"reason": "x"})).await.expect(200);
    let payout = json!({"amount": 1, "payment_method": "cash", "reason": "x"});
    let on = |payment: i64, action: &str| format!("/payments/{payment}/{action}");
    let on_contract = |action: &str| format!("/contracts/{contract}/{action}");
    let cash = json!({"contract_id": contract, "amount": 1, "payment_method": "cash"});
    let correction = json!({"contract_id": contract, "amount": -1, "reason": "x"});
    let refund = format!("/gateway-refunds/{unanswered}/resolve");
    vec![
        Request::post("/payments", cash),
        Request::post(on_contract("add_balance"), json!({"amount": 1})),
        Request::post(on_contract("deduct_balance"), json!({"amount": 1, "description": "x"})),
        Request::post("/billing/runs", json!({})),
        Request::post("/payments/corrections", correction),
        Request::post(on(paid, "refund"), json!({"reason": "x"})),
        Request::post(format!("/contracts/{over}/payouts"), payout),
        Request::post(on(pending[0], "process"), json!({})),
        Request::post(on(pending[1], "cancel"), json!({})),
        Request::post(on(pending[2], "fail"), json!({"reason": "x"})),
        Request::post("/payments/links", gateways::order(contract, "1.00")),
        Request::post(refund, json!({"decision": "accept", "reason": "x"})),
        Request::post(on(id(&by_link), "resolve"), json!({"decision": "dismiss", "reason": "x"})),
    ]
}

async fn tickets(admin: &Client) -> Vec<Request> {
    let worker = json!({"username": "worker", "full_name": "x", "role": "operator", "password": PASSWORD});
    let worker = id(&admin.post("/users", worker).await.expect(201));
    let customer = admin.customer().await;
    let complaint = json!({"customer_id": customer, "category": "sim", "subject": "x", "description": "x"});
    let mut assigned = complaint.clone();
    assigned["assigned_to"] = json!(worker);
    let ticket = id(&admin.post("/tickets", complaint.clone()).await.expect(201));
    let assigned = id(&admin.post("/tickets", assigned).await.expect(201));
    let on = |action: &str| format!("/tickets/{ticket}/{action}");
    let file = admin.file(&on("attachments"), "a.txt", "text/plain", b"text").send().await.unwrap();
    let file = id(&file.json().await.unwrap());
    let kept = id(&admin.post("/tickets", complaint.clone()).await.expect(201));
    let double = id(&admin.post("/tickets", complaint.clone()).await.expect(201));
    vec![
        Request::post("/tickets", complaint),
        Request::post(format!("/tickets/{kept}/merge"), json!({"duplicate_id": double})),
        Request::post("/canned-answers", json!({"title": "x", "text": "x"})),
        Request::post(format!("/attachments/{file}/link"), json!({})),
        Request::post(on("assign"), json!({"user_id": worker})),
        Request::post(on("wait"), json!({"reason": "x"})),
        Request::post(on("resume"), json!({})),
        Request::post(on("change_priority"), json!({"priority": "low"})),
        Request::post(on("comments"), json!({"text": "x"})),
        Request::post(on("resolve"), json!({"resolution": "x"})),
        Request::post(on("close"), json!({})),
        Request::post(on("reopen"), json!({"reason": "x"})),
        Request::post(format!("/tickets/{assigned}/start_work"), json!({})),
    ]
}

async fn users(admin: &Client) -> Vec<Request> {
    let new =
        |name: &str| json!({"username": name, "full_name": "x", "role": "operator", "password": PASSWORD});
    let user = id(&admin.post("/users", new("first")).await.expect(201));
    let on = |action: &str| format!("/users/{user}/{action}");
    let token = json!({"name": "x", "permissions": ["sims:read"], "expires_at": null});
    vec![
        Request::post("/users", new("second")),
        Request::post(on("block"), json!({"reason": "x", "until": null})),
        Request::post(on("unblock"), json!({})),
        Request::post(on("reset-password"), json!({"password": "another lighthouse, tram 18"})),
        Request::post("/roles", json!({"name": "one", "title": "x", "permissions": []})),
        Request::post("/auth/api-tokens", token),
    ]
}

async fn messages(app: &App, admin: &Client) -> Vec<Request> {
    let hook = json!({"url": "https://example.com/hooks", "kinds": ["payment.received"]});
    let endpoint = id(&admin.post("/webhook-endpoints", hook.clone()).await.expect(201));
    let on = |action: &str| format!("/webhook-endpoints/{endpoint}/{action}");
    let delivery = id(&admin.post(&on("test"), json!({})).await.expect(200));
    app.relay_all().await;
    for table in ["notifications", "webhook_deliveries"] {
        app.execute(&format!(
            "UPDATE {table} SET status = 'failed', next_attempt_at = NULL WHERE status = 'pending'"
        ))
        .await;
    }
    let told = app.scalar("SELECT MAX(id) FROM notifications WHERE user_id = 1").await;
    let email = app.scalar("SELECT MAX(id) FROM notifications WHERE channel = 'email'").await;
    vec![
        Request::post("/events/tickets", json!({})),
        Request::post(format!("/notifications/{told}/read"), json!({})),
        Request::post(format!("/notifications/{email}/retry"), json!({})),
        Request::post("/webhook-endpoints", hook),
        Request::post(on("rotate-secret"), json!({})),
        Request::post(on("test"), json!({})),
        Request::post(format!("/webhook-deliveries/{delivery}/retry"), json!({})),
    ]
}
