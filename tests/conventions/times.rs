//! Times are in UTC to the microsecond, dates in the operator's time zone.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{App, Client, START, person, scenario};

/// All texts in fields named `at` or ending in `_at`, `_from` or `_until`.
fn times(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(text)
                        if name == "at"
                            || ["_at", "_from", "_until"].iter().any(|end| name.ends_with(end))
                                && text.contains('T') =>
                    {
                        found.push(text.to_owned())
                    }
                    _ => times(field, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| times(item, found)),
        _ => {}
    }
}

async fn user_valid_until(client: &Client, until: &str) -> crate::harness::Reply {
    let n = crate::harness::unique();
    let user = json!({
        "username": format!("user{n}"), "full_name": "Анна", "role": "employee",
        "password": "tram 17 to the lighthouse", "valid_until": until
    });
    client.post("/users", user).await
}

/// The signing and activation dates of a contract drawn up and activated at this moment.
async fn days_at(app: &App, moment: &str) -> (Value, Value) {
    app.advance(moment.parse::<DateTime<Utc>>().unwrap() - app.clock.now());
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let active = admin.activate(contract).await;
    (active["signed_date"].clone(), active["activation_date"].clone())
}

#[scenario]
async fn every_time_is_in_utc_with_at_most_microseconds(app: &App) {
    app.advance(TimeDelta::nanoseconds(123_456_789));
    let admin = app.admin().await;
    admin.draft("1.00").await;
    let mut found = Vec::new();
    for list in [
        "/contracts",
        "/customers",
        "/sims",
        "/numbers",
        "/tariffs",
        "/users",
        "/roles",
        "/audit",
        "/auth/sessions",
    ] {
        times(&admin.get(list).await.expect(200), &mut found);
    }
    assert!(found.iter().any(|time| time == "2026-01-31T09:00:00.123456Z"), "{found:?}");
    for time in found {
        assert!(time.ends_with('Z') && time.parse::<DateTime<Utc>>().is_ok(), "{time}");
        assert!(time.split_once('.').is_none_or(|(_, fraction)| fraction.len() <= 7), "{time}");
    }
}

#[scenario]
async fn a_time_in_any_zone_is_taken_cut_to_microseconds_and_shown_in_utc(app: &App) {
    let admin = app.admin().await;
    for (given, shown) in [
        ("2099-02-01T12:00:00.123456789+03:00", "2099-02-01T09:00:00.123456Z"),
        ("2099-02-01T00:00:00-05:30", "2099-02-01T05:30:00Z"),
        ("2099-02-01T12:00:00Z", "2099-02-01T12:00:00Z"),
        ("2099-12-31t23:59:59z", "2099-12-31T23:59:59Z"),
    ] {
        let made = user_valid_until(&admin, given).await.expect(201);
        assert_eq!(made["valid_until"], shown, "{given}");
        assert_eq!(
            admin.get(&format!("/users/{}", made["id"])).await.expect(200)["valid_until"],
            shown,
            "{given}"
        );
    }
    let users = app.count("users").await;
    for wrong in [
        "2099-02-01T12:00:00",
        "2099-02-01",
        "tomorrow",
        "2099-13-01T00:00:00Z",
        "2099-02-30T00:00:00Z",
        "4102444800",
        "2099-02-01T25:00:00Z",
    ] {
        let reply = user_valid_until(&admin, wrong).await;
        assert_eq!(
            reply.wrong_fields(),
            [("/valid_until".to_owned(), "invalid_format".to_owned())],
            "{wrong}: {}",
            reply.text
        );
    }
    assert_eq!(app.count("users").await, users);
    // a blank field is an absent one
    assert_eq!(user_valid_until(&admin, "").await.expect(201)["valid_until"], Value::Null);
}

#[scenario]
async fn a_day_begins_at_midnight_in_moscow(app: &App) {
    assert_eq!(days_at(app, "2026-02-27T20:59:59.999999Z").await, (json!("2026-02-27"), json!("2026-02-27")));
    assert_eq!(days_at(app, "2026-02-27T21:00:00Z").await, (json!("2026-02-28"), json!("2026-02-28")));
}

#[scenario(TIMEZONE = "Pacific/Honolulu")]
async fn a_day_begins_at_midnight_in_the_zone_that_is_set(app: &App) {
    assert_eq!(days_at(app, "2026-03-01T09:59:59Z").await, (json!("2026-02-28"), json!("2026-02-28")));
    assert_eq!(days_at(app, "2026-03-01T10:00:00Z").await, (json!("2026-03-01"), json!("2026-03-01")));
}

#[scenario]
async fn a_birthday_is_kept_where_the_operator_is(app: &App) {
    let admin = app.admin().await;
    let mut born = person();
    born["birth_date"] = json!("2012-02-01");
    // turns fourteen tomorrow
    let reply = admin.post("/customers", born.clone()).await;
    assert_eq!(reply.wrong_fields(), [("/birth_date".to_owned(), "invalid_age".to_owned())]);
    app.advance(
        "2026-01-31T21:00:00Z".parse::<DateTime<Utc>>().unwrap() - START.parse::<DateTime<Utc>>().unwrap(),
    );
    assert_eq!(admin.post("/customers", born).await.expect(201)["birth_date"], "2012-02-01");
}

#[scenario]
async fn a_date_is_a_day_of_the_calendar_and_nothing_else(app: &App) {
    let admin = app.admin().await;
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("1.00").await);
    for wrong in ["2026-02-30", "2026-1-1", "01.02.2026", "2026-02-01T00:00:00Z", "today", "26-01-01"] {
        let reply = admin
            .post("/contracts", json!({"customer_id": customer, "tariff_id": tariff, "signed_date": wrong}))
            .await;
        assert_eq!(
            reply.wrong_fields(),
            [("/signed_date".to_owned(), "invalid_format".to_owned())],
            "{wrong}: {}",
            reply.text
        );
    }
    assert_eq!(app.count("contracts").await, 0);
    let leap = admin
        .post(
            "/contracts",
            json!({"customer_id": customer, "tariff_id": tariff, "signed_date": "2024-02-29"}),
        )
        .await
        .expect(201);
    assert_eq!(leap["signed_date"], "2024-02-29");
    // a blank field is an absent one, and without a date it is today
    let blank = json!({"customer_id": customer, "tariff_id": tariff, "signed_date": ""});
    assert_eq!(admin.post("/contracts", blank).await.expect(201)["signed_date"], "2026-01-31");
}
