//! What looks like something else, and long texts that come back: objects that a parser takes for numbers, repaired URLs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Reply, scenario};

#[scenario]
async fn an_object_that_a_parser_takes_for_a_number_is_an_object(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    for name in ["$serde_json::private::Number", r"\u0024serde_json::private::Number"] {
        let body = format!(
            r#"{{"contract_id": {contract}, "amount": {{"{name}": "5.00"}}, "payment_method": "cash"}}"#
        );
        let request =
            admin.request(Method::POST, "/payments").header("content-type", "application/json").body(body);
        let reply = Reply::read(name.to_owned(), request.send().await.unwrap()).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        assert_eq!(reply.wrong_fields(), [("/amount".to_owned(), "invalid_amount".to_owned())]);
    }
    let body = json!({"monthly_fee": {"$serde_json::private::Number": "5.00"}});
    let tariff = admin.prepaid_tariff("1.00").await;
    let wrong = admin.patch(&format!("/tariffs/{tariff}"), body).await;
    assert_eq!(wrong.wrong_fields(), [("/monthly_fee".to_owned(), "invalid_amount".to_owned())]);
    assert_eq!(app.count("payments").await, 0);
}

#[scenario(WEBHOOKS_ALLOW_PRIVATE = "true")]
async fn a_url_that_a_parser_would_repair_is_refused(app: &App) {
    let admin = app.admin().await;
    for url in [
        "https:///x",
        "https:////hooks.example.com/x",
        r"https:\\hooks.example.com",
        r"https://hooks.example.com\x",
    ] {
        let hook = admin.post("/webhook-endpoints", json!({"url": url, "kinds": ["payment.received"]})).await;
        assert_eq!(hook.wrong_fields(), [("/url".to_owned(), "invalid_url".to_owned())], "{url}");
        let link = json!({"contract_id": 1, "amount": "1.00", "gateway": "sandbox", "return_url": url});
        let link = admin.post("/payments/links", link).await;
        assert_eq!(link.wrong_fields(), [("/return_url".to_owned(), "invalid_format".to_owned())], "{url}");
    }
    assert_eq!((app.count("webhook_endpoints").await, app.count("payments").await), (0, 0));
}

#[scenario]
async fn a_problem_repeats_a_bounded_part_of_what_was_sent(app: &App) {
    let admin = app.admin().await;
    let long = "ж".repeat(100_000);
    let many: Value = (0..100)
        .map(|n| (format!("{n}{}", "x".repeat(5_000)), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for reply in [
        admin.post("/tariffs", json!({long.as_str(): 1})).await,
        admin.post("/tariffs", many).await,
        admin.get(&format!("/tariffs?{}=1", "y".repeat(6_000))).await,
        admin.get(&format!("/tariffs?ordering={}", "y".repeat(6_000))).await,
        admin.get(&format!("/{}", "z".repeat(6_000))).await,
        admin.post("/tariffs", json!({"name": "x".repeat(30_000), "tariff_type": long})).await,
        admin.post("/customers", json!({"email": "z".repeat(30_000), "phone": "y".repeat(30_000)})).await,
        admin.get(&format!("/customers?ids={}", "z".repeat(6_000))).await,
        admin.get(&format!("/contracts?expand={}", "y".repeat(6_000))).await,
    ] {
        assert!((400..=422).contains(&reply.status), "{}", reply.status);
        let asked = &reply.asked[..reply.asked.len().min(60)];
        // what is not repeated is names, codes and messages of at most a hundred fields
        let repeated: usize = reply.text.matches(['x', 'y', 'z', 'ж']).map(str::len).sum();
        assert!(repeated <= 8 * 1024, "{asked}: {repeated}");
        let first = reply.body["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert!(first.len() <= 600, "{asked}: {}", first.len());
    }
    // a hundred ordinary mistakes are all listed
    let mistakes: Value =
        (0..100).map(|n| (format!("field_{n}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
    let listed = admin.post("/tariffs", mistakes).await;
    assert_eq!(listed.wrong_fields().len(), 100);
}
