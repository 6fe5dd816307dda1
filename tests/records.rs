//! Subscribers, SIMs, numbers, tariffs and tickets: valid and invalid values, masked and hidden fields,
//! and the violations that `verify` finds.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{App, id, person, prepaid, scenario, sim};

fn with(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}

#[scenario]
async fn a_clash_names_every_field_and_who_has_the_value(app: &App) {
    let admin = app.admin().await;
    let first = admin.post("/customers", person()).await.expect(201);
    let again = with(
        person(),
        json!({
            "phone": first["phone"], "email": first["email"].as_str().unwrap().to_uppercase(),
            "inn": first["inn"], "passport_number": first["passport_number"]
        }),
    );
    let problem = admin.post("/customers", again).await;
    assert_eq!(
        problem.wrong_fields(),
        pairs(&[
            ("/email", "duplicate_value"),
            ("/inn", "duplicate_value"),
            ("/passport_number", "duplicate_value"),
            ("/phone", "duplicate_value")
        ])
    );
    let problem = problem.refused(409, "customer_duplicate");
    assert!(
        problem["errors"].as_array().unwrap().iter().all(|error| error["existing_id"] == first["id"]),
        "{problem}"
    );
    assert_eq!(app.count("customers").await, 1);
    // an equal number with another type of document is a different document
    let foreign = with(
        person(),
        json!({"document_type": "foreign_passport", "passport_number": first["passport_number"]}),
    );
    admin.post("/customers", foreign).await.expect(201);
}

#[scenario]
async fn twenty_registrations_of_one_person_at_once_make_one(app: &App) {
    let admin = app.admin().await;
    let body = person();
    let replies =
        futures_util::future::join_all((0..20).map(|_| admin.post("/customers", body.clone()))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert!(replies.iter().all(|reply| matches!(reply.status, 201 | 409)), "{replies:?}");
    assert_eq!(app.count("customers").await, 1);
}

#[scenario]
async fn every_wrong_field_of_a_person_is_told_at_once_in_both_languages(app: &App) {
    let operator = app.user("operator").await;
    let wrong = json!({
        "customer_type": "individual", "first_name": 7, "birth_date": "2020-01-01",
        "document_type": "passport", "passport_series": "45", "passport_number": "12", "inn": "1",
        "phone": "916-12-34", "email": "nobody", "status": "blocked", "colour": "red"
    });
    let russian = operator.post("/customers", wrong.clone()).await;
    assert_eq!(
        russian.wrong_fields(),
        pairs(&[
            ("/birth_date", "invalid_age"),
            ("/colour", "unknown_field"),
            ("/email", "invalid_email"),
            ("/first_name", "invalid_type"),
            ("/inn", "invalid_inn"),
            ("/last_name", "required"),
            ("/passport_number", "invalid_document"),
            ("/passport_series", "invalid_document"),
            ("/phone", "invalid_phone"),
            ("/status", "unknown_field"),
        ])
    );
    let english = operator.with("Accept-Language", "en").post("/customers", wrong).await;
    assert_eq!(english.wrong_fields(), russian.wrong_fields());
    assert_ne!(english.body["detail"], russian.body["detail"]);
    assert_eq!((english.header("content-language"), russian.header("content-language")), ("en", "ru"));
    assert_eq!(app.count("customers").await, 0);
}

#[scenario]
async fn an_organization_needs_its_name_and_code_and_no_document(app: &App) {
    let admin = app.admin().await;
    let bare = json!({"customer_type": "organization", "phone": "+79160000000"});
    let wrong = admin.post("/customers", bare.clone()).await;
    assert_eq!(
        wrong.wrong_fields(),
        pairs(&[("/organization_code", "required"), ("/organization_name", "required")])
    );
    let named =
        with(bare, json!({"organization_name": "ООО «Ромашка»", "organization_code": "1027700132195"}));
    let made = admin.post("/customers", named).await.expect(201);
    assert_eq!((&made["full_name"], &made["short_name"]), (&json!("ООО «Ромашка»"), &json!("ООО «Ромашка»")));
}

#[scenario]
async fn personal_data_are_masked_without_the_permission_everywhere(app: &App) {
    let admin = app.admin().await;
    let made = admin.post("/customers", person()).await.expect(201);
    let employee = app.user("employee").await;
    let one = employee.get(&format!("/customers/{}", made["id"])).await.expect(200);
    let listed = employee.get("/customers").await.expect(200)["results"][0].clone();
    for shown in [one, listed] {
        assert_eq!((&shown["passport_series"], &shown["birth_date"]), (&json!("45**"), &json!("****-**-**")));
        let number = shown["passport_number"].as_str().unwrap();
        assert!(
            number.starts_with("****") && made["passport_number"].as_str().unwrap().ends_with(&number[4..]),
            "{number}"
        );
        for secret in ["inn", "address"] {
            assert!(shown[secret].as_str().unwrap().contains("****"), "{secret}: {}", shown[secret]);
            assert_ne!(shown[secret], made[secret]);
        }
        assert_eq!(shown["phone"], made["phone"]);
    }
    // a full document number finds its holder only for users who may read it
    let by_number = format!("/customers?search={}", made["passport_number"].as_str().unwrap());
    let found = |reply: Value| {
        reply["results"].as_array().unwrap().iter().any(|customer| customer["id"] == made["id"])
    };
    assert!(found(admin.get(&by_number).await.expect(200)));
    let unique = with(person(), json!({"passport_number": "987654"}));
    let holder = admin.post("/customers", unique).await.expect(201);
    assert_eq!(admin.get("/customers?search=987654").await.expect(200)["results"][0]["id"], holder["id"]);
    assert_eq!(employee.get("/customers?search=987654").await.expect(200)["count"], 0);
    employee.get("/customers?ordering=birth_date").await.refused(400, "invalid_parameter");
}

#[scenario]
async fn a_puk_is_shown_only_with_its_permission(app: &App) {
    let admin = app.admin().await;
    let made = admin.post("/sims", sim()).await.expect(201);
    assert_eq!(made["puk_code"], "12345678");
    let employee = app.user("employee").await;
    assert_eq!(employee.get(&format!("/sims/{}", made["id"])).await.expect(200)["puk_code"], Value::Null);
    assert_eq!(employee.get("/sims").await.expect(200)["results"][0]["puk_code"], Value::Null);
    assert_eq!(app.scalar("SELECT COUNT(*) FROM audit WHERE after LIKE '%12345678%'").await, 0);
}

#[scenario]
async fn a_sim_takes_an_available_number_and_nobody_elses(app: &App) {
    let admin = app.admin().await;
    let range = admin.post("/numbers", json!({"first": "+79005550000", "count": 3})).await.expect(201);
    assert_eq!(range.as_array().unwrap().len(), 3);
    admin
        .post("/numbers", json!({"first": "+79005549999", "count": 2}))
        .await
        .refused(409, "number_duplicate");
    assert_eq!(app.count("numbers").await, 3);
    let first = admin.post("/sims", with(sim(), json!({"msisdn": "+79005550000"}))).await.expect(201);
    assert_eq!((&first["number_id"], &first["status"]), (&range[0]["id"], &json!("free")));
    let taken = admin.post("/sims", with(sim(), json!({"msisdn": "+79005550000"}))).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    let clash =
        admin.post("/sims", with(sim(), json!({"iccid": first["iccid"], "imsi": first["imsi"]}))).await;
    assert_eq!(clash.wrong_fields(), pairs(&[("/iccid", "duplicate_value"), ("/imsi", "duplicate_value")]));
    clash.refused(409, "sim_duplicate");
    assert_eq!((app.count("sims").await, app.count("numbers").await), (1, 3));
    let wrong = admin
        .post("/sims", json!({"iccid": "123", "imsi": "x", "puk_code": "1", "msisdn": "12", "kind": "paper"}))
        .await;
    assert_eq!(wrong.wrong_fields().len(), 5, "{}", wrong.text);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_tariff_name_is_taken_whatever_its_case_and_fees_are_not_negative(app: &App) {
    let admin = app.admin().await;
    let made = admin
        .post(
            "/tariffs",
            with(prepaid("300"), json!({"name": "Ёлка", "data_gb_included": "20.5", "sms_included": 0})),
        )
        .await
        .expect(201);
    assert_eq!(
        (&made["monthly_fee"], &made["data_gb_included"], &made["sms_included"]),
        (&json!("300.00"), &json!("20.50"), &json!(0))
    );
    assert_eq!((&made["minutes_included"], &made["contracts_count"]), (&Value::Null, &json!(0)));
    admin
        .post("/tariffs", with(prepaid("1"), json!({"name": "ЁЛКА"})))
        .await
        .refused(409, "tariff_name_taken");
    let wrong = admin
        .post(
            "/tariffs",
            json!({"name": " ", "tariff_type": "free", "monthly_fee": "-1", "extra_options": []}),
        )
        .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.wrong_fields().len(), 4, "{}", wrong.text);
    let exactly = "/tariffs?monthly_fee_min=300&monthly_fee_max=300.00&search=ёлк";
    assert_eq!(admin.get(exactly).await.expect(200)["count"], 1);
    assert_eq!(admin.get("/tariffs?monthly_fee_min=300.01").await.expect(200)["count"], 0);
}

#[scenario]
async fn living_contracts_are_counted_on_their_tariff(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let tariff = format!("/tariffs/{}", admin.contract(contract).await["tariff_id"]);
    assert_eq!(admin.get(&tariff).await.expect(200)["contracts_count"], 0);
    admin.activate(contract).await;
    assert_eq!(admin.get(&tariff).await.expect(200)["contracts_count"], 1);
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "конец"})).await.expect(200);
    assert_eq!(admin.get(&tariff).await.expect(200)["contracts_count"], 0);
}

#[scenario]
async fn a_ticket_is_filed_assigned_and_resolved_and_nothing_else(app: &App) {
    let admin = app.admin().await;
    let operator = app.user("operator").await;
    let (customer, contract) = (admin.customer().await, admin.draft("1.00").await);
    let body = json!({
        "customer_id": customer, "category": "technical", "subject": "Нет сети", "description": "С утра",
        "priority": "high"
    });
    let wrong =
        operator.post("/tickets", with(body.clone(), json!({"contract_id": contract, "subject": " "}))).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let foreign = operator.post("/tickets", with(body.clone(), json!({"contract_id": contract}))).await;
    assert_eq!(foreign.wrong_fields(), pairs(&[("/contract_id", "mismatch")]));
    assert_eq!(app.count("tickets").await, 0);

    let ticket = operator.post("/tickets", body).await.expect(201);
    assert_eq!((&ticket["status"], &ticket["due_at"]), (&json!("new"), &json!("2026-01-31T17:00:00Z")));
    let path = format!("/tickets/{}", ticket["id"]);
    operator
        .post(&format!("{path}/resolve"), json!({"resolution": "само"}))
        .await
        .refused(409, "ticket_wrong_state");
    let me = id(&operator.get("/auth/me").await.expect(200));
    operator.post(&format!("{path}/assign"), json!({"user_id": me})).await.refused(403, "permission_missing");
    let unknown = admin.post(&format!("{path}/assign"), json!({"user_id": 999})).await;
    assert_eq!(unknown.wrong_fields(), pairs(&[("/user_id", "not_found")]));
    let assigned = admin.post(&format!("{path}/assign"), json!({"user_id": me})).await.expect(200);
    assert_eq!((&assigned["status"], &assigned["assigned_to"]), (&json!("in_progress"), &json!(me)));
    app.advance(TimeDelta::hours(9));
    assert_eq!(operator.get(&path).await.expect(200)["is_overdue"], true);
    assert_eq!(operator.get("/tickets?overdue=true").await.expect(200)["count"], 1);
    let resolved =
        operator.post(&format!("{path}/resolve"), json!({"resolution": "Перезагрузка"})).await.expect(200);
    assert_eq!((&resolved["status"], &resolved["is_overdue"]), (&json!("resolved"), &json!(false)));
    operator
        .post(&format!("{path}/resolve"), json!({"resolution": "ещё"}))
        .await
        .refused(409, "ticket_wrong_state");
    admin.post(&format!("{path}/assign"), json!({"user_id": me})).await.refused(409, "ticket_wrong_state");
    assert_eq!(app.count("ticket_journal").await, 3);
    assert_eq!(operator.get("/tickets?search=НЕТ%20СЕТИ&assigned_to=999").await.expect(200)["count"], 0);
    assert_eq!(operator.get("/tickets?search=%D0%BD%D0%B5%D1%82").await.expect(200)["count"], 1);
}

/// What breaks the data, what repairs it, and the violation that verify reports.
const BREACHES: [(&str, &str, &str); 21] = [
    (
        "UPDATE contracts SET balance = balance + 1 WHERE id = 1",
        "UPDATE contracts SET balance = balance - 1 WHERE id = 1",
        "balance",
    ),
    (
        "UPDATE contracts SET total_charged = 0 WHERE id = 1",
        "UPDATE contracts SET total_charged = 60000 WHERE id = 1",
        "balance",
    ),
    (
        "UPDATE contracts SET status = 'suspended' WHERE id = 1",
        "UPDATE contracts SET status = 'active' WHERE id = 1",
        "without a hold",
    ),
    (
        "UPDATE contracts SET status = 'active' WHERE id = 2",
        "UPDATE contracts SET status = 'suspended' WHERE id = 2",
        "without a hold",
    ),
    (
        "UPDATE sims SET status = 'free' WHERE contract_id = 1",
        "UPDATE sims SET status = 'active' WHERE contract_id = 1",
        "SIM",
    ),
    (
        "UPDATE numbers SET status = 'available' WHERE id = 1",
        "UPDATE numbers SET status = 'assigned' WHERE id = 1",
        "number",
    ),
    (
        "UPDATE numbers SET contract_id = NULL WHERE id = 1",
        "UPDATE numbers SET contract_id = 1 WHERE id = 1",
        "number of its own",
    ),
    (
        "UPDATE sims SET block_reason = 'x' WHERE id = 1",
        "UPDATE sims SET block_reason = NULL WHERE id = 1",
        "blocked without a reason",
    ),
    (
        "UPDATE sims SET status = 'blocked', block_reason = 'x' WHERE id = 1",
        "UPDATE sims SET status = 'active', block_reason = NULL WHERE id = 1",
        "without one SIM of its own in that state",
    ),
    (
        "UPDATE contract_holds SET reason = 'no_sim' WHERE contract_id = 2",
        "UPDATE contract_holds SET reason = 'debt' WHERE contract_id = 2",
        "one that is not blocked",
    ),
    (
        "UPDATE numbers SET status = 'reserved', contract_id = NULL WHERE id = 1",
        "UPDATE numbers SET status = 'assigned', contract_id = 1 WHERE id = 1",
        "reserved without an end",
    ),
    (
        "UPDATE numbers SET status = 'quarantined', contract_id = NULL WHERE id = 1",
        "UPDATE numbers SET status = 'assigned', contract_id = 1 WHERE id = 1",
        "quarantined without an end",
    ),
    (
        "UPDATE sim_bindings SET unbound_at = bound_at WHERE id = 1",
        "UPDATE sim_bindings SET unbound_at = NULL WHERE id = 1",
        "no open binding",
    ),
    (
        "UPDATE contract_periods SET fee = 1 WHERE contract_id = 1",
        "UPDATE contract_periods SET fee = 60000 WHERE contract_id = 1",
        "charge",
    ),
    (
        "UPDATE contract_periods SET payment_id = NULL WHERE contract_id = 1",
        "UPDATE contract_periods SET payment_id = 2 WHERE contract_id = 1",
        "charge",
    ),
    (
        "UPDATE contracts SET search_text = search_text || 'x' WHERE id = 1",
        "UPDATE contracts SET search_text = RTRIM(search_text, 'x') WHERE id = 1",
        "contract 1 is found by a text",
    ),
    (
        "UPDATE customers SET first_name = 'Павел' WHERE id = 1",
        "UPDATE customers SET first_name = 'Пётр' WHERE id = 1",
        "contract 1 is found by a text",
    ),
    (
        "UPDATE contracts SET sim_id = 1 WHERE id = 3",
        "UPDATE contracts SET sim_id = NULL WHERE id = 3",
        "contract 3 is terminated and still names a SIM",
    ),
    (
        "UPDATE sims SET contract_id = 3 WHERE id = 3",
        "UPDATE sims SET contract_id = NULL WHERE id = 3",
        "contract 3 is terminated or a draft and still has a SIM bound",
    ),
    (
        "UPDATE tariffs SET contracts_count = 7 WHERE id = 1",
        "UPDATE tariffs SET contracts_count = 1 WHERE id = 1",
        "living contracts",
    ),
    (
        "UPDATE audit SET actor = 'nobody' WHERE seq = 2",
        "UPDATE audit SET actor = 'admin' WHERE seq = 2",
        "row 2",
    ),
];

#[scenario]
async fn verify_finds_each_invariant_that_somebody_broke(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "1000.00").await;
    admin.activate(contract).await;
    admin.activate(admin.draft("5.00").await).await;
    let over = admin.draft("0.00").await;
    admin.activate(over).await;
    admin.post(&format!("/contracts/{over}/terminate"), json!({"reason": "переезд"})).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
    for (broken, mended, said) in BREACHES {
        app.execute(broken).await;
        let found = app.violations().await;
        assert!(found.iter().any(|violation| violation.contains(said)), "{broken}: {found:?}");
        app.execute(mended).await;
    }
    let seq_2_was_the_administrators = app.violations().await;
    assert!(seq_2_was_the_administrators.len() <= 1, "{seq_2_was_the_administrators:?}");
}
