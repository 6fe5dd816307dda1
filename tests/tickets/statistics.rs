//! Statistics: counts, percentiles, the share within the deadline.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, scenario};

/// The number of tickets in the row whose field has this value.
fn of<'a>(figures: &'a Value, list: &str, name: &str, value: &str) -> &'a Value {
    &figures[list].as_array().unwrap().iter().find(|row| row[name] == value).unwrap()["tickets"]
}

/// Files twenty tickets of high priority, answered after 1 to 20 minutes;
/// ten of them resolved after 1 to 10 hours, of which eight are in time, and one closed.
async fn twenty_tickets(app: &App, desk: &Desk) {
    let mut tickets = Vec::new();
    for _ in 0..20 {
        tickets.push(desk.file().await);
    }
    for ticket in &tickets {
        app.advance(TimeDelta::minutes(1));
        desk.act(ticket, "assign").await;
        let answer = json!({"text": "Разбираемся", "is_internal": false});
        desk.operator.post(&format!("/tickets/{}/comments", ticket["id"]), answer).await.expect(201);
    }
    app.advance(TimeDelta::minutes(40));
    for (n, ticket) in tickets.iter().take(10).enumerate() {
        if n > 0 {
            app.advance(TimeDelta::hours(1));
        }
        desk.act(ticket, "resolve").await;
    }
    desk.act(&tickets[19], "close").await;
}

#[scenario]
async fn the_figures_are_those_of_the_tickets_filed_in_these_days(app: &App) {
    let desk = Desk::open(app).await;
    let supervisor = app.user("supervisor").await;
    desk.operator.get("/tickets/statistics").await.refused(403, "permission_missing");
    let empty = supervisor.get("/tickets/statistics").await.expect(200);
    assert_eq!(
        (&empty["from"], &empty["to"], &empty["tickets"], &empty["within_deadline_percent"]),
        (&json!("2026-01-02"), &json!("2026-01-31"), &json!(0), &Value::Null)
    );
    assert_eq!(empty["resolution"], json!({"tickets": 0, "median_seconds": null, "p95_seconds": null}));

    twenty_tickets(app, &desk).await;
    let figures = supervisor.get("/tickets/statistics").await.expect(200);
    assert_eq!(figures["first_response"], json!({"tickets": 20, "median_seconds": 600, "p95_seconds": 1140}));
    assert_eq!(figures["resolution"], json!({"tickets": 10, "median_seconds": 18000, "p95_seconds": 36000}));
    assert_eq!(
        (&figures["within_deadline"], &figures["within_deadline_percent"]),
        (&json!(8), &json!("80.00"))
    );
    assert_eq!(
        (&figures["tickets"], &figures["open"], &figures["overdue"]),
        (&json!(20), &json!(9), &json!(9))
    );
    assert_eq!(
        (
            of(&figures, "by_status", "status", "resolved"),
            of(&figures, "by_status", "status", "closed"),
            of(&figures, "by_status", "status", "new")
        ),
        (&json!(10), &json!(1), &json!(0))
    );
    assert_eq!(
        (
            of(&figures, "by_category", "category", "technical"),
            of(&figures, "by_priority", "priority", "high")
        ),
        (&json!(20), &json!(20))
    );
    assert_eq!(
        figures["by_assignee"],
        json!([{
            "user_id": desk.worker, "username": "operator", "tickets": 20, "open": 9, "overdue": 9,
            "resolved": 10, "within_deadline": 8
        }])
    );
    // other days have none: a day ends at midnight in the operator's time zone
    assert_eq!(
        supervisor.get("/tickets/statistics?from=2026-02-01&to=2026-02-28").await.expect(200)["tickets"],
        0
    );
    assert_eq!(
        supervisor.get("/tickets/statistics?from=2026-01-31&to=2026-01-31").await.expect(200)["tickets"],
        20
    );
    let before = app.state.db.statements();
    supervisor.get("/tickets/statistics").await.expect(200);
    assert_eq!(app.state.db.statements() - before, 6);
}

#[scenario]
async fn the_span_is_bounded_and_in_order(app: &App) {
    let admin = app.admin().await;
    for (query, name, code) in [
        ("from=2026-02-01&to=2026-01-01", "to", "ends_before_begin"),
        ("from=2024-01-01&to=2026-01-01", "from", "out_of_range"),
        ("from=yesterday", "from", "invalid_format"),
        ("to=9999-12-31", "to", "out_of_range"),
        ("from=0000-01-01&to=0000-02-01", "from", "out_of_range"),
    ] {
        let reply = admin.get(&format!("/tickets/statistics?{query}")).await;
        assert!(
            reply.wrong_fields().contains(&(name.to_owned(), code.to_owned())),
            "{query}: {}",
            reply.text
        );
        reply.refused(400, "invalid_parameter");
    }
    admin.get("/tickets/statistics?from=2024-01-01&to=2024-12-31").await.expect(200);
    admin.get("/tickets/statistics?page=1").await.refused(400, "unknown_parameter");
}
