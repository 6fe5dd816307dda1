//! PUT and PATCH of a subscriber: versions, read-only fields, masks, unique values,
//! and a new name.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{person_with, standing};
use crate::harness::{App, PASSWORD, id, person, scenario};

#[scenario]
async fn what_was_read_can_be_sent_back_and_changes_nothing(app: &App) {
    let admin = app.admin().await;
    let (customer, other) = (admin.customer().await, admin.customer().await);
    admin.bring(other, "blocked").await;
    let operator = app.user("operator").await;
    for path in [format!("/customers/{customer}"), format!("/customers/{other}")] {
        let (read, before) = (operator.get(&path).await.expect(200), standing(app).await);
        for method in [Method::PUT, Method::PATCH] {
            assert_eq!(operator.send(method, &path, Some(read.clone())).await.expect(200), read);
        }
        assert_eq!(operator.patch(&path, json!({})).await.expect(200), read);
        assert_eq!(standing(app).await, before, "{path}");
    }
}

#[scenario]
async fn the_second_of_two_editors_is_told_and_patches_of_different_fields_both_survive(app: &App) {
    let admin = app.admin().await;
    let path = format!("/customers/{}", admin.customer().await);
    let tag = admin.get(&path).await.header("etag").to_owned();
    let editor = admin.with("if-match", &tag);
    editor.patch(&path, json!({"notes": "первый"})).await.expect(200);
    for (method, body) in [(Method::PATCH, json!({"notes": "второй"})), (Method::PUT, person())] {
        editor.send(method, &path, Some(body)).await.refused(412, "stale_version");
    }
    assert_eq!(admin.get(&path).await.expect(200)["notes"], "первый");
    for round in 0..10 {
        let changes = [
            json!({"notes": format!("n{round}")}),
            json!({"address": format!("Тверь, {round}")}),
            json!({"patronymic": format!("П{round}")}),
        ];
        let replies = join_all(changes.iter().map(|change| admin.patch(&path, change.clone()))).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
        let after = admin.get(&path).await.expect(200);
        assert_eq!(
            (&after["notes"], &after["address"], &after["patronymic"]),
            (&changes[0]["notes"], &changes[1]["address"], &changes[2]["patronymic"])
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_patch_clears_what_is_null_a_put_what_is_absent_and_every_wrong_field_is_named(app: &App) {
    let admin = app.admin().await;
    let path = format!("/customers/{}", id(&admin.post("/customers", person()).await.expect(201)));
    let after = admin.patch(&path, json!({"email": null, "inn": null})).await.expect(200);
    assert_eq!((&after["email"], &after["inn"], &after["version"]), (&Value::Null, &Value::Null, &json!(2)));
    let bare = json!({
        "customer_type": "individual", "last_name": "Сидоров", "first_name": "Пётр",
        "document_type": "id_card", "passport_number": "AB1234", "phone": after["phone"]
    });
    let put = admin.put(&path, bare.clone()).await.expect(200);
    assert_eq!(
        (&put["address"], &put["birth_date"], &put["full_name"]),
        (&Value::Null, &Value::Null, &json!("Сидоров Пётр"))
    );
    let before = standing(app).await;
    let wrong = admin.patch(&path, json!({
        "last_name": null, "birth_date": "2020-01-01", "status": "blocked", "id": 77, "merged_into": 1,
        "colour": "red", "phone": "1", "address": "Тв** ул** 5"
    })).await;
    let named: Vec<(String, String)> = [
        ("/address", "invalid_format"),
        ("/birth_date", "invalid_age"),
        ("/colour", "unknown_field"),
        ("/id", "read_only"),
        ("/last_name", "required"),
        ("/merged_into", "read_only"),
        ("/phone", "invalid_phone"),
        ("/status", "read_only"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    .into();
    assert_eq!(wrong.wrong_fields(), named, "{}", wrong.text);
    admin.put("/customers/999999", bare).await.refused(404, "customer_not_found");
    assert_eq!(standing(app).await, before);
}

#[scenario]
async fn what_is_shown_masked_stays_as_it_is_when_it_comes_back_masked(app: &App) {
    let admin = app.admin().await;
    let papers = json!({"passport_number": "987654", "inn": "770123456703"});
    let customer = id(&admin.post("/customers", person_with(papers)).await.expect(201));
    let path = format!("/customers/{customer}");
    let whole = admin.get(&path).await.expect(200);
    // a user who may write but not read
    admin
        .post(
            "/roles",
            json!({"name": "typist", "title": "x", "permissions": ["customers:read", "customers:write"]}),
        )
        .await
        .expect(201);
    admin
        .post(
            "/users",
            json!({"username": "typist", "full_name": "x", "role": "typist", "password": PASSWORD}),
        )
        .await
        .expect(201);
    let typist = app.sign_in("typist", PASSWORD).await;
    let mut masked = typist.get(&path).await.expect(200);
    assert_eq!(masked["birth_date"], "****-**-**");
    masked["notes"] = json!("позвонить");
    for method in [Method::PUT, Method::PATCH] {
        let after = typist.send(method, &path, Some(masked.clone())).await.expect(200);
        assert_eq!(
            (&after["notes"], &after["passport_number"], &after["address"]),
            (&json!("позвонить"), &masked["passport_number"], &masked["address"])
        );
        masked["version"] = after["version"].clone();
        masked["updated_at"] = after["updated_at"].clone();
    }
    let after = admin.get(&path).await.expect(200);
    for field in ["passport_series", "passport_number", "inn", "birth_date", "address"] {
        assert_eq!(after[field], whole[field], "{field}");
    }
    // an edited mask is not a valid value
    let wrong = typist
        .patch(
            &path,
            json!({
                "passport_number": "***456", "birth_date": "****-01-**", "inn": "50**", "address": "Мо**, 7"
            }),
        )
        .await;
    assert_eq!(wrong.wrong_fields().len(), 4, "{}", wrong.text);
    // a new value is stored, although the response masks it
    let changed = typist.patch(&path, json!({"inn": "500100732259"})).await.expect(200);
    assert_eq!(changed["inn"], "50********59");
    assert_eq!(admin.get(&path).await.expect(200)["inn"], "500100732259");
    // the audit trail has the fact of the change, not the value
    let trail = app
        .texts(&format!(
            "SELECT COALESCE(before, '') || COALESCE(after, '') FROM audit WHERE entity = 'customer' \
             AND entity_id = '{customer}'"
        ))
        .await
        .concat();
    assert!(trail.contains("\"changed\":[\"inn\"]"), "{trail}");
    for secret in ["passport_number", "inn", "birth_date", "address"] {
        assert!(
            !trail.contains(whole[secret].as_str().unwrap()) && !trail.contains("500100732259"),
            "{secret}: {trail}"
        );
    }
}

#[scenario]
async fn an_edit_that_takes_what_another_has_names_each_field_and_who_it_is_for_those_who_may_see(app: &App) {
    let admin = app.admin().await;
    let (first, second) = (
        admin.post("/customers", person()).await.expect(201),
        admin.post("/customers", person()).await.expect(201),
    );
    let path = format!("/customers/{}", second["id"]);
    let take = json!({
        "phone": first["phone"], "email": first["email"].as_str().unwrap().to_uppercase(),
        "inn": first["inn"], "passport_number": first["passport_number"]
    });
    let mut whole = person();
    for (name, value) in take.as_object().unwrap() {
        whole[name] = value.clone();
    }
    let before = standing(app).await;
    let fields = ["/email", "/inn", "/passport_number", "/phone"]
        .map(|pointer| (pointer.to_owned(), "duplicate_value".to_owned()));
    for (method, body) in [(Method::PATCH, take.clone()), (Method::PUT, whole)] {
        let reply = admin.send(method, &path, Some(body)).await;
        assert_eq!(reply.wrong_fields(), fields, "{}", reply.text);
        let problem = reply.refused(409, "customer_duplicate");
        assert!(
            problem["errors"].as_array().unwrap().iter().all(|error| error["existing_id"] == first["id"]),
            "{problem}"
        );
    }
    assert_eq!(standing(app).await, before);
    admin
        .post(
            "/roles",
            json!({"name": "typist", "title": "x", "permissions": ["customers:read", "customers:write"]}),
        )
        .await
        .expect(201);
    admin
        .post(
            "/users",
            json!({"username": "typist", "full_name": "x", "role": "typist", "password": PASSWORD}),
        )
        .await
        .expect(201);
    let typist = app.sign_in("typist", PASSWORD).await;
    for reply in [typist.patch(&path, take.clone()).await, typist.post("/customers", person_with(take)).await]
    {
        assert_eq!(reply.wrong_fields(), fields);
        let problem = reply.refused(409, "customer_duplicate");
        assert!(
            problem["errors"].as_array().unwrap().iter().all(|error| error["existing_id"].is_null()),
            "{problem}"
        );
    }
    // the subscriber's present values do not conflict with themselves
    admin.patch(&path, json!({"phone": second["phone"], "notes": "x"})).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_many_who_take_one_phone_at_once_one_gets_it_and_the_others_are_told_by_whom(app: &App) {
    let admin = app.admin().await;
    let mut customers = Vec::new();
    for _ in 0..8 {
        customers.push(admin.customer().await);
    }
    let replies = join_all(customers.iter().map(|customer| {
        let (admin, path) = (admin.clone(), format!("/customers/{customer}"));
        async move { admin.patch(&path, json!({"phone": "+79990001122"})).await }
    }))
    .await;
    let winner = admin.get("/customers?search=%2B79990001122").await.expect(200)["results"][0]["id"].clone();
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        let problem = reply.refused(409, "customer_duplicate");
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["existing_id"]),
            (&json!("/phone"), &winner),
            "{problem}"
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn under_a_new_name_the_contracts_are_found_by_it_and_no_longer_by_the_old_one(app: &App) {
    let admin = app.admin().await;
    let customer = id(&admin
        .post("/customers", person_with(json!({"last_name": "Ёлкина", "first_name": "Анна"})))
        .await
        .expect(201));
    let (running, draft) = (admin.running_of(customer, "0.00").await, admin.draft_of(customer, "0.00").await);
    let namesake = admin
        .running_of(
            id(&admin
                .post("/customers", person_with(json!({"last_name": "Ёлкина", "first_name": "Анна"})))
                .await
                .expect(201)),
            "0.00",
        )
        .await;
    let found = async |search: &str| {
        let page = admin.get(&format!("/contracts?ordering=created_at&search={search}")).await.expect(200);
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|contract| contract["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("елкина").await.len(), 3);
    admin
        .patch(&format!("/customers/{customer}"), json!({"last_name": "Кузнецова-Ёлк", "patronymic": null}))
        .await
        .expect(200);
    let mut both = found("кузнецова").await;
    both.sort_unstable();
    assert_eq!(both, [running, draft]);
    assert_eq!((found("елкина").await, found("Сергеевич").await), (vec![namesake], vec![namesake]));
    // number, phone and card still find them
    let contract = admin.contract(running).await;
    assert_eq!(found(contract["number"].as_str().unwrap()).await, [running]);
    let sim = admin.get(&format!("/sims/{}", contract["sim_id"])).await.expect(200);
    for search in [sim["iccid"].as_str().unwrap(), sim["msisdn"].as_str().unwrap().trim_start_matches('+')] {
        assert_eq!(found(search).await, [running], "{search}");
    }
    // the versions of the contracts are unchanged, because no visible field changed
    assert_eq!(admin.contract(draft).await["version"], 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
