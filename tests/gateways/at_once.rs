//! Concurrent actions on one payment: by staff, by gateway events and by polling.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use database::LONGEST_WAIT;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::{KEY, balance, deliver, happened, link, signed, standing, succeeded};
use crate::harness::{App, scenario};

#[scenario]
async fn staff_events_and_questions_at_once_move_a_payment_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    for round in 0..4 {
        let payment = link(&admin, contract, "10.00").await;
        let before = balance(&admin, contract).await;
        app.advance(TimeDelta::minutes(15));
        let admin = app.admin().await;
        let news = [
            succeeded(&payment, "10.00"),
            happened(&payment, "payment.failed"),
            happened(&payment, "payment.processing"),
        ];
        let events: Vec<_> =
            (0..8).map(|n| signed(app, KEY, &format!("evt-{round}-{n}"), &news[n % 3])).collect();
        let deliveries = join_all(events.iter().map(|event| deliver(app, "sandbox", event)));
        let path = format!("/payments/{}/cancel", payment["id"]);
        let cancel = admin.post(&path, json!({}));
        let ((replies, _polled), cancelled) = join(join(deliveries, app.poll_gateways()), cancel).await;
        for reply in replies {
            reply.expect(200);
        }
        assert!([200, 409].contains(&cancelled.status), "{}", cancelled.text);
        let (status, quarantine) = standing(&admin, &payment).await;
        let moved = balance(&admin, contract).await != before;
        assert_eq!(moved, status == "success", "{status} {quarantine}");
        assert!(["success", "failed", "cancelled"].contains(&status.as_str()), "{status}");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn many_different_events_of_one_payment_at_once_are_all_taken_and_count_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    for (round, many) in [2, 3, 16, 50].into_iter().enumerate() {
        let payment = link(&admin, contract, "10.00").await;
        let news = [happened(&payment, "payment.processing"), succeeded(&payment, "10.00")];
        let events: Vec<_> =
            (0..many).map(|n| signed(app, KEY, &format!("evt-{round}-{n}"), &news[n % 2])).collect();
        let begun = Instant::now();
        let replies = join_all(events.iter().map(|event| deliver(app, "sandbox", event))).await;
        let took = begun.elapsed();
        println!("{many} events at once took {took:?}");
        for reply in replies {
            reply.expect(200);
        }
        // transactions that wait for each other in a circle take a second until PostgreSQL ends one of them;
        // fifty that do so take longer than a request waits
        let second = Duration::from_secs(1);
        let bound = if many == 50 { LONGEST_WAIT + second } else { second };
        assert!(took < bound, "{many} events took {took:?}");
        assert_eq!(balance(&admin, contract).await, format!("{}.00", (round + 1) * 10));
    }
    assert_eq!(app.count("gateway_events").await, 71);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn staff_and_a_gateway_that_report_success_at_once_count_a_payment_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    for round in 0..8 {
        let payment = link(&admin, contract, "10.00").await;
        let event = signed(app, KEY, &format!("evt-{round}"), &succeeded(&payment, "10.00"));
        let path = format!("/payments/{}/process", payment["id"]);
        let process = admin.post(&path, json!({}));
        let (processed, told) = join(process, deliver(app, "sandbox", &event)).await;
        assert!([200, 409].contains(&processed.status), "{}", processed.text);
        told.expect(200);
        assert_eq!(balance(&admin, contract).await, format!("{}.00", (round + 1) * 10));
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}
