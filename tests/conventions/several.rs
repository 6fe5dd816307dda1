//! What every list understands: several values of a filter, ids, the time of the last change, the order by id.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{filters, office};
use crate::harness::{App, Client, document, id, scenario};

async fn rows(client: &Client, path: &str) -> Vec<Value> {
    let page = client.get(path).await.expect(200);
    let rows = page["results"].as_array().unwrap().clone();
    assert_eq!(page["count"], rows.len(), "{path}");
    let join = if path.contains('?') { '&' } else { '?' };
    let by_cursor = client.get(&format!("{path}{join}cursor=")).await.expect(200);
    assert_eq!(by_cursor["results"], json!(rows), "{path} by cursor");
    rows
}

/// The words of an enum that a filter takes.
fn words(parameter: &Value) -> Vec<String> {
    let link = parameter["schema"]["items"]["$ref"].as_str().unwrap().trim_start_matches('#');
    let schema = document().pointer(link).unwrap();
    schema["enum"].as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[scenario]
async fn a_filter_of_several_words_finds_what_each_of_them_finds(app: &App) {
    let admin = office::furnish(app).await;
    let mut tried = 0;
    for list in office::lists(app).await.into_keys() {
        let parameters =
            document()["paths"][format!("/api/v1{list}")]["get"]["parameters"].as_array().unwrap();
        for parameter in parameters.iter().filter(|one| one["schema"]["items"]["$ref"].is_string()) {
            let name = parameter["name"].as_str().unwrap();
            assert_eq!(
                (&parameter["style"], &parameter["explode"]),
                (&json!("form"), &json!(false)),
                "{list}?{name}"
            );
            let words = words(parameter);
            if words.len() < 2 {
                continue;
            }
            let query =
                |words: &[String]| format!("{list}?page_size=500&ordering=id&{name}={}", words.join(","));
            // each alone, all together, and the first with the last
            let mut alone = Vec::new();
            for word in &words {
                alone.push(rows(&admin, &query(std::slice::from_ref(word))).await);
            }
            let some = [words[0].clone(), words[words.len() - 1].clone()];
            for asked in [words.clone(), some.to_vec(), [some.clone(), some].concat()] {
                let expected = words.iter().zip(&alone).filter(|(word, _)| asked.contains(word));
                let mut expected: Vec<Value> = expected.flat_map(|(_, rows)| rows.clone()).collect();
                let key = |row: &Value| row.get("id").or_else(|| row.get("seq")).and_then(Value::as_i64);
                expected.sort_by_key(key);
                expected.dedup();
                assert_eq!(rows(&admin, &query(&asked)).await, expected, "{list}?{name} {asked:?}");
            }
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried} filters");
}

#[scenario]
async fn a_filter_by_ids_takes_several_under_either_name_and_each_name_once(app: &App) {
    let admin = office::furnish(app).await;
    let ids = filters::ids(&admin).await;
    let all = rows(&admin, "/contracts?page_size=500").await;
    let customers: BTreeSet<i64> =
        all.iter().map(|row| row["customer_id"].as_i64().unwrap()).take(3).collect();
    assert!(customers.len() > 1);
    let listed = customers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let expected: Vec<Value> =
        all.iter().filter(|row| customers.contains(&row["customer_id"].as_i64().unwrap())).cloned().collect();
    for name in ["customer", "customer_id"] {
        assert_eq!(
            rows(&admin, &format!("/contracts?page_size=500&{name}={listed}")).await,
            expected,
            "{name}"
        );
    }
    let both = admin.get(&format!("/contracts?customer={listed}&customer_id={}", ids["customer"])).await;
    assert_eq!(both.wrong_fields(), [("customer_id".to_owned(), "duplicate_value".to_owned())]);
    both.refused(400, "invalid_parameter");
    // no more than a page has rows
    let many = (1..=500).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(rows(&admin, &format!("/contracts?page_size=500&customer_id={many}")).await.len(), all.len());
    let more = admin.get(&format!("/contracts?customer_id={many},501")).await;
    assert_eq!(more.wrong_fields(), [("customer_id".to_owned(), "invalid_length".to_owned())]);
}

#[scenario]
async fn every_list_finds_its_rows_by_their_ids_and_nothing_else(app: &App) {
    let admin = office::furnish(app).await;
    for (list, names) in office::lists(app).await {
        assert!(names.contains(&"ids".to_owned()), "{list}");
        let all = rows(&admin, &format!("{list}?page_size=500&ordering=id")).await;
        let key = |row: &Value| row.get("id").or_else(|| row.get("seq")).and_then(Value::as_i64).unwrap();
        let keys: Vec<i64> = all.iter().map(key).collect();
        assert!(keys.is_sorted(), "{list}: {keys:?}");
        let (first, last) = (keys[0], keys[keys.len() - 1]);
        // also an id that no row has, and one that is given twice
        let found = rows(&admin, &format!("{list}?ordering=id&ids={last},{first},999999999,{first}")).await;
        assert_eq!(found, [all[0].clone(), all[all.len() - 1].clone()], "{list}");
        assert_eq!(rows(&admin, &format!("{list}?ids=999999999")).await, Vec::<Value>::new(), "{list}");
        let mut down = rows(&admin, &format!("{list}?page_size=500&ordering=-id")).await;
        down.reverse();
        assert_eq!(down, all, "{list}");
    }
}

#[scenario]
async fn what_has_changed_since_is_found_in_the_order_of_the_changes(app: &App) {
    let admin = office::furnish(app).await;
    let mut changed = 0;
    for (list, names) in office::lists(app).await {
        let all = rows(&admin, &format!("{list}?page_size=500")).await;
        assert_eq!(
            all[0].get("updated_at").is_some(),
            names.contains(&"updated_at_after".to_owned()),
            "{list} shows updated_at exactly where it filters by it"
        );
        if all[0].get("updated_at").is_none() {
            continue;
        }
        changed += 1;
        let order = rows(&admin, &format!("{list}?page_size=500&ordering=updated_at")).await;
        assert!(order.is_sorted_by_key(|row| row["updated_at"].as_str().unwrap().to_owned()), "{list}");
    }
    assert!(changed >= 12, "{changed} lists");
    app.advance(chrono::TimeDelta::minutes(1));
    let before = app.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let contract = admin.draft("0.00").await;
    let customer = admin.contract(contract).await["customer_id"].clone();
    app.advance(chrono::TimeDelta::minutes(1));
    let since = app.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    admin.patch(&format!("/contracts/{contract}"), json!({"notes": "новое"})).await.expect(200);
    let ids = |rows: Vec<Value>| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    let list = async |path: String| ids(rows(&admin, &path).await);
    assert_eq!(list(format!("/contracts?updated_at_after={since}")).await, [json!(contract)]);
    assert_eq!(
        list(format!("/contracts?updated_at_after={before}&updated_at_before={since}")).await,
        [json!(contract)]
    );
    assert_eq!(list(format!("/customers?updated_at_after={before}")).await, [customer]);
    assert_eq!(list(format!("/customers?updated_at_after={since}")).await, Vec::<Value>::new());
}

#[scenario]
async fn a_payment_was_last_changed_when_it_was_decided(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let card = json!({"contract_id": contract, "amount": "10.00", "payment_method": "card"});
    let made = admin.post("/payments", card).await.expect(201);
    assert_eq!(made["updated_at"], made["created_at"]);
    app.advance(chrono::TimeDelta::minutes(1));
    let path = format!("/payments/{}", id(&made));
    let done = admin.post(&format!("{path}/process"), json!({})).await.expect(200);
    assert_eq!(done["updated_at"], done["processed_at"]);
    assert_ne!(done["updated_at"], made["updated_at"]);
    assert_eq!(admin.get(&path).await.expect(200), done);
    app.advance(chrono::TimeDelta::minutes(1));
    // the refund is a transaction of its own
    let refund = json!({"amount": "4.00", "reason": "ошибка"});
    let after = admin.post(&format!("{path}/refund"), refund).await.expect(200);
    assert_eq!((&after["updated_at"], after["version"].as_i64()), (&done["updated_at"], Some(3)));
    let since = after["updated_at"].as_str().unwrap();
    let found = rows(&admin, &format!("/payments?updated_at_after={since}&ordering=updated_at")).await;
    assert_eq!(found.iter().map(|row| &row["refund_of"]).collect::<Vec<_>>(), [&Value::Null, &made["id"]]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn shown_statuses_of_payments_and_numbers_hold_together(app: &App) {
    let admin = office::furnish(app).await;
    let status = async |list: &str, asked: &str| {
        let found = rows(&admin, &format!("{list}?page_size=500&status={asked}")).await;
        found.iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let words = |text: &str| text.split(',').map(str::to_owned).collect::<BTreeSet<_>>();
    // the stored status of a payment that was given back is still success
    for asked in ["refunded,success", "refunded,pending", "success,pending", "refunded,success,pending"] {
        assert_eq!(status("/payments", asked).await, words(asked), "{asked}");
    }
    let free = rows(&admin, "/numbers?status=available").await;
    let until = app.clock.now() + chrono::TimeDelta::hours(1);
    let reserve = json!({"until": until.to_rfc3339()});
    admin.post(&format!("/numbers/{}/reserve", free[0]["id"]), reserve).await.expect(200);
    assert_eq!(status("/numbers", "reserved,assigned").await, words("reserved,assigned"));
    assert_eq!(status("/numbers", "reserved,available").await, words("reserved,available"));
    // a reservation that has ended counts as available, whatever the row says
    app.advance(chrono::TimeDelta::hours(2));
    assert_eq!(status("/numbers", "reserved,available").await, words("available"));
    assert_eq!(status("/numbers", "reserved,quarantined").await, BTreeSet::new());
}
