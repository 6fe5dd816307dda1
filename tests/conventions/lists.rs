//! Pages, counts, orderings and parameters of lists.

use database::Engine;
use serde_json::{Value, json};

use super::office;
use crate::harness::{App, Client, Reply, scenario};

/// Inserts this many numbers, from this one on, in one statement.
async fn add_numbers(app: &App, first: i64, count: i64) {
    let at = "2026-01-31 09:00:00+00:00";
    let rows = match app.state.db.engine() {
        Engine::Sqlite => format!(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1) \
             SELECT '+7' || ({first} + i), 'available', '', '2026-01-31T09:00:00+00:00', \
             '2026-01-31T09:00:00+00:00' FROM n"
        ),
        Engine::Postgres => format!(
            "SELECT '+7' || ({first} + i), 'available', '', TIMESTAMPTZ '{at}', TIMESTAMPTZ '{at}' \
             FROM generate_series(0, {count} - 1) AS i"
        ),
    };
    let added = app
        .execute(&format!("INSERT INTO numbers (msisdn, status, search_text, created_at, updated_at) {rows}"))
        .await;
    assert_eq!(i64::try_from(added), Ok(count));
}

async fn wrong(client: &Client, path: &str) -> Vec<(String, String)> {
    let reply = client.get(path).await;
    let wrong = reply.wrong_fields();
    reply.refused(400, "invalid_parameter");
    wrong
}

#[derive(Debug, PartialEq)]
struct Summary {
    count: i64,
    is_exact: bool,
    rows: usize,
}

fn summary(reply: Reply) -> Summary {
    let page = reply.expect(200);
    Summary {
        count: page["count"].as_i64().unwrap(),
        is_exact: page["count_exact"].as_bool().unwrap(),
        rows: page["results"].as_array().unwrap().len(),
    }
}

#[scenario]
async fn a_page_has_a_hundred_rows_unless_told_otherwise_and_five_hundred_at_most(app: &App) {
    let admin = app.admin().await;
    admin.post("/numbers", json!({"first": "+79000000000", "count": 620})).await.expect(201);
    for (query, rows) in [
        ("", 100),
        ("?page_size=1", 1),
        ("?page_size=500", 500),
        ("?page=2&page_size=500", 120),
        ("?page=7", 20),
        ("?cursor=", 100),
        ("?cursor=&page_size=500", 500),
    ] {
        let page = admin.get(&format!("/numbers{query}")).await.expect(200);
        assert_eq!(page["results"].as_array().unwrap().len(), rows, "{query}");
        let counted = !query.contains("cursor");
        assert_eq!(
            (&page["count"], &page["count_exact"]),
            (
                &if counted { json!(620) } else { Value::Null },
                &if counted { json!(true) } else { Value::Null }
            ),
            "{query}"
        );
    }
    for size in ["0", "501", "-1", "1.5", "many", "", "99999999999999999999", "1e2", "%201"] {
        assert_eq!(
            wrong(&admin, &format!("/numbers?page_size={size}")).await,
            [("page_size".to_owned(), "out_of_range".to_owned())],
            "{size}"
        );
    }
    for page in ["0", "-1", "first", "", "99999999999999999999"] {
        assert_eq!(
            wrong(&admin, &format!("/numbers?page={page}")).await,
            [("page".to_owned(), "out_of_range".to_owned())],
            "{page}"
        );
    }
}

#[scenario]
async fn a_page_past_the_last_row_is_empty_and_leads_back_to_the_last_one(app: &App) {
    let admin = app.admin().await;
    admin.post("/numbers", json!({"first": "+79000000000", "count": 25})).await.expect(201);
    let past = admin.get("/numbers?page_size=10&page=50").await.expect(200);
    assert_eq!((&past["count"], &past["results"], &past["next"]), (&json!(25), &json!([]), &json!(null)));
    let last = admin.get(past["previous"].as_str().unwrap()).await.expect(200);
    assert_eq!((last["results"].as_array().unwrap().len(), &last["next"]), (5, &json!(null)));
    let nothing = admin.get("/numbers?search=nothing&page=3").await.expect(200);
    assert_eq!(
        (&nothing["count"], &nothing["results"], &nothing["next"]),
        (&json!(0), &json!([]), &json!(null))
    );
    let first = admin.get(nothing["previous"].as_str().unwrap()).await.expect(200);
    assert_eq!((&first["count"], &first["previous"]), (&json!(0), &json!(null)));
}

#[scenario]
async fn beyond_a_hundred_thousand_rows_there_is_a_hint_instead_of_a_page(app: &App) {
    let admin = app.admin().await;
    for query in [
        "page=1001",
        "page=201&page_size=500",
        "page=100001&page_size=1",
        "page=9223372036854775",
        "page=335&page_size=300",
    ] {
        let problem = admin.get(&format!("/numbers?{query}")).await.refused(400, "page_too_far");
        assert!(problem["detail"].as_str().unwrap().contains("cursor"), "{problem}");
    }
    for query in ["page=1000", "page=200&page_size=500", "page=100000&page_size=1", "page=334&page_size=300"]
    {
        assert_eq!(
            admin.get(&format!("/numbers?{query}")).await.expect(200)["results"],
            json!([]),
            "{query}"
        );
    }
}

#[scenario]
async fn the_count_is_exact_up_to_a_hundred_thousand_and_says_so_when_it_is_not(app: &App) {
    let admin = app.admin().await;
    add_numbers(app, 9_000_000_000, 100_000).await;
    let exact = Summary { count: 100_000, is_exact: true, rows: 1 };
    assert_eq!(summary(admin.get("/numbers?page_size=1").await), exact);
    add_numbers(app, 9_100_000_000, 2).await;
    let capped = Summary { count: 100_000, is_exact: false, rows: 1 };
    assert_eq!(summary(admin.get("/numbers?page_size=1").await), capped);
    assert_eq!(
        summary(admin.get("/numbers?page_size=1&created_at_after=2027-01-01T00:00:00Z").await),
        Summary { count: 0, is_exact: true, rows: 0 }
    );
    // the last reachable page ends at row 100 000 for every page size
    for (size, last, rows) in [(500, 200, 500), (300, 334, 100), (7, 14_286, 5)] {
        let before = admin
            .get(&format!("/numbers?ordering=msisdn&page_size={size}&page={}", last - 1))
            .await
            .expect(200);
        let page = admin.get(before["next"].as_str().unwrap()).await.expect(200);
        let results = page["results"].as_array().unwrap();
        assert_eq!((results.len(), &page["next"]), (rows, &json!(null)), "{size}");
        assert_eq!(results[rows - 1]["msisdn"], "+79000099999", "{size}");
    }
    let mut page = admin.get("/numbers?cursor=&ordering=-msisdn&page_size=1").await.expect(200);
    assert_eq!((&page["results"][0]["msisdn"], &page["count"]), (&json!("+79100000001"), &json!(null)));
    for _ in 0..2 {
        page = admin.get(page["next"].as_str().unwrap()).await.expect(200);
    }
    assert_eq!(page["results"][0]["msisdn"], "+79000099999");
}

#[scenario]
async fn an_unknown_ordering_is_refused_and_the_known_ones_are_named(app: &App) {
    let admin = office::furnish(app).await;
    for list in office::lists(app).await.keys() {
        let known = office::order_fields(&admin, list).await;
        for field in &known {
            assert_eq!(
                admin.get(&format!("{list}?ordering=-{field}")).await.status,
                200,
                "{list} by {field}"
            );
        }
        for ordering in [
            "id;DROP",
            "--created_at",
            "created_at;",
            "+created_at",
            ",",
            "%20",
            "CREATED_AT",
            "password_hash",
            "search_text",
            "1",
            "(SELECT 1)",
            &format!("{},nothing", known[0]),
            &format!("{},", known[0]),
        ] {
            let reply = admin.get(&format!("{list}?ordering={ordering}")).await;
            assert_eq!(
                reply.wrong_fields(),
                [("ordering".to_owned(), "invalid_choice".to_owned())],
                "{list} by {ordering}: {}",
                reply.text
            );
            assert!(
                known
                    .iter()
                    .all(|field| reply.body["errors"][0]["message"].as_str().unwrap().contains(field)),
                "{}",
                reply.text
            );
        }
        // an empty ordering is the default one; a repeated field counts once
        let usual = admin.get(list).await.expect(200);
        assert_eq!(
            admin.get(&format!("{list}?ordering=")).await.expect(200)["results"],
            usual["results"],
            "{list}"
        );
        assert_eq!(
            admin.get(&format!("{list}?ordering={0},-{0}", known[0])).await.expect(200)["results"],
            admin.get(&format!("{list}?ordering={}", known[0])).await.expect(200)["results"],
            "{list}"
        );
    }
}

#[scenario]
async fn an_unknown_parameter_is_refused_and_the_known_ones_are_named(app: &App) {
    let admin = app.admin().await;
    for (list, known) in office::lists(app).await {
        for unknown in [
            "nonsense=1",
            "Status=active",
            "page_number=1",
            "limit=1",
            "%D1%84=1",
            "=",
            "status%20=active",
            "search[]=x",
        ] {
            let problem = admin.get(&format!("{list}?{unknown}")).await.refused(400, "unknown_parameter");
            let detail = problem["detail"].as_str().unwrap();
            assert!(known.iter().all(|name| detail.contains(name.as_str())), "{detail}");
        }
    }
}

#[scenario]
async fn a_parameter_is_given_once_with_a_value_it_can_have_and_all_wrong_ones_are_named(app: &App) {
    let admin = app.admin().await;
    for list in office::lists(app).await.keys() {
        assert_eq!(
            wrong(&admin, &format!("{list}?page_size=1&page_size=2")).await,
            [("page_size".to_owned(), "duplicate_value".to_owned())],
            "{list}"
        );
    }
    let all = "/customers?status=gone&customer_type=robot&created_at_after=yesterday&page=0&page_size=9999\
               &ordering=height&search=%00&cursor=!";
    let expected = [
        ("created_at_after", "invalid_format"),
        ("cursor", "invalid_format"),
        ("customer_type", "invalid_choice"),
        ("ordering", "invalid_choice"),
        ("page", "out_of_range"),
        ("page_size", "out_of_range"),
        ("search", "control_character"),
        ("status", "invalid_choice"),
    ];
    assert_eq!(wrong(&admin, all).await, expected.map(|(name, code)| (name.to_owned(), code.to_owned())));
    for (path, name, code) in [
        ("/payments?amount_min=1e2", "amount_min", "invalid_amount"),
        ("/payments?contract=x", "contract", "invalid_id"),
        ("/users?is_active=yes", "is_active", "invalid_choice"),
        ("/audit?at_before=2026-01-01", "at_before", "invalid_format"),
    ] {
        assert_eq!(wrong(&admin, path).await, [(name.to_owned(), code.to_owned())], "{path}");
    }
    assert_eq!(
        wrong(&admin, &format!("/customers?search={}", "x".repeat(201))).await,
        [("search".to_owned(), "invalid_length".to_owned())]
    );
    for malformed in ["search=%FF%FE", "search=%", "search=%zz", "&&&", "search=%E0%A4%A"] {
        let reply = admin.get(&format!("/customers?{malformed}")).await;
        assert!(matches!(reply.status, 200 | 400), "{malformed} returned {}", reply.text);
    }
}

#[scenario]
async fn what_a_parameter_may_be_is_said_in_both_languages(app: &App) {
    let admin = app.admin().await;
    let said = async |client: &Client, path: &str| {
        let problem = client.get(path).await.refused(400, "invalid_parameter");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        problem["errors"][0]["message"].as_str().unwrap().to_owned()
    };
    for (path, needed) in [
        ("/contracts?page=0", vec!["1", "1000"]),
        ("/contracts?page=0&page_size=500", vec!["1", "200"]),
        ("/contracts?status=", vec!["draft", "active", "suspended", "terminated"]),
        ("/contracts?status=active,gone", vec!["draft", "terminated"]),
        ("/contracts?status=active,", vec!["draft", "terminated"]),
        ("/tariffs?is_active=True", vec!["true", "false"]),
        ("/tariffs?is_active=", vec!["true", "false"]),
        ("/contracts?signed_date_after=31.01.2026", vec!["2026-01-31"]),
        ("/contracts?signed_date_after=2026-02-30", vec!["2026-01-31"]),
        ("/contracts?signed_date_after=", vec!["2026-01-31"]),
        ("/contracts?created_at_after=2026-01-31T09:00:00", vec!["2026-01-31T09:00:00Z", "%2B"]),
        ("/contracts?updated_at_before=2026-01-31", vec!["2026-01-31T09:00:00Z"]),
        // a plus in a query string is a blank
        ("/contracts?created_at_after=2026-01-31T09:00:00+03:00", vec!["%2B"]),
        ("/contracts?balance_min=", vec!["1000.00"]),
    ] {
        let (russian, english) =
            (said(&admin, path).await, said(&admin.with("accept-language", "en"), path).await);
        assert_ne!(russian, english, "{path}");
        for part in needed {
            assert!(russian.contains(part) && english.contains(part), "{path}: {russian} {english}");
        }
    }
    let page = said(&admin.with("accept-language", "en"), "/contracts?page=0").await;
    assert!(!page.contains("18446744073709551"), "{page}");
    for ids in ["0", "-1", "x", "1,x", "1.5", "01", "+1", "", "1,,2", "99999999999999999999"] {
        for name in ["ids", "customer_id", "customer"] {
            let path = format!("/contracts?{name}={}", ids.replace('+', "%2B"));
            assert_eq!(wrong(&admin, &path).await, [(name.to_owned(), "invalid_id".to_owned())], "{path}");
        }
    }
}
