//! Walks through whole lists, by page and by cursor.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::office;
use crate::harness::{App, Client, id, person, scenario};

/// The key of a row, under any of its possible names.
fn key(row: &Value) -> String {
    row.get("id").or_else(|| row.get("seq")).unwrap().to_string()
}

fn keys(page: &Value) -> Vec<String> {
    page["results"].as_array().unwrap().iter().map(key).collect()
}

/// Follows `next` from here to the end and returns the keys of all rows in the order met.
async fn walk(client: &Client, start: &str) -> Vec<String> {
    let mut met = Vec::new();
    let mut address = Some(start.to_owned());
    while let Some(at) = address {
        let page = client.get(&at).await.expect(200);
        met.extend(keys(&page));
        assert!(met.len() < 10_000, "{start} does not end");
        address = page["next"].as_str().map(str::to_owned);
    }
    met
}

/// Every ordering by one field or by two fields.
fn orderings(fields: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for (at, one) in fields.iter().enumerate() {
        all.extend([one.clone(), format!("-{one}")]);
        // nothing counts after the id, which is the last of the fields
        for other in fields[at + 1..].iter().filter(|other| *other != "id") {
            all.extend([
                format!("{one},-{other}"),
                format!("-{one},{other}"),
                format!("{other},{one}"),
                format!("-{other},-{one}"),
            ]);
        }
    }
    all
}

/// Whether the first field's values rise or fall as they should; text is left to the database.
fn is_in_order(results: &[Value], ordering: &str) -> bool {
    let first = ordering.split(',').next().unwrap();
    let (field, descending) = first.strip_prefix('-').map_or((first, false), |name| (name, true));
    let number = |row: &Value| match &row[field] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if text.ends_with('Z') => {
            text.parse::<chrono::DateTime<chrono::Utc>>().ok().map(|at| at.timestamp_micros())
        }
        Value::String(text) if text.contains('.') => {
            text.parse::<kernel::Money>().ok().map(kernel::Money::minor)
        }
        _ => None,
    };
    results.windows(2).all(|pair| match (number(&pair[0]), number(&pair[1])) {
        (Some(a), Some(b)) => {
            if descending {
                a >= b
            } else {
                a <= b
            }
        }
        _ => true,
    })
}

#[scenario]
async fn a_walk_by_cursor_meets_every_row_once_and_in_order_in_every_ordering_of_every_list(app: &App) {
    let admin = office::furnish(app).await;
    for list in office::lists(app).await.keys() {
        for ordering in orderings(&office::order_fields(&admin, list).await) {
            let whole = admin.get(&format!("{list}?page_size=500&ordering={ordering}")).await.expect(200);
            let expected = keys(&whole);
            assert!(expected.len() >= 5, "{list} has {} rows", expected.len());
            assert!(
                is_in_order(whole["results"].as_array().unwrap(), &ordering),
                "{list} by {ordering}: {whole}"
            );
            let size = (expected.len() / 4).max(2);
            let met = walk(&admin, &format!("{list}?cursor=&page_size={size}&ordering={ordering}")).await;
            assert_eq!(met, expected, "{list} by {ordering}");
            assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), met.len(), "{list} by {ordering}");
        }
    }
}

#[scenario]
async fn a_walk_by_page_number_meets_every_row_and_leads_back_again(app: &App) {
    let admin = office::furnish(app).await;
    for list in office::lists(app).await.keys() {
        let whole = admin.get(&format!("{list}?page_size=500")).await.expect(200);
        let count = whole["count"].as_i64().unwrap();
        assert_eq!(
            (&whole["count_exact"], &whole["next"], &whole["previous"]),
            (&json!(true), &json!(null), &json!(null)),
            "{list}"
        );
        assert_eq!(i64::try_from(keys(&whole).len()), Ok(count), "{list}");
        let size = (count / 3).max(2);
        assert_eq!(walk(&admin, &format!("{list}?page_size={size}")).await, keys(&whole), "{list}");
        let second = admin.get(&format!("{list}?page_size={size}&page=2")).await.expect(200);
        let first = admin.get(second["previous"].as_str().unwrap()).await.expect(200);
        assert_eq!(keys(&first), keys(&whole)[..usize::try_from(size).unwrap()], "{list}");
        assert_eq!(first["previous"], json!(null), "{list}");
    }
}

#[scenario]
async fn rows_that_come_during_a_walk_neither_repeat_nor_hide_those_that_were_there(app: &App) {
    let admin = app.admin().await;
    for ordering in ["msisdn", "-msisdn", "-created_at", "created_at,-msisdn"] {
        // a separate range each time, with new rows before, between and behind
        let base = 9_100_000_000_i64 + i64::try_from(crate::harness::unique()).unwrap() * 1000;
        for step in 0..10 {
            admin
                .post("/numbers", json!({"first": format!("+7{}", base + 100 + step * 10)}))
                .await
                .expect(201);
        }
        let there: BTreeSet<String> =
            walk(&admin, &format!("/numbers?cursor=&ordering={ordering}")).await.into_iter().collect();
        let (mut met, mut added) = (Vec::new(), 0);
        let mut address = Some(format!("/numbers?cursor=&page_size=3&ordering={ordering}"));
        while let Some(at) = address {
            let page = admin.get(&at).await.expect(200);
            met.extend(keys(&page));
            address = page["next"].as_str().map(str::to_owned);
            if added < 4 {
                added += 1;
                app.advance(chrono::TimeDelta::seconds(1));
                for place in [base + added, base + 104 + added * 10, base + 300 + added] {
                    admin.post("/numbers", json!({"first": format!("+7{place}")})).await.expect(201);
                }
            }
        }
        let unique: BTreeSet<String> = met.iter().cloned().collect();
        assert_eq!(unique.len(), met.len(), "{ordering}: {met:?}");
        assert!(there.is_subset(&unique), "{ordering} lost {:?}", there.difference(&unique));
    }
}

#[scenario]
async fn a_row_that_goes_during_a_walk_takes_no_other_with_it(app: &App) {
    let admin = app.admin().await;
    let mut roles = Vec::new();
    for n in 0..6 {
        roles.push(id(&admin
            .post("/roles", json!({"name": format!("role-{n}"), "title": "Роль", "permissions": []}))
            .await
            .expect(201)));
    }
    let first = admin.get("/roles?cursor=&ordering=-created_at&page_size=3").await.expect(200);
    let met: Vec<i64> = first["results"].as_array().unwrap().iter().map(id).collect();
    // the row that the cursor points to
    admin.delete(&format!("/roles/{}", met[2])).await;
    let rest = walk(&admin, first["next"].as_str().unwrap()).await;
    assert!(
        roles.iter().filter(|role| !met.contains(role)).all(|role| rest.contains(&role.to_string())),
        "{rest:?}"
    );
}

#[scenario]
async fn next_keeps_filters_search_and_ordering(app: &App) {
    let admin = office::furnish(app).await;
    for begin in ["", "&cursor="] {
        let start = format!(
            "/customers?search=%D0%98%D0%92%D0%90%D0%9D&customer_type=individual&ordering=last_name\
             &page_size=1{begin}"
        );
        let page = admin.get(&start).await.expect(200);
        let next = page["next"].as_str().unwrap();
        assert!(next.starts_with(&format!("{}/api/v1/customers?", app.base)), "{next}");
        assert!(
            next.contains("search=%D0%98%D0%92%D0%90%D0%9D")
                && next.contains("customer_type=individual")
                && next.contains("ordering=last_name"),
            "{next}"
        );
        let met = walk(&admin, &start).await;
        let whole =
            admin.get("/customers?search=иван&customer_type=individual&ordering=last_name").await.expect(200);
        assert_eq!(met, keys(&whole));
        assert_eq!(met.len(), 3);
    }
}

#[scenario]
async fn a_cursor_that_was_altered_or_made_for_another_ordering_is_refused(app: &App) {
    let admin = office::furnish(app).await;
    let page = admin.get("/contracts?cursor=&page_size=2&ordering=balance").await.expect(200);
    let (_, cursor) = page["next"].as_str().unwrap().split_once("cursor=").unwrap();
    let cursor = cursor.split('&').next().unwrap().to_owned();
    assert_eq!(
        admin.get(&format!("/contracts?ordering=balance&page_size=2&cursor={cursor}")).await.status,
        200
    );
    for other in [
        "/contracts?ordering=-balance",
        "/contracts?ordering=balance,number",
        "/contracts?",
        "/payments?",
        "/contracts?ordering=signed_date",
    ] {
        let refused = admin.get(&format!("{other}&cursor={cursor}")).await;
        assert_eq!(refused.wrong_fields(), [("cursor".to_owned(), "invalid_format".to_owned())], "{other}");
        refused.refused(400, "invalid_parameter");
    }
    let altered = |at: usize| {
        cursor
            .char_indices()
            .map(|(i, c)| if i == at { if c == 'A' { 'B' } else { 'A' } } else { c })
            .collect::<String>()
    };
    let forged = [
        cursor[..cursor.len() - 1].to_owned(),
        altered(0),
        altered(2),
        "x".to_owned(),
        "!".to_owned(),
        "e30".to_owned(),
        "bnVsbA".to_owned(),
        "W10".to_owned(),
        "%00".to_owned(),
        "A".repeat(900),
        "A".repeat(5000),
        "%F0%9F%98%80".to_owned(),
        "../../etc/passwd".to_owned(),
    ];
    for wrong in forged {
        let reply = admin.get(&format!("/contracts?ordering=balance&cursor={wrong}")).await;
        assert_eq!(reply.body["errors"][0]["pointer"], "cursor", "{wrong}: {}", reply.text);
        reply.refused(400, "invalid_parameter");
    }
}

#[scenario]
async fn a_cursor_leads_on_in_its_own_list_only(app: &App) {
    let admin = office::furnish(app).await;
    // these lists have one default ordering, and their rows could be told apart by nothing else
    let lists = ["/customers", "/contracts", "/sims", "/numbers", "/payments", "/tickets", "/notifications"];
    let customer =
        admin.get("/contracts?status=active").await.expect(200)["results"][0]["customer_id"].clone();
    let below = [format!("/customers/{customer}/contracts"), format!("/customers/{customer}/tickets")];
    for list in lists {
        let page = admin.get(&format!("{list}?cursor=&page_size=2")).await.expect(200);
        let (_, cursor) = page["next"].as_str().unwrap().split_once("cursor=").unwrap();
        for other in lists.iter().map(|other| (*other).to_owned()).chain(below.clone()) {
            let reply = admin.get(&format!("{other}?page_size=2&cursor={cursor}")).await;
            if other == list {
                assert_ne!(reply.expect(200)["results"], page["results"]);
                continue;
            }
            assert_eq!(
                reply.wrong_fields(),
                [("cursor".to_owned(), "invalid_format".to_owned())],
                "{list} {other}"
            );
            let problem = reply.refused(400, "invalid_parameter");
            assert_ne!(problem["errors"][0]["message"], "", "{problem}");
        }
        // with a slash at its end and without its version it is the same list
        let same = admin.get(&format!("/api{list}/?page_size=2&cursor={cursor}")).await;
        assert_eq!(same.status, 200, "{}", same.text);
    }
}

#[scenario]
async fn a_walk_gets_past_the_longest_names(app: &App) {
    let admin = app.admin().await;
    for n in 0..5 {
        let mut one = person();
        one["last_name"] = json!(format!("{}{n}", "Ё".repeat(99)));
        one["first_name"] = json!("\"Ж\"".repeat(33));
        admin.post("/customers", one).await.expect(201);
        let name = format!("{}{n}", "Щ".repeat(199));
        let user = json!({"username": format!("user-{n}"), "full_name": name, "role": "employee", "password": crate::harness::PASSWORD});
        admin.post("/users", user).await.expect(201);
        let mut tariff = crate::harness::prepaid("1.00");
        tariff["name"] = json!(format!("{}{n}", "Ю".repeat(99)));
        admin.post("/tariffs", tariff).await.expect(201);
    }
    for (list, ordering) in [
        ("/customers", "last_name"),
        ("/customers", "-last_name,status,created_at"),
        ("/users", "full_name"),
        ("/users", "-full_name,username,created_at"),
        ("/tariffs", "name"),
        ("/tariffs", "name,-priority,monthly_fee"),
    ] {
        let whole = admin.get(&format!("{list}?ordering={ordering}")).await.expect(200);
        let met = walk(&admin, &format!("{list}?cursor=&page_size=2&ordering={ordering}")).await;
        assert_eq!(met, keys(&whole), "{list} by {ordering}");
    }
}
