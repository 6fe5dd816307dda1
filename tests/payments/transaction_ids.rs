//! Transaction ids: the same one never counts twice, however its ends look.

use serde_json::json;

use crate::harness::{App, scenario};

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
    for (nothing, code) in [
        ("", "invalid_length"),
        (" \u{a0}\u{200b}", "invalid_length"),
        (" terminal:7", "reserved_prefix"),
        ("\u{feff}gateway:sandbox:7", "reserved_prefix"),
    ] {
        let expected = [("/transaction_id".to_owned(), code.to_owned())];
        assert_eq!(take(contract, nothing).await.wrong_fields(), expected, "{nothing:?}");
    }
    assert_eq!(admin.contract(contract).await["balance"], "30.00");
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
