//! Finding people: phones in any notation, letters that people swap, initials, documents, the order of names, likely duplicates.

use serde_json::{Value, json};

use super::person_with;
use crate::{
    conventions::raw::encoded,
    harness::{App, Client, PASSWORD, TestDatabase, id, prepaid, run_on, scenario, sim, unique},
};

/// The ids that a list finds, in its order.
async fn found(client: &Client, list: &str, search: &str) -> Vec<i64> {
    let mark = if list.contains('?') { '&' } else { '?' };
    let path = format!("{list}{mark}page_size=500&search={}", encoded(search));
    let page = client.get(&path).await.expect(200);
    let ids: Vec<i64> = page["results"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(page["count"], ids.len(), "{list} {search:?}");
    let cursor = client.get(&format!("{path}&cursor=")).await.expect(200);
    assert_eq!(cursor["results"], page["results"], "{list} {search:?}");
    ids
}

/// Types and ids of what the search box finds, in its order.
async fn boxed(client: &Client, text: &str, limit: usize) -> Vec<(String, i64)> {
    let found = client.get(&format!("/search?limit={limit}&q={}", encoded(text))).await.expect(200);
    let of = |row: &Value| (row["type"].as_str().unwrap().to_owned(), id(row));
    found["results"].as_array().unwrap().iter().map(of).collect()
}

/// Ways to write +79161234567.
const WRITTEN: [&str; 14] = [
    "+79161234567",
    "89161234567",
    "9161234567",
    "8 916 123-45-67",
    "916 123-45-67",
    "(916) 123-45-67",
    "123-45-67",
    "8(916)1234567",
    "+7 (916) 123-45-67",
    "8 916 123\u{2011}45\u{2011}67",
    "916 123\u{2013}45\u{2013}67",
    "8\u{a0}916\u{a0}123\u{a0}45\u{a0}67",
    "7 916 123 45 67",
    "916.123.45.67",
];

#[scenario]
async fn a_phone_is_found_in_every_notation_by_every_list_and_by_the_search_box(app: &App) {
    let admin = app.admin().await;
    let customer =
        id(&admin.post("/customers", person_with(json!({"phone": "+79161234567"}))).await.expect(201));
    let mut card = sim();
    card["msisdn"] = json!("+79161234567");
    let card = id(&admin.post("/sims", card).await.expect(201));
    let tariff = id(&admin.post("/tariffs", prepaid("0.00")).await.expect(201));
    let contract = json!({"customer_id": customer, "tariff_id": tariff, "sim_id": card});
    let contract = id(&admin.post("/contracts", contract).await.expect(201));
    let number = id(&admin.get("/numbers").await.expect(200)["results"][0]);
    let user = json!({
        "username": "anna", "full_name": "Анна", "role": "employee", "password": PASSWORD, "phone": "+79161234567"
    });
    let user = id(&admin.post("/users", user).await.expect(201));
    // others with similar numbers
    for phone in ["+79161234568", "+79167654321", "+79171234566"] {
        let mut other = sim();
        other["msisdn"] = json!(phone);
        let other = id(&admin.post("/sims", other).await.expect(201));
        let customer = id(&admin.post("/customers", person_with(json!({"phone": phone}))).await.expect(201));
        let body = json!({"customer_id": customer, "tariff_id": tariff, "sim_id": other});
        admin.post("/contracts", body).await.expect(201);
    }
    for written in WRITTEN {
        for (list, one) in [
            ("/customers", customer),
            ("/contracts", contract),
            ("/sims", card),
            ("/sims/free", card),
            ("/numbers", number),
            ("/users", user),
        ] {
            assert_eq!(found(&admin, list, written).await, [one], "{list} {written}");
        }
        let mut all = boxed(&admin, written, 50).await;
        all.sort();
        let expected = [("contract", contract), ("customer", customer), ("sim", card)];
        assert_eq!(all, expected.map(|(kind, id)| (kind.to_owned(), id)), "{written}");
    }
    // parts as they are typed, and a name before the phone
    for written in ["8 916 123-45", "+7 916 1234567", "123-456", "иванов 8 916 123-45-67"] {
        assert!(found(&admin, "/customers", written).await.contains(&customer), "{written}");
    }
    assert!(found(&admin, "/customers", "8 916 123-45-60").await.is_empty());
    assert!(found(&admin, "/customers", "петров 8 916 123-45-67").await.is_empty());
}

#[scenario]
async fn names_are_found_by_letters_that_people_swap_and_by_initials(app: &App) {
    let admin = app.admin().await;
    let mut people = Vec::new();
    for (last, first, patronymic) in [
        ("Қасымова", "Әйгерім", "Нұрланқызы"),
        ("Өмүрбеков", "Ілияс", "Таңатович"),
        ("Соколов", "Евгений", "Сергеевич"),
        ("Соколова", "Елена", "Сергеевна"),
        ("О’Брайен", "Йодль", "Ёлкович"),
    ] {
        let name = json!({"last_name": last, "first_name": first, "patronymic": patronymic, "email": null});
        people.push(id(&admin.post("/customers", person_with(name)).await.expect(201)));
    }
    let tariff = admin.prepaid_tariff("0.00").await;
    let body = json!({"customer_id": people[2], "tariff_id": tariff});
    let contract = id(&admin.post("/contracts", body).await.expect(201));
    let [kasymova, omurbekov, sokolov, sokolova, obrien] = people[..] else { panic!("{people:?}") };
    for (search, expected) in [
        ("Касымова", vec![kasymova]),
        ("ҚАСЫМОВА айгерим", vec![kasymova]),
        ("нурланкызы", vec![kasymova]),
        ("Омурбеков", vec![omurbekov]),
        ("Омурбеков Илияс Танатович", vec![omurbekov]),
        ("Соколов Е. С.", vec![sokolova, sokolov]),
        ("Соколов Е.С.", vec![sokolova, sokolov]),
        ("Соколова Е. С.", vec![sokolova]),
        ("Соколов А. С.", vec![]),
        ("О'Брайен", vec![obrien]),
        ("О`Браи\u{306}ен и\u{306}одль", vec![obrien]),
        ("елкович", vec![obrien]),
        ("Соко\u{200b}лова", vec![sokolova]),
    ] {
        assert_eq!(found(&admin, "/customers", search).await, expected, "{search}");
    }
    let shown = admin.get(&format!("/customers/{sokolov}")).await.expect(200)["short_name"].clone();
    assert_eq!(shown, "Соколов Е. С.");
    assert_eq!(found(&admin, "/contracts", "Соколов Е. С.").await, [contract]);
    let by_short_name = boxed(&admin, "Соколов Е. С.", 50).await;
    assert_eq!(by_short_name[0], ("customer".to_owned(), sokolov), "{by_short_name:?}");
}

#[scenario]
async fn documents_and_tax_numbers_are_found_by_those_who_may_see_them_and_codes_by_all(app: &App) {
    let admin = app.admin().await;
    let document = json!({"passport_series": "4552", "passport_number": "601815", "inn": "500100732259"});
    let person = id(&admin.post("/customers", person_with(document)).await.expect(201));
    let firm = json!({
        "customer_type": "organization", "organization_name": "ПАО «Сбер»", "organization_code": "1027700132195",
        "inn": "7707083893", "phone": "+74951234567"
    });
    let firm = id(&admin.post("/customers", firm).await.expect(201));
    let employee = app.user("employee").await;
    for (search, one) in [
        ("4552 601815", person),
        ("4552601815", person),
        ("601815", person),
        ("500100732259", person),
        ("7707083893", firm),
    ] {
        assert_eq!(found(&admin, "/customers", search).await, [one], "{search}");
        assert_eq!(boxed(&admin, search, 50).await, [("customer".to_owned(), one)], "{search}");
        assert!(found(&employee, "/customers", search).await.is_empty(), "{search}");
        assert!(boxed(&employee, search, 50).await.is_empty(), "{search}");
    }
    for search in ["1027700132195", "10277001", "ПАО \"Сбер\"", "«сбер»"] {
        for client in [&admin, &employee] {
            assert_eq!(found(client, "/customers", search).await, [firm], "{search}");
            assert_eq!(boxed(client, search, 50).await, [("customer".to_owned(), firm)], "{search}");
        }
    }
    // exactly, and no part
    for part in ["60181", "50010073225", "770708389"] {
        assert!(found(&admin, "/customers", part).await.is_empty(), "{part}");
    }
}

/// Names in the order of a dictionary.
const ORDERED: [&str; 14] = [
    "7 звёзд",
    "Абай",
    "алма",
    "Әбілов",
    "Болат",
    "едок",
    "Ёж",
    "ёлка",
    "Кузин",
    "Қасымов",
    "Яров",
    "Abel",
    "O'Brien",
    "Zed",
];

#[scenario]
async fn names_are_ordered_as_in_a_dictionary_whatever_the_engine_and_its_locale(app: &App) {
    are_ordered_as_in_a_dictionary(app).await;
}

#[test]
fn a_database_whose_locale_knows_no_letters_orders_and_finds_names_too() {
    let Some(database) = TestDatabase::without_a_language() else { return };
    run_on(database, &[], async |app| {
        let known = app.texts("SELECT datctype::text FROM pg_database WHERE datname = current_database()");
        assert_eq!(known.await, ["C"]);
        are_ordered_as_in_a_dictionary(app).await;
        let admin = app.admin().await;
        for name in ["КУЗИН", "кузин", "Қасымов", "қАСЫМОВ", "ЕЖ", "ZED"] {
            assert_eq!(found(&admin, "/customers", name).await.len(), 1, "{name}");
        }
        assert_eq!(app.violations().await, Vec::<String>::new());
    });
}

async fn are_ordered_as_in_a_dictionary(app: &App) {
    let admin = app.admin().await;
    // entered in another order
    let mut shuffled = ORDERED;
    shuffled.sort_unstable_by_key(|name| (name.len(), *name));
    let tariff = admin.prepaid_tariff("0.00").await;
    for name in shuffled {
        let n = unique();
        admin.post("/customers", person_with(json!({"last_name": name}))).await.expect(201);
        admin
            .post("/tariffs", json!({"name": name, "tariff_type": "prepaid", "monthly_fee": "1.00"}))
            .await
            .expect(201);
        let user = json!({
            "username": format!("user{n}"), "full_name": name, "role": "employee", "password": PASSWORD
        });
        admin.post("/users", user).await.expect(201);
        let option = json!({
            "code": format!("S{n:06}"), "name": name, "kind": "service", "monthly_fee": "1.00", "tariff_ids": [tariff]
        });
        admin.post("/options", option).await.expect(201);
        admin.post("/canned-answers", json!({"title": name, "text": "Здравствуйте!"})).await.expect(201);
    }
    // a changed title has its place too
    let first = admin.get("/canned-answers?ordering=title").await.expect(200)["results"][0].clone();
    let path = format!("/canned-answers/{}", first["id"]);
    for title in ["Ящик", ORDERED[0]] {
        admin.patch(&path, json!({"title": title})).await.expect(200);
        let ordered = admin.get("/canned-answers?ordering=title").await.expect(200)["results"].clone();
        let place = if title == ORDERED[0] { 0 } else { 10 };
        assert_eq!(ordered[place]["title"], title, "{ordered}");
    }
    for (list, field) in [
        ("/customers", "last_name"),
        ("/tariffs", "name"),
        ("/tariffs/statistics", "name"),
        ("/options", "name"),
        ("/users", "full_name"),
        ("/tariffs/active", "name"),
        ("/canned-answers", "title"),
    ] {
        for (sign, page) in [
            ("", "page_size=500"),
            ("-", "page_size=500"),
            ("", "page_size=2&cursor="),
            ("-", "page_size=3&cursor="),
        ] {
            let mut names = Vec::new();
            let mut next = Some(format!("{list}?ordering={sign}{field}&{page}"));
            while let Some(path) = next {
                let page = admin.get(&path).await.expect(200);
                names.extend(
                    page["results"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|row| row[field].as_str().unwrap().to_owned()),
                );
                next = page["next"].as_str().map(|next| next[next.find("/api/v1").unwrap()..].to_owned());
            }
            names.retain(|name| ORDERED.contains(&name.as_str()));
            if sign == "-" {
                names.reverse();
            }
            assert_eq!(names, ORDERED, "{list} {sign}{page}");
        }
    }
}

#[scenario]
async fn a_whole_name_is_found_before_the_many_that_begin_with_it(app: &App) {
    let admin = app.admin().await;
    let mut rows = Vec::new();
    for n in 0..320 {
        let last_name = if n % 2 == 0 { "Смирнова" } else { "Смирновский" };
        rows.push(admin.post("/customers", person_with(json!({"last_name": last_name}))).await.expect(201));
    }
    let firm = json!({
        "customer_type": "organization", "organization_name": "Смирнов", "organization_code": "1027700132195",
        "phone": "+74951234567"
    });
    let firm = id(&admin.post("/customers", firm).await.expect(201));
    let quoted = json!({
        "customer_type": "organization", "organization_name": "ООО «Смирнов»", "organization_code": "1027700132196",
        "phone": "+74951234568"
    });
    let quoted = id(&admin.post("/customers", quoted).await.expect(201));
    let person = id(&admin
        .post(
            "/customers",
            person_with(json!({"last_name": "Смирнов", "first_name": "Ян", "patronymic": null})),
        )
        .await
        .expect(201));
    // later ones do not hide them either
    for _ in 0..4 {
        admin.post("/customers", person_with(json!({"last_name": "Смирнова"}))).await.expect(201);
    }
    for text in ["Смирнов", "СМИРНОВ", " смирнов "] {
        let first = boxed(&admin, text, 50).await;
        let expected = [person, firm, quoted].map(|id| ("customer".to_owned(), id));
        assert_eq!((first.len(), &first[..3]), (50, &expected[..]), "{text}");
    }
    assert_eq!(boxed(&admin, "Ян Смирнов", 50).await[0], ("customer".to_owned(), person));
}

#[scenario]
async fn a_mistyped_name_is_found_among_the_many_who_share_a_birth_date(app: &App) {
    let admin = app.admin().await;
    let born = |last: &str, first: &str| {
        person_with(json!({
            "last_name": last, "first_name": first, "patronymic": "Петровна", "birth_date": "1980-01-01", "address": null
        }))
    };
    let sought = id(&admin.post("/customers", born("Веретенникова", "Аграфена")).await.expect(201));
    for n in 0..560 {
        let (last, first) = (["Абрамова", "Яковлева", "Кузина"][n % 3], ["Анна", "Юлия", "Зоя"][n / 3 % 3]);
        admin.post("/customers", born(last, first)).await.expect(201);
    }
    for (last, first) in
        [("Веретеникова", "Аграфена"), ("Веретенникова", "Агрофена"), ("Виретенникова", "Аграфена")]
    {
        let check = json!({
            "last_name": last, "first_name": first, "patronymic": "Петровна", "birth_date": "1980-01-01"
        });
        let found = admin.post("/customers/check-duplicates", check).await.expect(200)["duplicates"].clone();
        assert_eq!(
            (&found[0]["customer_id"], &found[0]["reasons"]),
            (&json!(sought), &json!(["similar_name_and_birth_date"])),
            "{last} {first}: {found}"
        );
    }
}

#[scenario]
async fn rows_from_before_the_present_forms_are_brought_into_them(app: &App) {
    let admin = app.admin().await;
    let mut old = Vec::new();
    for last_name in ["Қасымова", "Ёлкин"] {
        let name = json!({"last_name": last_name, "email": null});
        old.push(id(&admin.post("/customers", person_with(name)).await.expect(201)));
    }
    let tariff = admin.prepaid_tariff("0.00").await;
    // as an older version wrote them
    app.execute(&format!(
        "UPDATE customers SET last_name_order = '', name_key = 'x', first_name = '  Пётр ', patronymic = ' ', \
         search_text = '\nқасымова' WHERE id = {}",
        old[0]
    ))
    .await;
    app.execute(&format!("UPDATE customers SET last_name_order = '' WHERE id = {}", old[1])).await;
    app.execute("UPDATE tariffs SET name_order = ''").await;
    app.execute("UPDATE users SET full_name_order = ''").await;
    assert!(found(&admin, "/customers", "касымова").await.is_empty());
    assert_eq!(app.renew_forms().await, 2);
    assert_eq!(app.renew_forms().await, 0);
    assert_eq!(found(&admin, "/customers", "касымова петр").await, [old[0]]);
    let cleaned = admin.get(&format!("/customers/{}", old[0])).await.expect(200);
    assert_eq!(
        (&cleaned["first_name"], &cleaned["patronymic"], &cleaned["version"]),
        (&json!("Пётр"), &Value::Null, &json!(2))
    );
    assert_eq!(admin.get(&format!("/customers/{}", old[1])).await.expect(200)["version"], 1);
    assert_eq!(app.scalar("SELECT COUNT(*) FROM audit WHERE action = 'customer.cleaned'").await, 1);
    for table in [
        "customers WHERE last_name_order = ''",
        "tariffs WHERE name_order = ''",
        "users WHERE full_name_order = ''",
    ] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
    assert!(tariff > 0);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
