//! Payments without events: gateways are polled, and the payments expire in time.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{balance, link, now, paid, standing, succeeded, tell};
use crate::harness::{App, Client, scenario};

async fn after(app: &App, time: TimeDelta) -> Client {
    app.advance(time);
    app.poll_gateways().await;
    app.admin().await
}

/// The number of payments that are still to be polled.
async fn asked_about(app: &App) -> i64 {
    app.scalar("SELECT COUNT(*) FROM gateway_payments WHERE next_poll_at IS NOT NULL").await
}

#[scenario]
async fn gateways_are_asked_every_quarter_of_an_hour(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let mut payments = Vec::new();
    for amount in ["10.00", "10.01", "10.02", "10.03", "10.07", "10.08", "10.09"] {
        payments.push(link(&admin, contract, amount).await);
    }
    let admin = after(app, TimeDelta::minutes(14)).await;
    assert_eq!(admin.get("/payments/pending").await.expect(200)["count"], 7);
    let admin = after(app, TimeDelta::minutes(1)).await;
    let mut found = Vec::new();
    for payment in &payments {
        found.push(standing(&admin, payment).await);
    }
    let plain = |status: &str| (status.to_owned(), Value::Null);
    let expected = [
        plain("success"),
        plain("failed"),
        plain("pending"),
        plain("processing"),
        ("pending".to_owned(), json!("wrong_amount")),
        ("pending".to_owned(), json!("wrong_currency")),
        plain("pending"),
    ];
    assert_eq!(found, expected);
    assert_eq!(now(&admin, &payments[1]).await["failure_reason"], "declined by the bank");
    assert_eq!((balance(&admin, contract).await.as_str(), asked_about(app).await), ("10.00", 3));
    // payments that are final or wait for a decision are not polled
    let admin = after(app, TimeDelta::minutes(15)).await;
    assert_eq!((balance(&admin, contract).await.as_str(), asked_about(app).await), ("10.00", 3));
    // after a day, unpaid payments have failed;
    // those in progress and those whose gateway does not respond remain
    let admin = after(app, TimeDelta::minutes(24 * 60 - 30)).await;
    assert_eq!(
        (
            standing(&admin, &payments[2]).await,
            standing(&admin, &payments[3]).await,
            standing(&admin, &payments[6]).await
        ),
        (plain("failed"), plain("processing"), plain("pending"))
    );
    assert_eq!(now(&admin, &payments[2]).await["failure_reason"], "expired");
    // after another day, those without a response fail too
    let admin = after(app, TimeDelta::hours(24)).await;
    assert_eq!(
        (standing(&admin, &payments[3]).await, standing(&admin, &payments[6]).await),
        (plain("processing"), plain("failed"))
    );
    // money received after that is recorded
    assert_eq!(tell(app, "late", succeeded(&payments[6], "10.09")).await, "quarantined");
    assert_eq!(tell(app, "done", succeeded(&payments[3], "10.03")).await, "applied");
    assert_eq!((balance(&admin, contract).await.as_str(), asked_about(app).await), ("20.03", 0));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_waits_for_a_gateway_that_is_in_use_no_more_comes_to_an_end(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let waiting = link(&admin, contract, "10.02").await;
    let came = paid(app, &admin, contract, "100.00").await;
    admin
        .post(&format!("/payments/{}/refund", came["id"]), json!({"amount": "10.14", "reason": "не туда"}))
        .await
        .expect(202);
    app.beside(&[("GATEWAYS", "")], async |other| {
        for hours in [1, 22] {
            app.advance(TimeDelta::hours(hours));
            while other.poll_gateways().await {}
        }
        let admin = app.admin().await;
        assert_eq!(
            (
                standing(&admin, &waiting).await.0.as_str(),
                admin.get("/payments/gateway-refunds").await.expect(200)["results"][0]["status"].as_str()
            ),
            ("pending", Some("requested"))
        );
        app.advance(TimeDelta::hours(25));
        while other.poll_gateways().await {}
    })
    .await;
    let admin = app.admin().await;
    assert_eq!(standing(&admin, &waiting).await, ("failed".to_owned(), Value::Null));
    assert_eq!(
        admin.get("/payments/gateway-refunds").await.expect(200)["results"][0]["status"],
        "unanswered"
    );
    assert_eq!((balance(&admin, contract).await.as_str(), asked_about(app).await), ("100.00", 0));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn instances_share_the_asking_and_each_payment_counts_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    for _ in 0..60 {
        link(&admin, contract, "1.00").await;
    }
    app.advance(TimeDelta::minutes(15));
    app.beside(&[], async |other| {
        // more than one batch: the poll reports that there is more, and then that there is none
        let rounds = futures_util::future::join_all([app, other, app].map(App::poll_gateways)).await;
        assert!(rounds.contains(&true), "{rounds:?}");
        while other.poll_gateways().await {}
    })
    .await;
    let admin = app.admin().await;
    assert_eq!((balance(&admin, contract).await.as_str(), asked_about(app).await), ("60.00", 0));
    assert_eq!(app.scalar("SELECT COUNT(*) FROM payments WHERE status = 'success'").await, 60);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
