//! What people type: cleaned texts, phones in any notation, documents, tax numbers, addresses.

use serde_json::{Value, json};

use super::{person_with, standing};
use crate::harness::{App, PASSWORD, id, person, prepaid, scenario, unique};

/// The fields of an organization with unique values.
fn organization() -> Value {
    let n = unique();
    json!({
        "customer_type": "organization", "organization_name": format!("ООО «Вектор {n}»"),
        "organization_code": format!("10277{n:08}"), "phone": format!("+7495{n:07}")
    })
}

#[scenario]
async fn texts_are_cleaned_as_they_come_in(app: &App) {
    let admin = app.admin().await;
    let typed = json!({
        "last_name": "  Пробелов\u{a0}", "first_name": "\u{feff}Ива\u{200b}н\t", "patronymic": "   ",
        "address": " Москва,  ул. Леснои\u{306}  ", "notes": " первая  строка \r\n  вторая\n\n"
    });
    let made = admin.post("/customers", person_with(typed)).await.expect(201);
    for (field, expected) in [
        ("last_name", json!("Пробелов")),
        ("first_name", json!("Иван")),
        ("patronymic", Value::Null),
        ("full_name", json!("Пробелов Иван")),
        ("short_name", json!("Пробелов И.")),
        ("address", json!("Москва, ул. Лесной")),
        ("notes", json!("первая  строка\n  вторая")),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    let path = format!("/customers/{}", made["id"]);
    let edited = admin.patch(&path, json!({"first_name": " Пётр \u{200d}", "patronymic": "\u{3000}"})).await;
    let edited = edited.expect(200);
    assert_eq!((&edited["first_name"], &edited["patronymic"]), (&json!("Пётр"), &Value::Null));
    // what differs only in what was cleaned changes nothing
    let version = edited["version"].clone();
    assert_eq!(admin.patch(&path, json!({"first_name": "Пётр  "})).await.expect(200)["version"], version);
    // a name that is empty then is missing
    let nameless = admin.post("/customers", person_with(json!({"last_name": " \u{200b}\u{2800}"}))).await;
    assert_eq!(nameless.wrong_fields(), [("/last_name".to_owned(), "required".to_owned())]);
    let mut firm = organization();
    firm["organization_name"] = json!("\u{2060} ");
    let nameless = admin.post("/customers", firm).await;
    assert_eq!(nameless.wrong_fields(), [("/organization_name".to_owned(), "required".to_owned())]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_texts_of_every_resource_are_cleaned_in_the_same_way(app: &App) {
    let admin = app.admin().await;
    let mut firm = organization();
    (firm["organization_name"], firm["organization_code"]) = (json!(" ООО  «Ромашка» "), json!(" 123 "));
    let firm = admin.post("/customers", firm).await.expect(201);
    assert_eq!(
        (&firm["organization_name"], &firm["organization_code"]),
        (&json!("ООО «Ромашка»"), &json!("123"))
    );
    let mut tariff = prepaid("1.00");
    tariff["name"] = json!("\u{feff}Смарт \u{a0} Плюс ");
    let tariff = admin.post("/tariffs", tariff).await.expect(201);
    assert_eq!(tariff["name"], "Смарт Плюс");
    let mut same = prepaid("1.00");
    same["name"] = json!("смарт\u{200b} плюс");
    admin.post("/tariffs", same).await.refused(409, "tariff_name_taken");
    let option = json!({
        "code": " S1 ", "name": "Безлимитныи\u{306}  ночной", "kind": "service", "monthly_fee": "1.00",
        "tariff_ids": [tariff["id"]]
    });
    let option = admin.post("/options", option).await.expect(201);
    assert_eq!((&option["code"], &option["name"]), (&json!("S1"), &json!("Безлимитный ночной")));
    let role = json!({"name": " cashier ", "title": "Кассир\u{200b} ", "permissions": []});
    let role = admin.post("/roles", role).await.expect(201);
    assert_eq!((&role["name"], &role["title"]), (&json!("cashier"), &json!("Кассир")));
    let user = json!({
        "username": " anna ", "full_name": " Анна  Иванова\u{ad}", "role": "cashier", "password": PASSWORD,
        "email": " anna@example.com ", "phone": "8 916 123-45-67"
    });
    let user = admin.post("/users", user).await.expect(201);
    for (field, expected) in [
        ("username", "anna"),
        ("full_name", "Анна Иванова"),
        ("email", "anna@example.com"),
        ("phone", "+79161234567"),
    ] {
        assert_eq!(user[field], expected, "{field}");
    }
    let renamed =
        admin.patch(&format!("/users/{}", user["id"]), json!({"full_name": "\tАнна "})).await.expect(200);
    assert_eq!(renamed["full_name"], "Анна");
    let ticket = json!({
        "customer_id": firm["id"], "category": "sim", "subject": " Нет  сети ", "description": " раз\r\nдва  три \n"
    });
    let ticket = admin.post("/tickets", ticket).await.expect(201);
    assert_eq!((&ticket["subject"], &ticket["description"]), (&json!("Нет сети"), &json!("раз\nдва  три")));
}

#[scenario]
async fn a_line_break_has_no_place_in_a_text_of_one_line(app: &App) {
    let admin = app.admin().await;
    let before = standing(app).await;
    for text in ["Ива\nнов", "Ива\r\nнов", "Ива\rнов", "Ива\u{2028}нов", "Ива\u{7}нов"]
    {
        let reply = admin.post("/customers", person_with(json!({"last_name": text}))).await;
        assert_eq!(
            reply.wrong_fields(),
            [("/last_name".to_owned(), "control_character".to_owned())],
            "{text:?}"
        );
        let user = json!({"username": "petrov", "full_name": text, "role": "employee", "password": PASSWORD});
        let reply = admin.post("/users", user).await;
        assert_eq!(
            reply.wrong_fields(),
            [("/full_name".to_owned(), "control_character".to_owned())],
            "{text:?}"
        );
    }
    assert_eq!(standing(app).await, before);
}

#[scenario]
async fn a_password_is_what_was_typed(app: &App) {
    let admin = app.admin().await;
    let password = "  tram 17  to the lighthouse ";
    let user = json!({"username": "anna", "full_name": "Анна", "role": "employee", "password": password});
    admin.post("/users", user).await.expect(201);
    let trimmed = json!({"username": "anna", "password": password.trim()});
    app.stranger().post("/auth/login", trimmed).await.refused(401, "sign_in_failed");
    app.sign_in("anna", password).await.get("/auth/me").await.expect(200);
}

#[scenario]
async fn a_blank_field_of_a_form_is_an_absent_one_and_a_blank_amount_is_a_mistake(app: &App) {
    let admin = app.admin().await;
    let blank = json!({
        "inn": "", "email": "", "patronymic": " ", "notes": "", "address": "", "birth_date": "", "citizenship": "",
        "issued_on": "", "issued_by": "", "issuer_code": "", "valid_until": "", "kpp": "", "organization_name": "",
        "organization_code": ""
    });
    let made = admin.post("/customers", person_with(blank.clone())).await.expect(201);
    for field in blank.as_object().unwrap().keys() {
        assert_eq!(made[field], Value::Null, "{field}");
    }
    let path = format!("/customers/{}", made["id"]);
    let filled = json!({"email": "x@example.com", "notes": "x"});
    admin.patch(&path, filled).await.expect(200);
    let cleared = admin.patch(&path, json!({"email": "", "notes": " "})).await.expect(200);
    assert_eq!((&cleared["email"], &cleared["notes"]), (&Value::Null, &Value::Null));
    // a required field stays required
    let phoneless = admin.post("/customers", person_with(json!({"phone": ""}))).await;
    assert_eq!(phoneless.wrong_fields(), [("/phone".to_owned(), "invalid_phone".to_owned())]);

    let contract = admin.draft("0.00").await;
    let payment = admin.pay(contract, "100.00").await;
    let refund = json!({"amount": "", "reason": "ошибка"});
    let refused = admin.post(&format!("/payments/{}/refund", payment["id"]), refund).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(admin.contract(contract).await["balance"], "100.00");
}

#[scenario]
async fn a_phone_is_taken_in_any_notation_and_a_contact_phone_from_any_country(app: &App) {
    let admin = app.admin().await;
    for (written, kept) in [
        ("8 916 123-45-67", "+79161234567"),
        ("916 123-45-68", "+79161234568"),
        ("(916) 123-45-69", "+79161234569"),
        ("8(916)1234570", "+79161234570"),
        ("+7 916 123\u{2011}45\u{2013}71", "+79161234571"),
        ("8\u{a0}916\u{a0}123\u{a0}45\u{a0}72", "+79161234572"),
        ("+996 555 12-34-56", "+996555123456"),
        ("8 10 49 30 1234567", "+49301234567"),
    ] {
        let made = admin.post("/customers", person_with(json!({"phone": written}))).await.expect(201);
        assert_eq!(made["phone"], kept, "{written}");
        let again = admin.post("/customers", person_with(json!({"phone": kept}))).await;
        assert_eq!(again.refused(409, "customer_duplicate")["errors"][0]["pointer"], "/phone", "{written}");
        let check = admin.post("/customers/check-duplicates", json!({"phone": written})).await.expect(200);
        assert_eq!(check["duplicates"][0]["reasons"], json!(["same_phone"]), "{written}: {check}");
    }
    let before = standing(app).await;
    for incomplete in ["123-45-67", "+7 916 123-45", "8 916 123-45-67 доб. 5", "телефон"] {
        let reply = admin.post("/customers", person_with(json!({"phone": incomplete}))).await;
        assert_eq!(reply.wrong_fields(), [("/phone".to_owned(), "invalid_phone".to_owned())], "{incomplete}");
    }
    assert_eq!(standing(app).await, before);
}

#[scenario]
async fn a_document_is_the_same_in_any_case_with_blanks_and_in_either_alphabet(app: &App) {
    let admin = app.admin().await;
    let document = |series: Value, number: &str| {
        person_with(json!({
            "document_type": "foreign_passport", "passport_series": series, "passport_number": number
        }))
    };
    let made = admin.post("/customers", document(Value::Null, "ac 1234567")).await.expect(201);
    assert_eq!(made["passport_number"], "AC1234567");
    for (series, number) in [
        (Value::Null, "AC1234567"),
        (Value::Null, "ac1234567"),
        (Value::Null, "АС1234567"),
        (Value::Null, "ас 1234567"),
        (json!("AC"), "1234567"),
        (json!("ас"), "123 4567"),
    ] {
        let again = admin.post("/customers", document(series.clone(), number)).await;
        let problem = again.refused(409, "customer_duplicate");
        assert_eq!(problem["errors"][0]["pointer"], "/passport_number", "{series} {number}: {problem}");
        let check = json!({
            "document_type": "foreign_passport", "passport_series": series, "passport_number": number
        });
        let check = admin.post("/customers/check-duplicates", check).await.expect(200);
        assert_eq!(check["duplicates"][0]["reasons"], json!(["same_document"]), "{series} {number}");
    }
    let other = admin.post("/customers", document(Value::Null, "AC1234568")).await.expect(201);
    let path = format!("/customers/{}", other["id"]);
    admin.patch(&path, json!({"passport_number": "ас1234567"})).await.refused(409, "customer_duplicate");
    assert_eq!(admin.get(&path).await.expect(200), strip(other));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

/// The resource without what only the response to creating it has.
fn strip(mut made: Value) -> Value {
    made.as_object_mut().unwrap().remove("warnings");
    made
}

#[scenario]
async fn an_address_is_one_that_mail_can_be_sent_to(app: &App) {
    let admin = app.admin().await;
    for address in
        ["user@[127.0.0.1]", "ivan@localhost", "a..b@mail.ru", "иван@mail.ru", "a@b@mail.ru", "@mail.ru"]
    {
        let reply = admin.post("/customers", person_with(json!({"email": address}))).await;
        assert_eq!(reply.wrong_fields(), [("/email".to_owned(), "invalid_email".to_owned())], "{address}");
        let user = json!({
            "username": "anna", "full_name": "Анна", "role": "employee", "password": PASSWORD, "email": address
        });
        let reply = admin.post("/users", user).await;
        assert_eq!(reply.wrong_fields(), [("/email".to_owned(), "invalid_email".to_owned())], "{address}");
    }
    let made = admin.post("/customers", person_with(json!({"email": "user@пример.рф"}))).await.expect(201);
    assert_eq!(made["email"], "user@пример.рф");
    // the same host name in ASCII
    let again = person_with(json!({"email": "USER@xn--e1afmkfd.xn--p1ai"}));
    let problem = admin.post("/customers", again).await.refused(409, "customer_duplicate");
    assert_eq!(problem["errors"][0]["pointer"], "/email");
}

#[scenario]
async fn a_refusal_names_whose_the_phone_is_and_what_to_do_to_those_who_may_see_it(app: &App) {
    let admin = app.admin().await;
    let former = person_with(json!({"last_name": "Прежний", "phone": "+79161112233"}));
    let former = id(&admin.post("/customers", former).await.expect(201));
    let anew = person_with(json!({"phone": "8 916 111-22-33"}));
    let problem = admin.post("/customers", anew.clone()).await.refused(409, "customer_duplicate");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("{former} (Прежний П. С.)")) && detail.contains("другой владелец"),
        "{detail}"
    );
    assert_eq!(problem["errors"][0]["existing_id"], former);
    // as it says: the former owner's phone is changed first
    admin.patch(&format!("/customers/{former}"), json!({"phone": "+79161112244"})).await.expect(200);
    admin.post("/customers", anew.clone()).await.expect(201);

    let role =
        json!({"name": "typist", "title": "Typist", "permissions": ["customers:write", "customers:read"]});
    admin.post("/roles", role).await.expect(201);
    let user = json!({"username": "typist", "full_name": "Typist", "role": "typist", "password": PASSWORD});
    admin.post("/users", user).await.expect(201);
    let typist = app.sign_in("typist", PASSWORD).await;
    let again = person_with(json!({"phone": anew["phone"]}));
    let problem = typist.post("/customers", again).await.refused(409, "customer_duplicate");
    assert!(!problem.to_string().contains("П. С."), "{problem}");
    assert_eq!(problem["errors"][0].get("existing_id"), None);
}

#[scenario]
async fn a_document_may_say_who_issued_it_and_until_when_it_is_valid(app: &App) {
    let admin = app.admin().await;
    let details = json!({
        "citizenship": "ru", "issued_on": "2010-06-01", "issued_by": "ОВД «Лесной» г. Москвы",
        "issuer_code": "770001", "valid_until": "2035-05-17"
    });
    let made = admin.post("/customers", person_with(details)).await.expect(201);
    for (field, kept) in [
        ("citizenship", "RU"),
        ("issued_on", "2010-06-01"),
        ("issued_by", "ОВД «Лесной» г. Москвы"),
        ("issuer_code", "770-001"),
        ("valid_until", "2035-05-17"),
    ] {
        assert_eq!(made[field], kept, "{field}");
    }
    let employee = app.user("employee").await;
    let path = format!("/customers/{}", made["id"]);
    let masked = employee.get(&path).await.expect(200);
    assert_eq!(
        (&masked["issued_on"], &masked["issuer_code"], &masked["citizenship"]),
        (&json!("****-**-**"), &json!("77***01"), &json!("RU"))
    );
    assert!(masked["issued_by"].as_str().unwrap().contains("**"), "{masked}");
    for (field, value, code) in [
        ("citizenship", "XX", "invalid_format"),
        ("issuer_code", "77-1", "invalid_format"),
        ("issued_on", "2027-01-01", "out_of_range"),
        ("issued_on", "1980-01-01", "out_of_range"),
        ("valid_until", "2010-05-31", "ends_before_begin"),
        ("kpp", "773601001", "invalid_format"),
    ] {
        let reply = admin.patch(&path, json!({field: value})).await;
        assert_eq!(reply.wrong_fields(), [(format!("/{field}"), code.to_owned())], "{value}: {}", reply.text);
    }
    let unchanged = admin.get(&path).await.expect(200);
    assert_eq!(unchanged["version"], 1);
    // what was read can be sent back
    assert_eq!(admin.put(&path, unchanged.clone()).await.expect(200), unchanged);
}

#[scenario]
async fn russia_has_documents_of_foreigners_and_codes_of_organizations(app: &App) {
    let admin = app.admin().await;
    for kind in ["residence_permit", "temporary_residence", "temporary_id_card"] {
        let document = json!({"document_type": kind, "passport_series": "82", "passport_number": format!("{:07}", unique())});
        assert_eq!(admin.post("/customers", person_with(document)).await.expect(201)["document_type"], kind);
    }
    let mut firm = organization();
    (firm["kpp"], firm["inn"]) = (json!("7736ab001"), json!("7707083893"));
    let firm = admin.post("/customers", firm).await.expect(201);
    assert_eq!((&firm["kpp"], &firm["inn"]), (&json!("7736AB001"), &json!("7707083893")));
    let path = format!("/customers/{}", firm["id"]);
    for wrong in ["77360100", "773601001a", "77360А001"] {
        let reply = admin.patch(&path, json!({"kpp": wrong})).await;
        assert_eq!(reply.wrong_fields(), [("/kpp".to_owned(), "invalid_format".to_owned())], "{wrong}");
    }
    assert_eq!(admin.patch(&path, json!({"kpp": null})).await.expect(200)["kpp"], Value::Null);
}

#[scenario(COUNTRY = "kz")]
async fn other_countries_have_neither(app: &App) {
    let admin = app.admin().await;
    let with = |changes: Value| {
        let mut one = person();
        one["inn"] = Value::Null;
        for (name, value) in changes.as_object().unwrap() {
            one[name] = value.clone();
        }
        one
    };
    let permit =
        json!({"document_type": "residence_permit", "passport_series": null, "passport_number": "123456789"});
    let reply = admin.post("/customers", with(permit)).await;
    assert_eq!(reply.wrong_fields(), [("/document_type".to_owned(), "invalid_choice".to_owned())]);
    assert!(reply.text.contains("passport, id_card, foreign_passport, driver_license"), "{}", reply.text);
    let mut firm = organization();
    firm["kpp"] = json!("773601001");
    let reply = admin.post("/customers", firm).await;
    assert_eq!(reply.wrong_fields(), [("/kpp".to_owned(), "invalid_format".to_owned())]);
    // any code of an office
    let card = json!({
        "document_type": "id_card", "passport_series": null, "passport_number": "041234567", "issuer_code": "МВД РК"
    });
    assert_eq!(admin.post("/customers", with(card)).await.expect(201)["issuer_code"], "МВД РК");
}
