//! Every successful change is on record (SPEC 3.7).

use api::app::document;
use kernel::db::Sql;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Operation;
use crate::{
    gateways,
    harness::{App, Client, PASSWORD, Reply, id, person, prepaid, scenario, sim, unique},
};

/// Another password that is not easy to guess.
const OTHER_PASSWORD: &str = "seven herons over the canal";

struct Office<'a> {
    app: &'a App,
    admin: Client,
}

impl Office<'_> {
    fn new_user() -> Value {
        let name = format!("user{}", unique());
        json!({"username": name, "full_name": "Анна Иванова", "role": "operator", "password": PASSWORD})
    }

    /// Somebody signed in, with the name.
    async fn somebody(&self) -> (Client, String) {
        let user = self.admin.post("/users", Self::new_user()).await.expect(201);
        let name = user["username"].as_str().unwrap().to_owned();
        (self.app.sign_in(&name, PASSWORD).await, name)
    }

    async fn user(&self) -> i64 {
        id(&self.admin.post("/users", Self::new_user()).await.expect(201))
    }

    fn new_role() -> Value {
        json!({"name": format!("role{}", unique()), "title": "Кассир", "permissions": ["payments:take"]})
    }

    async fn role(&self) -> i64 {
        id(&self.admin.post("/roles", Self::new_role()).await.expect(201))
    }

    /// A contract in its first period.
    async fn running(&self) -> i64 {
        let contract = self.admin.draft("100.00").await;
        self.admin.pay(contract, "100.00").await;
        self.admin.activate(contract).await;
        contract
    }

    /// A payment whose money is yet to come.
    async fn pending(&self) -> i64 {
        let body = json!({
            "contract_id": self.admin.draft("1.00").await, "amount": "5.00", "payment_method": "card"
        });
        id(&self.admin.post("/payments", body).await.expect(201))
    }

    /// A payment through a gateway that waits for a decision.
    async fn quarantined(&self) -> Value {
        let payment = gateways::link(&self.admin, self.admin.draft("1.00").await, "5.00").await;
        gateways::tell(self.app, &format!("wrong-{}", payment["id"]), gateways::succeeded(&payment, "4.00"))
            .await;
        payment
    }

    /// A card that serves a contract.
    async fn bound_sim(&self) -> i64 {
        self.admin.contract(self.running().await).await["sim_id"].as_i64().unwrap()
    }

    /// A number that nobody has.
    async fn phone_number(&self) -> i64 {
        id(&self.admin.post("/numbers", json!({"first": format!("+7902{:07}", unique())})).await.expect(201)
            [0])
    }

    /// An option that goes with this tariff.
    async fn option(&self, tariff: Option<i64>) -> i64 {
        self.admin.option("10.00", tariff.as_slice()).await
    }

    /// A contract in its first period with money left, and its tariff.
    async fn with_tariff(&self) -> (i64, i64) {
        let contract = self.running().await;
        self.admin.pay(contract, "500.00").await;
        (contract, self.admin.contract(contract).await["tariff_id"].as_i64().unwrap())
    }

    async fn ticket(&self) -> i64 {
        id(&self.admin.post("/tickets", self.new_ticket().await).await.expect(201))
    }

    async fn new_ticket(&self) -> Value {
        json!({
            "customer_id": self.admin.customer().await, "category": "technical", "subject": "Нет связи",
            "description": "С утра"
        })
    }

    /// A PUT of what was read, with one field changed.
    async fn changed(&self, path: &str, field: &str, value: &str) -> RequestBuilder {
        let mut body = self.admin.get(path).await.expect(200);
        body[field] = json!(value);
        self.admin.request(Method::PUT, path).json(&body)
    }

    /// A request that makes this operation succeed; none where nobody has thought of one.
    async fn succeeding(&self, operation: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        let (method, path) = operation.split_once(" /api/v1").unwrap();
        Some(match (method, path) {
            ("POST", "/auth/login") => self
                .app
                .stranger()
                .request(Method::POST, path)
                .json(&json!({"username": "admin", "password": PASSWORD})),
            ("POST", "/auth/token") => {
                let form = [("grant_type", "password"), ("username", "admin"), ("password", PASSWORD)];
                self.app.stranger().request(Method::POST, path).form(&form)
            }
            ("POST", "/auth/refresh") => {
                let pair = self
                    .app
                    .stranger()
                    .post("/auth/login", json!({"username": "admin", "password": PASSWORD}))
                    .await
                    .expect(200);
                self.app.stranger().request(Method::POST, path).json(&json!({"refresh": pair["refresh"]}))
            }
            ("POST", "/auth/logout" | "/auth/logout-all") => {
                self.somebody().await.0.request(Method::POST, path)
            }
            ("POST", "/auth/change-password") => {
                let body = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
                self.somebody().await.0.request(Method::POST, path).json(&body)
            }
            ("DELETE", "/auth/sessions/{id}") => {
                let (client, name) = self.somebody().await;
                self.app.sign_in(&name, PASSWORD).await;
                let sessions = client.get("/auth/sessions").await.expect(200);
                let other = sessions["results"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|session| session["is_current"] == false)
                    .unwrap()
                    .clone();
                client.request(
                    Method::DELETE,
                    &format!(
                        "/auth/sessions/{}",
                        other["id"].as_str().map_or_else(|| other["id"].to_string(), str::to_owned)
                    ),
                )
            }
            ("POST", "/auth/api-tokens") => {
                post(path, json!({"name": "nightly", "permissions": ["customers:read"]}))
            }
            ("DELETE", "/auth/api-tokens/{id}") => {
                let token = admin
                    .post("/auth/api-tokens", json!({"name": "old", "permissions": ["customers:read"]}))
                    .await
                    .expect(201);
                admin.request(Method::DELETE, &format!("/auth/api-tokens/{}", id(&token)))
            }

            ("POST", "/users") => post(path, Self::new_user()),
            ("PUT", "/users/{id}") => {
                self.changed(&format!("/users/{}", self.user().await), "full_name", "Анна Петрова").await
            }
            ("PATCH", "/users/{id}") => admin
                .request(Method::PATCH, &format!("/users/{}", self.user().await))
                .json(&json!({"full_name": "Анна Петрова"})),
            ("DELETE", "/users/{id}") => {
                admin.request(Method::DELETE, &format!("/users/{}", self.user().await))
            }
            ("PUT", "/users/{id}/permissions") => {
                let body = json!({"granted": ["payments:refund"], "denied": ["sims:puk"]});
                admin.request(Method::PUT, &format!("/users/{}/permissions", self.user().await)).json(&body)
            }
            ("POST", "/users/{id}/block") => {
                post(&format!("/users/{}/block", self.user().await), json!({"reason": "уволен"}))
            }
            ("POST", "/users/{id}/unblock") => {
                let user = self.user().await;
                admin.post(&format!("/users/{user}/block"), json!({"reason": "по ошибке"})).await.expect(200);
                post(&format!("/users/{user}/unblock"), json!({}))
            }
            ("POST", "/users/{id}/reset-password") => post(
                &format!("/users/{}/reset-password", self.user().await),
                json!({"password": OTHER_PASSWORD}),
            ),

            ("POST", "/roles") => post(path, Self::new_role()),
            ("PUT", "/roles/{id}") => {
                self.changed(&format!("/roles/{}", self.role().await), "title", "Старший кассир").await
            }
            ("PATCH", "/roles/{id}") => admin
                .request(Method::PATCH, &format!("/roles/{}", self.role().await))
                .json(&json!({"permissions": []})),
            ("DELETE", "/roles/{id}") => {
                admin.request(Method::DELETE, &format!("/roles/{}", self.role().await))
            }

            ("POST", "/customers") => post(path, person()),
            ("PUT", "/customers/{id}") => {
                self.changed(&format!("/customers/{}", admin.customer().await), "notes", "Звонить вечером")
                    .await
            }
            ("PATCH", "/customers/{id}") => admin
                .request(Method::PATCH, &format!("/customers/{}", admin.customer().await))
                .json(&json!({"last_name": "Петров"})),
            ("DELETE", "/customers/{id}") => {
                admin.request(Method::DELETE, &format!("/customers/{}", admin.customer().await))
            }
            ("POST", "/customers/check-duplicates") => post(path, json!({"phone": "+79160000000"})),
            ("POST", "/customers/{id}/suspend" | "/customers/{id}/block") => post(
                &path.replace("{id}", &admin.customer().await.to_string()),
                json!({"reason": "по письму"}),
            ),
            ("POST", "/customers/{id}/activate") => {
                let customer = admin.customer().await;
                admin
                    .post(&format!("/customers/{customer}/suspend"), json!({"reason": "по письму"}))
                    .await
                    .expect(200);
                post(&format!("/customers/{customer}/activate"), json!({}))
            }
            ("POST", "/customers/{id}/restore") => {
                let customer = admin.customer().await;
                admin.delete(&format!("/customers/{customer}")).await.expect(204);
                post(&format!("/customers/{customer}/restore"), json!({}))
            }
            ("POST", "/customers/{id}/merge") => {
                let (one, other) = (admin.customer().await, admin.customer().await);
                post(&format!("/customers/{one}/merge"), json!({"duplicate_id": other}))
            }
            ("POST", "/sims") => post(path, sim()),
            ("PUT", "/sims/{id}") => {
                self.changed(&format!("/sims/{}", admin.sim().await), "puk_code", "87654321").await
            }
            ("PATCH", "/sims/{id}") => admin
                .request(Method::PATCH, &format!("/sims/{}", admin.sim().await))
                .json(&json!({"puk_code": "87654321"})),
            ("DELETE", "/sims/{id}") => {
                admin.request(Method::DELETE, &format!("/sims/{}", admin.sim().await))
            }
            ("POST", "/sims/{id}/block") => {
                post(&format!("/sims/{}/block", self.bound_sim().await), json!({"reason": "клон"}))
            }
            ("POST", "/sims/{id}/unblock") => {
                let sim = self.bound_sim().await;
                admin.post(&format!("/sims/{sim}/block"), json!({"reason": "клон"})).await.expect(200);
                post(&format!("/sims/{sim}/unblock"), json!({}))
            }
            ("POST", "/sims/{id}/close") => post(&format!("/sims/{}/close", admin.sim().await), json!({})),
            ("POST", "/sims/{id}/deactivate") => {
                post(&format!("/sims/{}/deactivate", self.bound_sim().await), json!({"reason": "stolen"}))
            }
            ("POST", "/contracts/{id}/replace-sim") => {
                let (contract, sim) = (self.running().await, admin.sim().await);
                post(&format!("/contracts/{contract}/replace-sim"), json!({"sim_id": sim, "reason": "износ"}))
            }
            ("POST", "/numbers/{id}/reserve") => post(
                &format!("/numbers/{}/reserve", self.phone_number().await),
                json!({"until": "2026-02-01T00:00:00Z"}),
            ),
            ("POST", "/numbers/{id}/release") => {
                let number = self.phone_number().await;
                admin
                    .post(&format!("/numbers/{number}/reserve"), json!({"until": "2026-02-01T00:00:00Z"}))
                    .await
                    .expect(200);
                post(&format!("/numbers/{number}/release"), json!({}))
            }
            ("POST", "/numbers/{id}/port-out") => {
                post(&format!("/numbers/{}/port-out", self.phone_number().await), json!({}))
            }
            ("POST", "/numbers") => post(path, json!({"first": format!("+7901{:07}", unique()), "count": 1})),
            ("POST", "/tariffs") => post(path, prepaid("100.00")),

            ("PUT", "/tariffs/{id}") => {
                self.changed(
                    &format!("/tariffs/{}", admin.prepaid_tariff("1.00").await),
                    "monthly_fee",
                    "2.00",
                )
                .await
            }
            ("PATCH", "/tariffs/{id}") => {
                let path = format!("/tariffs/{}", admin.prepaid_tariff("1.00").await);
                admin
                    .request(Method::PATCH, &path)
                    .json(&json!({"monthly_fee": "2.00", "effective_from": "2026-03-01"}))
            }
            ("DELETE", "/tariffs/{id}") => {
                admin.request(Method::DELETE, &format!("/tariffs/{}", admin.prepaid_tariff("1.00").await))
            }
            ("POST", "/tariffs/{id}/deactivate") => {
                post(&format!("/tariffs/{}/deactivate", admin.prepaid_tariff("1.00").await), json!({}))
            }
            ("POST", "/tariffs/{id}/activate") => {
                let tariff = admin.prepaid_tariff("1.00").await;
                admin.post(&format!("/tariffs/{tariff}/deactivate"), json!({})).await.expect(200);
                post(&format!("/tariffs/{tariff}/activate"), json!({}))
            }
            ("POST", "/options") => {
                let body = json!({
                    "code": format!("NEW{}", unique()), "name": "Ещё", "kind": "service",
                    "monthly_fee": "1.00"
                });
                post(path, body)
            }
            ("PUT", "/options/{id}") => {
                self.changed(&format!("/options/{}", self.option(None).await), "name", "Другая").await
            }
            ("PATCH", "/options/{id}") => {
                let other = self.option(None).await;
                let path = format!("/options/{}", self.option(None).await);
                admin.request(Method::PATCH, &path).json(&json!({"excluded_option_ids": [other]}))
            }
            ("DELETE", "/options/{id}") => {
                admin.request(Method::DELETE, &format!("/options/{}", self.option(None).await))
            }

            ("POST", "/contracts/{id}/change-tariff") => {
                let (contract, _) = self.with_tariff().await;
                let body = json!({"tariff_id": admin.prepaid_tariff("200.00").await, "when": "now"});
                post(&format!("/contracts/{contract}/change-tariff"), body)
            }
            ("POST", "/contracts/{id}/options") => {
                let (contract, tariff) = self.with_tariff().await;
                let body = json!({"add": [self.option(Some(tariff)).await], "when": "now"});
                post(&format!("/contracts/{contract}/options"), body)
            }
            ("POST", "/contracts/{id}/cancel-change") => {
                let (contract, _) = self.with_tariff().await;
                let body = json!({"tariff_id": admin.prepaid_tariff("200.00").await, "when": "next_period"});
                admin.post(&format!("/contracts/{contract}/change-tariff"), body).await.expect(200);
                post(&format!("/contracts/{contract}/cancel-change"), json!({}))
            }
            ("POST", "/contracts") => {
                let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("100.00").await);
                post(path, json!({"customer_id": customer, "tariff_id": tariff}))
            }
            ("POST", "/contracts/{id}/activate") => {
                post(&format!("/contracts/{}/activate", admin.draft("0.00").await), json!({}))
            }
            ("POST", "/contracts/{id}/suspend") => {
                post(&format!("/contracts/{}/suspend", self.running().await), json!({"reason": "request"}))
            }
            ("POST", "/contracts/{id}/resume") => {
                let contract = self.running().await;
                admin
                    .post(&format!("/contracts/{contract}/suspend"), json!({"reason": "fraud"}))
                    .await
                    .expect(200);
                post(&format!("/contracts/{contract}/resume"), json!({"reason": "fraud"}))
            }
            ("POST", "/contracts/{id}/terminate") => {
                post(&format!("/contracts/{}/terminate", self.running().await), json!({"reason": "переезд"}))
            }
            ("PUT", "/contracts/{id}") => {
                self.changed(&format!("/contracts/{}", admin.draft("1.00").await), "notes", "позвонить").await
            }
            ("PATCH", "/contracts/{id}") => admin
                .request(Method::PATCH, &format!("/contracts/{}", self.running().await))
                .json(&json!({"discount_percent": "10"})),
            ("DELETE", "/contracts/{id}") => {
                admin.request(Method::DELETE, &format!("/contracts/{}", admin.draft("1.00").await))
            }
            ("POST", "/contracts/{id}/add_balance") => {
                post(&format!("/contracts/{}/add_balance", self.running().await), json!({"amount": "5.00"}))
            }
            ("POST", "/contracts/{id}/deduct_balance") => post(
                &format!("/contracts/{}/deduct_balance", self.running().await),
                json!({"amount": "5.00", "description": "ошибка"}),
            ),
            ("POST", "/billing/runs") => post(path, json!({"dry_run": true})),
            ("POST", "/payments/corrections") => post(
                path,
                json!({"contract_id": self.running().await, "amount": "-5.00", "reason": "ошибка"}),
            ),
            ("POST", "/payments/{id}/process") => {
                post(&format!("/payments/{}/process", self.pending().await), json!({}))
            }
            ("POST", "/payments/{id}/cancel") => {
                post(&format!("/payments/{}/cancel", self.pending().await), json!({}))
            }
            ("POST", "/payments/{id}/fail") => {
                post(&format!("/payments/{}/fail", self.pending().await), json!({"reason": "банк отказал"}))
            }
            ("DELETE", "/payments/{id}") => {
                admin.request(Method::DELETE, &format!("/payments/{}", self.pending().await))
            }
            ("POST", "/payments/{id}/refund") => {
                let payment = id(&admin.pay(admin.draft("1.00").await, "5.00").await);
                post(&format!("/payments/{payment}/refund"), json!({"reason": "не туда"}))
            }
            ("POST", "/payments/links") => post(path, gateways::order(admin.draft("1.00").await, "5.00")),
            ("POST", "/payments/gateway-refunds/{id}/resolve") => post(
                &format!(
                    "/payments/gateway-refunds/{}/resolve",
                    gateways::unanswered_refund(self.app, admin).await
                ),
                json!({"decision": "accept", "reason": "банк подтвердил"}),
            ),
            ("POST", "/payments/{id}/resolve") => post(
                &format!("/payments/{}/resolve", self.quarantined().await["id"]),
                json!({"decision": "fail", "reason": "деньги вернули"}),
            ),
            ("POST", "/payments/reconciliations") => {
                let path = format!("{path}?gateway=sandbox&from=2026-01-31&to=2026-01-31");
                admin
                    .request(Method::POST, &path)
                    .header("content-type", "text/csv")
                    .body("reference,amount,currency\n1,1.00,RUB\n")
            }
            ("POST", "/webhooks/payments/{gateway}") => {
                let payment = gateways::link(admin, admin.draft("1.00").await, "5.00").await;
                let event = gateways::signed(
                    self.app,
                    gateways::KEY,
                    "audited",
                    &gateways::succeeded(&payment, "5.00"),
                );
                let request = self
                    .app
                    .stranger()
                    .request(Method::POST, "/webhooks/payments/sandbox")
                    .header("content-type", "application/json");
                event
                    .headers
                    .iter()
                    .fold(request, |request, (name, value)| request.header(*name, value))
                    .body(event.body)
            }
            ("POST", "/payments") => {
                let contract = admin.draft("100.00").await;
                post(path, json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"}))
            }

            ("POST", "/tickets") => post(path, self.new_ticket().await),
            ("PUT", "/tickets/{id}") => {
                self.changed(&format!("/tickets/{}", self.ticket().await), "subject", "Связь пропадает").await
            }
            ("PATCH", "/tickets/{id}") => admin
                .request(Method::PATCH, &format!("/tickets/{}", self.ticket().await))
                .json(&json!({"category": "sim"})),
            ("DELETE", "/tickets/{id}") => {
                admin.request(Method::DELETE, &format!("/tickets/{}", self.ticket().await))
            }
            ("POST", "/tickets/{id}/assign") => post(
                &format!("/tickets/{}/assign", self.ticket().await),
                json!({"user_id": self.user().await}),
            ),
            ("POST", "/tickets/{id}/start_work") => {
                let mut given = self.new_ticket().await;
                given["assigned_to"] = json!(self.user().await);
                post(
                    &format!("/tickets/{}/start_work", id(&admin.post("/tickets", given).await.expect(201))),
                    json!({}),
                )
            }
            ("POST", "/tickets/{id}/wait") => {
                post(&format!("/tickets/{}/wait", self.ticket().await), json!({"reason": "ждём"}))
            }
            ("POST", "/tickets/{id}/resume") => {
                let ticket = self.ticket().await;
                admin.post(&format!("/tickets/{ticket}/wait"), json!({"reason": "ждём"})).await.expect(200);
                post(&format!("/tickets/{ticket}/resume"), json!({}))
            }
            ("POST", "/tickets/{id}/resolve") => {
                let ticket = self.ticket().await;
                admin
                    .post(&format!("/tickets/{ticket}/assign"), json!({"user_id": self.user().await}))
                    .await
                    .expect(200);
                post(&format!("/tickets/{ticket}/resolve"), json!({"resolution": "перезапущено"}))
            }
            ("POST", "/tickets/{id}/close") => {
                post(&format!("/tickets/{}/close", self.ticket().await), json!({"reason": "отозвано"}))
            }
            ("POST", "/tickets/{id}/reopen") => {
                let ticket = self.ticket().await;
                admin
                    .post(&format!("/tickets/{ticket}/close"), json!({"reason": "отозвано"}))
                    .await
                    .expect(200);
                post(&format!("/tickets/{ticket}/reopen"), json!({"reason": "снова"}))
            }
            ("POST", "/tickets/{id}/change_priority") => post(
                &format!("/tickets/{}/change_priority", self.ticket().await),
                json!({"priority": "critical"}),
            ),
            ("POST", "/tickets/{id}/comments") => post(
                &format!("/tickets/{}/comments", self.ticket().await),
                json!({"text": "проверяем", "is_internal": false}),
            ),
            ("POST", "/tickets/{id}/attachments") => admin.file(
                &format!("/tickets/{}/attachments", self.ticket().await),
                "заметка.txt",
                "text/plain",
                "Номер вышки 7".as_bytes(),
            ),
            ("DELETE", "/tickets/{id}/attachments/{attachment_id}") => {
                let files = format!("/tickets/{}/attachments", self.ticket().await);
                let sent = admin.file(&files, "a.txt", "text/plain", b"text").send().await.unwrap();
                admin.request(
                    Method::DELETE,
                    &format!("{files}/{}", id(&Reply::read(files.clone(), sent).await.expect(201))),
                )
            }
            ("POST", "/notifications/{id}/read") => {
                post(&format!("/notifications/{}/read", self.told("in_app AND user_id = 1").await), json!({}))
            }
            ("POST", "/notifications/{id}/retry") => {
                let email = self.told("email").await;
                self.app
                    .execute(&format!(
                        "UPDATE notifications SET status = 'failed', next_attempt_at = NULL \
                         WHERE id = {email}"
                    ))
                    .await;
                post(&format!("/notifications/{email}/retry"), json!({}))
            }
            ("PUT", "/notification-templates/{kind}/{channel}/{language}") => {
                let path = "/notification-templates/payment.received/sms/en";
                admin.request(Method::PUT, path).json(&json!({"text": "{{amount}} is there"}))
            }
            ("DELETE", "/notification-templates/{kind}/{channel}/{language}") => {
                let path = "/notification-templates/balance.low/sms/en";
                admin.put(path, json!({"text": "{{balance}} is left"})).await.expect(200);
                admin.request(Method::DELETE, path)
            }
            ("POST", "/webhook-endpoints") => post(path, Self::new_endpoint()),
            ("PUT", "/webhook-endpoints/{id}") => {
                self.changed(
                    &format!("/webhook-endpoints/{}", self.endpoint().await),
                    "description",
                    "Бухгалтерия",
                )
                .await
            }
            ("PATCH", "/webhook-endpoints/{id}") => admin
                .request(Method::PATCH, &format!("/webhook-endpoints/{}", self.endpoint().await))
                .json(&json!({"is_active": false})),
            ("DELETE", "/webhook-endpoints/{id}") => {
                admin.request(Method::DELETE, &format!("/webhook-endpoints/{}", self.endpoint().await))
            }
            ("POST", "/webhook-endpoints/{id}/rotate-secret" | "/webhook-endpoints/{id}/test") => {
                post(&path.replace("{id}", &self.endpoint().await.to_string()), json!({}))
            }
            ("POST", "/webhook-deliveries/{id}/retry") => {
                let test = admin
                    .post(&format!("/webhook-endpoints/{}/test", self.endpoint().await), json!({}))
                    .await
                    .expect(200);
                self.app
                    .execute(&format!(
                        "UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL \
                         WHERE id = {}",
                        id(&test)
                    ))
                    .await;
                post(&format!("/webhook-deliveries/{}/retry", id(&test)), json!({}))
            }
            _ => return None,
        })
    }

    fn new_endpoint() -> Value {
        json!({"url": "https://example.com/hooks", "kinds": ["payment.received"]})
    }

    async fn endpoint(&self) -> i64 {
        id(&self.admin.post("/webhook-endpoints", Self::new_endpoint()).await.expect(201))
    }

    /// A message of what happened just now, failed where it can.
    async fn told(&self, channel: &str) -> i64 {
        self.ticket().await;
        while api::couriers::relay_events(&self.app.state).await.unwrap() > 0 {}
        let (channel, rest) = channel.split_once(' ').unwrap_or((channel, ""));
        self.app
            .scalar(&format!("SELECT MAX(id) FROM notifications WHERE channel = '{channel}' {rest}"))
            .await
    }
}

#[scenario(SMTP_URL = "smtp://127.0.0.1:9", SMTP_FROM = "crm@example.com")]
async fn every_successful_change_is_on_record_with_its_request_and_without_secrets(app: &App) {
    let office = Office { app, admin: app.admin().await };
    for operation in Operation::all(document()).iter().filter(|operation| operation.method != Method::GET) {
        let name = operation.name();
        let Some(request) = office.succeeding(&name).await else {
            panic!("{name}: give a request that succeeds, here in walks/audit.rs")
        };
        let before = app.count("audit").await;
        let reply =
            Reply::read(name.clone(), request.header("X-Request-Id", "the-one").send().await.unwrap()).await;
        assert!((200..300).contains(&reply.status), "{name} answered {}: {}", reply.status, reply.text);

        let newest = office.admin.get("/audit?page_size=500").await.expect(200);
        let rows: Vec<&Value> = newest["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["seq"].as_i64().unwrap() > before)
            .collect();
        assert!(!rows.is_empty(), "{name} left nothing on record");
        for row in rows {
            assert_eq!(
                (row["request_id"].as_str(), row["address"].as_str()),
                (Some("the-one"), Some("127.0.0.1")),
                "{name}: {row}"
            );
            assert!(row["actor_id"].is_i64() || operation.is_signed(), "{name}: nobody did it: {row}");
            for secret in [PASSWORD, OTHER_PASSWORD, "$argon2", "tcrm_", "eyJ", "12345678\"", "87654321"] {
                assert!(!row.to_string().contains(secret), "{name}: `{secret}` is on record: {row}");
            }
        }
    }
    let verified = office.admin.get("/audit/verify").await.expect(200);
    assert_eq!(
        (&verified["intact"], verified["rows"].as_i64()),
        (&json!(true), Some(app.count("audit").await))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_row_that_was_altered_or_removed_is_found(app: &App) {
    let admin = app.admin().await;
    admin.prepaid_tariff("1.00").await;
    admin.customer().await;
    let rows = app.count("audit").await;
    let behind_our_back = async |sql: &str| {
        let context = app.state.context(kernel::Origin::default());
        let text = sql.replace("$row", &(rows - 1).to_string());
        app.state
            .db
            .transaction(&context, async |tx| Sql::owned(text.clone()).execute(tx).await)
            .await
            .unwrap();
        admin.get("/audit/verify").await.expect(200)
    };
    let broken =
        |reason: &str| json!({"rows": rows - 2, "intact": false, "first_broken": rows - 1, "reason": reason});
    assert_eq!(
        behind_our_back("UPDATE audit SET actor = 'nobody' WHERE seq = $row").await,
        broken("row_altered")
    );
    assert_eq!(behind_our_back("DELETE FROM audit WHERE seq = $row").await, broken("row_missing"));
}
