//! Likely duplicates: who is found and why, warnings, and no disclosure by guessing.

use serde_json::{Value, json};

use super::{person_with, registered};
use crate::harness::{App, Client, PASSWORD, id, scenario};

async fn check(client: &Client, body: Value) -> Vec<Value> {
    let answer = client.post("/customers/check-duplicates", body).await.expect(200);
    answer["duplicates"].as_array().unwrap().clone()
}

/// The subscribers that a check finds, with the reasons.
async fn found(client: &Client, body: Value) -> Vec<(i64, Vec<String>)> {
    let reasons = |one: &Value| {
        one["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap().to_owned()).collect()
    };
    check(client, body).await.iter().map(|one| (one["customer_id"].as_i64().unwrap(), reasons(one))).collect()
}

fn because(customer: i64, reasons: &[&str]) -> Vec<(i64, Vec<String>)> {
    vec![(customer, reasons.iter().map(|reason| (*reason).to_owned()).collect())]
}

/// Signs in a user who may read subscribers but not their personal data.
async fn clerk(app: &App) -> Client {
    let admin = app.admin().await;
    admin
        .post(
            "/roles",
            json!({"name": "clerk", "title": "x", "permissions": ["customers:read", "customers:write"]}),
        )
        .await
        .expect(201);
    admin
        .post("/users", json!({"username": "clerk", "full_name": "x", "role": "clerk", "password": PASSWORD}))
        .await
        .expect(201);
    app.sign_in("clerk", PASSWORD).await
}

fn somebody() -> Value {
    json!({
        "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1985-03-02",
        "address": "г. Тверь, ул. Садовая, д. 7, кв. 3", "passport_number": "778899", "inn": "690100112216",
        "phone": "+79031112233", "email": "alena@example.com"
    })
}

/// Registers somebody, and another who is unlike, and returns the id of the first.
async fn somebody_registered(client: &Client) -> i64 {
    let one = registered(client, somebody()).await;
    registered(client, json!({"last_name": "Сидоров", "birth_date": "1985-03-03", "address": "Тверь"})).await;
    one
}

/// The name of somebody, written in another way, with these fields besides.
fn name_and(besides: Value) -> Value {
    let mut body = json!({"last_name": "ЕЛКИНА", "first_name": "алена", "patronymic": "петровна"});
    body.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
    body
}

#[scenario]
async fn each_likeness_is_found_with_its_reason(app: &App) {
    let admin = app.admin().await;
    let one = somebody_registered(&admin).await;
    let birth = "1985-03-02";
    for (body, reasons) in [
        (name_and(json!({"birth_date": birth})), &["same_name_and_birth_date"][..]),
        // first and last name swapped
        (
            json!({
                "last_name": "Алёна", "first_name": "Ёлкина", "patronymic": "Петровна", "birth_date": birth
            }),
            &["same_name_and_birth_date"],
        ),
        // a typing error, and no patronymic
        (
            json!({"last_name": "Елкена", "first_name": "Алена", "birth_date": birth}),
            &["similar_name_and_birth_date"],
        ),
        (name_and(json!({"address": "Тверь, Садовая улица, 7-3"})), &["similar_name_and_address"]),
        (
            json!({"last_name": "Елкна", "first_name": "Алена", "address": "Тверь, Садовая, 7, кв. 3"}),
            &["similar_name_and_address"],
        ),
        (name_and(json!({"address": "Тверь, Садовая, 7, кв. 4"})), &["same_name"]),
        (name_and(json!({})), &["same_name"]),
        (json!({"phone": "+79031112233"}), &["same_phone"]),
        (json!({"email": "ALENA@example.com"}), &["same_email"]),
        (json!({"inn": "690100112216"}), &["same_inn"]),
        (
            json!({"document_type": "passport", "passport_series": "4510", "passport_number": "778899"}),
            &["same_document"],
        ),
    ] {
        assert_eq!(found(&admin, body.clone()).await, because(one, reasons), "{body}");
    }
    for nobody in [
        json!({}),
        json!({"birth_date": birth}),
        json!({"address": "Тверь, Садовая, 7, кв. 3"}),
        json!({
            "last_name": "Ёлкина", "first_name": "Анна", "patronymic": "Петровна", "birth_date": "1990-01-01"
        }),
        json!({"document_type": "id_card", "passport_series": "4510", "passport_number": "778899"}),
        json!({"passport_number": "778899"}),
        name_and(json!({"customer_id": one, "birth_date": birth})),
    ] {
        assert_eq!(found(&admin, nobody.clone()).await, Vec::new(), "{nobody}");
    }
}

#[scenario]
async fn several_reasons_weigh_more_and_the_likeliest_comes_first(app: &App) {
    let admin = app.admin().await;
    let one = somebody_registered(&admin).await;
    let twin = registered(
        &admin,
        json!({
            "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1970-01-01"
        }),
    )
    .await;
    let both = check(&admin, name_and(json!({"birth_date": "1985-03-02", "phone": "+79031112233"}))).await;
    assert_eq!(
        (&both[0]["customer_id"], &both[1]["customer_id"], &both[1]["score"]),
        (&json!(one), &json!(twin), &json!(40))
    );
    assert!(both[0]["score"].as_i64().unwrap() > 90, "{both:?}");
    assert_eq!(
        (&both[0]["full_name"], &both[0]["status"]),
        (&json!("Ёлкина Алёна Петровна"), &json!("active"))
    );
    assert!(!json!(both).to_string().contains("1985"), "{both:?}");
    // the audit trail has who searched and which subscribers were found
    let trail = admin.get("/audit?action=customer.duplicates_checked").await.expect(200);
    assert_eq!(trail["results"][0]["after"], json!({"ids": [one, twin]}));
}

#[scenario]
async fn organizations_are_found_by_name_whatever_its_form_and_by_code(app: &App) {
    let admin = app.admin().await;
    let company = json!({
        "customer_type": "organization", "organization_name": "ООО «Ромашка Плюс»",
        "organization_code": "1027700132195", "phone": "+74951234567", "address": "Москва, Тверская, 1"
    });
    let one = id(&admin.post("/customers", company).await.expect(201));
    for (body, reasons) in [
        (json!({"organization_name": "Ромашка-плюс, ООО"}), &["same_name"][..]),
        (
            json!({"organization_name": "Ромшака Плюс", "address": "г. Москва, ул. Тверская, д. 1"}),
            &["similar_name_and_address"],
        ),
        (json!({"organization_code": "1027700132195"}), &["same_organization_code"]),
    ] {
        assert_eq!(found(&admin, body.clone()).await, because(one, reasons), "{body}");
    }
}

#[scenario]
async fn those_who_left_are_found_too_but_not_those_merged_into_another(app: &App) {
    let admin = app.admin().await;
    let one = registered(&admin, somebody()).await;
    admin.bring(one, "archived").await;
    for body in [
        json!({"phone": "+79031112233"}),
        json!({"email": "alena@example.com"}),
        json!({"inn": "690100112216"}),
    ] {
        let duplicates = check(&admin, body).await;
        assert_eq!(
            (duplicates.len(), &duplicates[0]["customer_id"], &duplicates[0]["status"]),
            (1, &json!(one), &json!("archived"))
        );
    }
    // registering one person again succeeds, with a warning
    let again = admin.post("/customers", person_with(somebody())).await.expect(201);
    let warned: Vec<&Value> =
        again["warnings"].as_array().unwrap().iter().map(|warning| &warning["customer_id"]).collect();
    assert_eq!(warned, [&json!(one)]);
    let third = registered(
        &admin,
        json!({
            "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1985-03-02"
        }),
    )
    .await;
    admin
        .post(&format!("/customers/{}/merge", again["id"]), json!({"duplicate_id": third}))
        .await
        .expect(200);
    let found = found(
        &admin,
        json!({
            "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1985-03-02"
        }),
    )
    .await;
    assert_eq!(found.iter().map(|(customer, _)| *customer).collect::<Vec<_>>(), [one, id(&again)]);
}

#[scenario]
async fn who_registers_is_warned_of_the_likely_and_not_of_every_namesake(app: &App) {
    let admin = app.admin().await;
    let body = json!({
        "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1985-03-02"
    });
    let first = admin.post("/customers", person_with(body.clone())).await.expect(201);
    assert_eq!(first["warnings"], json!([]));
    let second = admin.post("/customers", person_with(body)).await.expect(201);
    assert_eq!(
        (&second["warnings"][0]["customer_id"], &second["warnings"][0]["reasons"]),
        (&first["id"], &json!(["same_name_and_birth_date", "similar_name_and_address"]))
    );
    let namesake = json!({
        "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1999-09-09",
        "address": "Омск, Мира, 1"
    });
    assert_eq!(admin.post("/customers", person_with(namesake)).await.expect(201)["warnings"], json!([]));
    assert_eq!(app.count("customers").await, 3);
    // warnings are not a field of the subscriber
    assert_eq!(admin.customer_at(id(&second)).await.get("warnings"), None);
}

#[scenario]
async fn without_the_permission_nobody_learns_by_guessing_what_is_masked(app: &App) {
    let admin = app.admin().await;
    let one = registered(&admin, somebody()).await;
    let clerk = clerk(app).await;
    let name = json!({"last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна"});
    let plain = check(&clerk, name.clone()).await;
    assert_eq!(plain[0]["reasons"], json!(["same_name"]));
    for (field, right) in somebody().as_object().unwrap() {
        if !["birth_date", "address", "passport_number", "inn"].contains(&field.as_str()) {
            continue;
        }
        for guess in
            [right.clone(), if field == "birth_date" { json!("1985-03-03") } else { json!("690100112234") }]
        {
            let mut body = name.clone();
            body[field] = guess.clone();
            (body["document_type"], body["passport_series"]) = (json!("passport"), json!("4510"));
            // a right and a wrong guess get equal responses
            assert_eq!(check(&clerk, body).await, plain, "{field} {guess}");
            let mut alone = json!({"document_type": "passport", "passport_series": "4510"});
            alone[field] = guess;
            assert_eq!(check(&clerk, alone).await, Vec::<Value>::new(), "{field}");
        }
    }
    assert_eq!(found(&clerk, json!({"phone": "+79031112233"})).await, because(one, &["same_phone"]));
    let made = person_with(json!({
        "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1985-03-02"
    }));
    assert_eq!(clerk.post("/customers", made).await.expect(201)["warnings"], json!([]));
    // a user who may write but not read gets no warnings
    admin
        .post(
            "/roles",
            json!({"name": "blind", "title": "x", "permissions": ["customers:write", "customers:pii"]}),
        )
        .await
        .expect(201);
    admin
        .post("/users", json!({"username": "blind", "full_name": "x", "role": "blind", "password": PASSWORD}))
        .await
        .expect(201);
    let blind = app.sign_in("blind", PASSWORD).await;
    let made = person_with(json!({
        "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1985-03-02"
    }));
    assert_eq!(blind.post("/customers", made).await.expect(201)["warnings"], json!([]));
    blind.post("/customers/check-duplicates", name).await.refused(403, "permission_missing");
}

#[scenario]
async fn a_check_costs_the_same_among_many_namesakes_and_tells_of_twenty_at_most(app: &App) {
    let admin = app.admin().await;
    let body = json!({
        "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна", "birth_date": "1985-03-02",
        "phone": "+79990000000", "address": "Тверь, Мира, 1"
    });
    let mut costs = Vec::new();
    for many in [1, 24] {
        for _ in 0..many {
            registered(
                &admin,
                json!({
                    "last_name": "Ёлкина", "first_name": "Алёна", "patronymic": "Петровна",
                    "birth_date": "1985-03-02"
                }),
            )
            .await;
        }
        let before = app.state.db.statements();
        let duplicates = check(&admin, body.clone()).await;
        costs.push(app.state.db.statements() - before);
        assert_eq!(duplicates.len(), many.min(20));
    }
    assert_eq!(costs[0], costs[1]);
    let long = admin
        .post(
            "/customers/check-duplicates",
            json!({"last_name": "я".repeat(101), "colour": "red", "birth_date": "вчера"}),
        )
        .await;
    let fields: Vec<String> = long.wrong_fields().into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(fields, ["/birth_date", "/colour", "/last_name"]);
}
