//! Search finds any part of any documented field, ignores case, and has no special characters.

use serde_json::json;

use super::{office, raw::encoded};
use crate::harness::{App, Client, PASSWORD, id, person, prepaid, scenario};

/// This field of the rows found, in the order of the list.
async fn found(client: &Client, list: &str, field: &str, search: &str) -> Vec<String> {
    let mark = if list.contains('?') { '&' } else { '?' };
    let page = client.get(&format!("{list}{mark}page_size=500&search={}", encoded(search))).await.expect(200);
    let mut found: Vec<String> = page["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[field].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(page["count"], found.len(), "{list} {search:?}");
    found
}

const NAMES: [&str; 12] = [
    "100% выгода",
    "100 выгода",
    "a_b",
    "acb",
    r"back\slash",
    "back/slash",
    "\"Ёлки\" палки",
    "O'Brien & Co",
    "звезда*",
    "AND OR NOT",
    "a-b (c) {d} [e] ^f$ .*",
    "-- ; DROP TABLE",
];

/// Each name is found by itself and by each of its words, and every result contains the words.
async fn no_character_is_special(client: &Client, list: &str, field: &str) {
    for name in NAMES {
        let fold = |text: &str| text.to_lowercase().replace('ё', "е");
        for search in
            [name.to_owned(), name.to_uppercase()].into_iter().chain(name.split(' ').map(str::to_owned))
        {
            let fits =
                |other: &&&str| search.split_whitespace().all(|word| fold(other).contains(&fold(word)));
            let mut expected: Vec<String> =
                NAMES.iter().filter(fits).map(|name| (*name).to_owned()).collect();
            expected.sort();
            let found: Vec<String> = found(client, list, field, &search)
                .await
                .into_iter()
                .filter(|name| NAMES.contains(&name.as_str()))
                .collect();
            assert_eq!(found, expected, "{list} {search:?}");
        }
    }
    for search in [
        "%",
        "_",
        "\\",
        "\"",
        "'",
        "*",
        "%%",
        "\\\\",
        "\"\"\"",
        "''",
        "***",
        "_%_",
        "NEAR(a b)",
        "a AND b",
        "search_text:a",
        "a*",
        "^a",
        "*:*",
        "\u{1F600}",
        "(",
        "ab\"",
        "\\%",
    ] {
        let words: Vec<&str> = search.split(' ').collect();
        let expected = NAMES
            .iter()
            .filter(|name| words.iter().all(|word| name.to_lowercase().contains(&word.to_lowercase())))
            .count();
        let found = found(client, list, field, search).await;
        assert_eq!(
            found.iter().filter(|name| NAMES.contains(&name.as_str())).count(),
            expected,
            "{list} {search:?}: {found:?}"
        );
    }
}

#[scenario]
async fn any_part_of_a_name_is_found_whatever_its_case_and_with_or_without_yo(app: &App) {
    let admin = office::furnish(app).await;
    for (search, last_names) in [
        ("ёлкин", vec!["Ёлкин"]),
        ("ЕЛКИН", vec!["Ёлкин"]),
        ("елки", vec!["Ёлкин"]),
        ("ЁЛК", vec!["Ёлкин"]),
        ("лкин", vec!["Ёлкин"]),
        ("ПЁТР", vec!["Ёлкин"]),
        ("петр", vec!["Ёлкин"]),
        ("иВаНоВ", vec!["Иванов", "Иванов", "иванов"]),
        ("ВАН", vec!["Иванов", "Иванов", "иванов"]),
        ("smi", vec!["Smith"]),
        ("MITH", vec!["Smith"]),
        // one and two letters
        ("ё", vec!["Smith", "Ёлкин", "Иванов", "Иванов", "Яковлева", "иванов"]),
        ("sm", vec!["Smith"]),
        ("ЯК", vec!["Яковлева"]),
        ("h", vec!["Smith"]),
        ("ЁЛ", vec!["Ёлкин"]),
        // several words, in any order and in any fields
        ("иванов анна", vec!["Иванов"]),
        ("АННА   иванов", vec!["Иванов"]),
        ("  ольга \u{a0} яковлева ", vec!["Яковлева"]),
        ("иванов ольга", vec![]),
        ("ив ан сер", vec!["Иванов", "Иванов", "иванов"]),
        ("ivanov", vec!["Smith", "Ёлкин", "Иванов", "Иванов", "Яковлева", "иванов"]),
        ("нетакого", vec![]),
        ("ивановв", vec![]),
    ] {
        let mut found = found(&admin, "/customers?customer_type=individual", "last_name", search).await;
        found.retain(|name| !name.is_empty());
        assert_eq!(found, last_names, "{search:?}");
    }
    assert_eq!(found(&admin, "/customers", "organization_name", "ромашка").await, ["ООО «Ромашка»"]);
    // no match spans two fields
    assert_eq!(found(&admin, "/customers", "last_name", "иванован").await, Vec::<String>::new());
}

#[scenario]
async fn a_search_for_nothing_finds_everything(app: &App) {
    let admin = office::furnish(app).await;
    for (list, names) in office::lists(app).await {
        if names.contains(&"search".to_owned()) {
            let all = admin.get(&list).await.expect(200);
            for nothing in ["", "%20", "%C2%A0%20"] {
                assert_eq!(
                    admin.get(&format!("{list}?search={nothing}")).await.expect(200)["results"],
                    all["results"],
                    "{list} {nothing}"
                );
            }
            assert_eq!(
                admin.get(&format!("{list}?search=nothing-like-this")).await.expect(200)["count"],
                0,
                "{list}"
            );
        }
    }
}

#[scenario]
async fn no_character_is_special_in_the_search_of_subscribers(app: &App) {
    let admin = app.admin().await;
    for (n, name) in NAMES.iter().enumerate() {
        let mut one = person();
        (one["last_name"], one["first_name"], one["patronymic"], one["email"]) =
            (json!(name), json!("Ъ"), json!(null), json!(null));
        one["phone"] = json!(format!("+799999999{n:02}"));
        admin.post("/customers", one).await.expect(201);
    }
    no_character_is_special(&admin, "/customers", "last_name").await;
}

#[scenario]
async fn no_character_is_special_in_the_search_of_tariffs_users_and_roles(app: &App) {
    let admin = app.admin().await;
    for (n, name) in NAMES.iter().enumerate() {
        let mut tariff = prepaid("1.00");
        tariff["name"] = json!(name);
        admin.post("/tariffs", tariff).await.expect(201);
        admin.post("/users", json!({
            "username": format!("user{n}"), "full_name": name, "role": "employee", "password": PASSWORD
        })).await.expect(201);
        admin
            .post("/roles", json!({"name": format!("role{n}"), "title": name, "permissions": []}))
            .await
            .expect(201);
    }
    no_character_is_special(&admin, "/tariffs", "name").await;
    no_character_is_special(&admin, "/users", "full_name").await;
    no_character_is_special(&admin, "/roles", "title").await;
}

#[scenario]
async fn contracts_sims_numbers_and_tickets_are_found_by_what_the_document_promises(app: &App) {
    let admin = app.admin().await;
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("0.00").await);
    let sim = admin.post("/sims", crate::harness::sim()).await.expect(201);
    let contract = admin
        .post("/contracts", json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim["id"]}))
        .await
        .expect(201);
    admin.draft("0.00").await;
    let ticket = json!({
        "customer_id": customer, "category": "sim", "subject": "Ёмкость памяти",
        "description": "Телефон не видит карту"
    });
    let ticket = admin.post("/tickets", ticket).await.expect(201);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (number, iccid, imsi, msisdn) =
        (text(&contract["number"]), text(&sim["iccid"]), text(&sim["imsi"]), text(&sim["msisdn"]));
    for search in [number.as_str(), iccid.as_str(), &iccid[3..], msisdn.as_str(), &msisdn[2..], "пётр иванов"]
    {
        assert!(found(&admin, "/contracts", "number", search).await.contains(&number), "{search}");
    }
    for search in [iccid.as_str(), &iccid[5..], imsi.as_str(), msisdn.as_str(), &msisdn[msisdn.len() - 7..]] {
        assert_eq!(found(&admin, "/sims", "iccid", search).await, std::slice::from_ref(&iccid), "{search}");
    }
    assert_eq!(found(&admin, "/numbers", "msisdn", &msisdn[3..]).await, [msisdn]);
    for search in [ticket["number"].as_str().unwrap(), "емкость", "КАРТУ", "видит ёмкость"]
    {
        assert_eq!(found(&admin, "/tickets", "number", search).await, [text(&ticket["number"])], "{search}");
    }
    assert!(id(&ticket) > 0);
}

#[scenario]
async fn a_search_of_as_many_words_as_fit_is_answered(app: &App) {
    let admin = office::furnish(app).await;
    for (list, names) in office::lists(app).await {
        if names.contains(&"search".to_owned()) {
            for words in ["abc ".repeat(50), "ы ".repeat(100), "ё".repeat(200), "абвгд ".repeat(33)] {
                assert_eq!(
                    admin.get(&format!("{list}?search={}", encoded(words.trim()))).await.expect(200)["count"],
                    0,
                    "{list} {words}"
                );
            }
        }
    }
}
