//! Transaction ids: the same one never counts twice, however its ends look.

use serde_json::{Value, json};

use crate::harness::{App, PASSWORD, scenario};

#[scenario]
async fn ids_that_differ_in_blanks_at_their_ends_are_the_same(app: &App) {
    let admin = app.admin().await;
    let (contract, other) = (admin.draft("1.00").await, admin.draft("1.00").await);
    let take = async |contract: i64, transaction_id: &str| {
        let body = json!({
            "contract_id": contract, "amount": "10.00", "payment_method": "bank_transfer",
            "transaction_id": transaction_id
        });
        admin.post("/payments", body).await
    };
    let first = take(contract, "\u{a0} PP-000123 ").await.expect(201);
    assert_eq!(first["transaction_id"], "PP-000123");
    for same in [
        "PP-000123",
        "PP-000123 ",
        " PP-000123",
        "\tPP-000123\r\n",
        "PP-000123\u{a0}",
        "\u{2007}PP-000123\u{3000}",
        "\u{feff}PP-000123\u{200b}",
    ] {
        for contract in [contract, other] {
            let refused = take(contract, same).await;
            assert_eq!(refused.body["errors"][0]["existing_id"], first["id"], "{same:?}: {}", refused.text);
            refused.refused(409, "payment_duplicate");
        }
    }
    // case counts, and so do blanks within
    for another in ["pp-000123", "PP- 000123"] {
        take(contract, another).await.expect(201);
    }
    for reserved in [" terminal:7", "\u{feff}gateway:sandbox:7"] {
        let expected = [("/transaction_id".to_owned(), "reserved_prefix".to_owned())];
        assert_eq!(take(contract, reserved).await.wrong_fields(), expected, "{reserved:?}");
    }
    // a blank one, as a form sends it, is none, so two of them do not clash
    for nothing in ["", " \u{a0}\u{200b}"] {
        let made = take(contract, nothing).await.expect(201);
        assert_eq!(made["transaction_id"], Value::Null, "{nothing:?}");
    }
    assert_eq!(admin.contract(contract).await["balance"], "50.00");
    assert_eq!(admin.contract(other).await["balance"], "0.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn names_of_tariffs_that_differ_in_unseen_characters_are_the_same(app: &App) {
    let admin = app.admin().await;
    let tariff = |name: &str| json!({"name": name, "tariff_type": "prepaid", "monthly_fee": "1.00"});
    let made = admin.post("/tariffs", tariff("\u{200b}Смарт\u{a0}")).await.expect(201);
    assert_eq!(made["name"], "Смарт");
    for same in ["Смарт", " смарт ", "СМАРТ\u{feff}", "\u{2060}Смарт"] {
        admin.post("/tariffs", tariff(same)).await.refused(409, "tariff_name_taken");
    }
    let nameless = admin.post("/tariffs", tariff("\u{200b}")).await;
    assert_eq!(nameless.wrong_fields(), [("/name".to_owned(), "required".to_owned())]);
    assert_eq!(app.count("tariffs").await, 1);
}

#[scenario]
async fn codes_and_names_that_differ_in_unseen_characters_are_taken(app: &App) {
    let admin = app.admin().await;
    let tariff = admin.prepaid_tariff("1.00").await;
    let option = json!({
        "code": "NIGHT1", "name": "Ночь", "kind": "service", "monthly_fee": "1.00", "tariff_ids": [tariff]
    });
    let role = json!({"name": "cashier", "title": "Кассир", "permissions": []});
    let user = json!({"username": "anna.k", "full_name": "Анна", "role": "employee", "password": PASSWORD});
    let answer = json!({"title": "Привет", "text": "Здравствуйте!"});
    for (list, body, field, code) in [
        ("/options", option, "code", "option_code_taken"),
        ("/roles", role, "name", "role_name_taken"),
        ("/users", user, "username", "username_taken"),
        ("/canned-answers", answer, "title", "canned_answer_title_taken"),
    ] {
        admin.post(list, body.clone()).await.expect(201);
        let count = admin.get(list).await.expect(200)["count"].clone();
        let name = body[field].as_str().unwrap();
        for same in [
            format!("{name} "),
            format!(" {name}"),
            format!("\t{name}"),
            format!("\u{a0}{name}\u{a0}"),
            format!("\u{feff}{name}\u{200b}"),
        ] {
            let mut twin = body.clone();
            twin[field] = json!(same);
            admin.post(list, twin).await.refused(409, code);
        }
        assert_eq!(admin.get(list).await.expect(200)["count"], count, "{list}");
    }
}
