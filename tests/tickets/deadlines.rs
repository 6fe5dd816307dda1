//! Deadlines: by priority, in working hours, and with pauses.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, scenario};

/// Moves the clock to this moment.
fn at(app: &App, moment: &str) {
    app.advance(moment.parse::<chrono::DateTime<chrono::Utc>>().unwrap() - app.clock.now());
}

async fn filed(desk: &Desk, priority: &str) -> Value {
    let mut complaint = desk.complaint();
    complaint["priority"] = json!(priority);
    desk.admin.post("/tickets", complaint).await.expect(201)
}

#[scenario]
async fn without_a_calendar_hours_are_hours(app: &App) {
    let desk = Desk::open(app).await;
    for (priority, due) in [
        ("critical", "2026-01-31T13:00:00Z"),
        ("high", "2026-01-31T17:00:00Z"),
        ("medium", "2026-02-01T09:00:00Z"),
        ("low", "2026-02-03T09:00:00Z"),
    ] {
        assert_eq!(filed(&desk, priority).await["due_at"], due, "{priority}");
    }
}

#[scenario(
    TICKET_WORKING_DAYS = "mon-fri",
    TICKET_WORKING_HOURS = "09:00-18:00",
    TICKET_HOLIDAYS = "2026-02-23,2026-03-09",
    TICKET_HOURS_CRITICAL = "2"
)]
async fn with_a_calendar_only_working_hours_count(app: &App) {
    // Friday, 17:00 in Moscow; Monday is a holiday
    at(app, "2026-02-20T14:00:00Z");
    let desk = Desk::open(app).await;
    let critical = filed(&desk, "critical").await;
    assert_eq!(critical["due_at"], "2026-02-24T07:00:00Z");
    assert_eq!(filed(&desk, "high").await["due_at"], "2026-02-24T13:00:00Z");
    // over the weekend nothing becomes overdue
    at(app, "2026-02-24T06:59:00Z");
    let desk = desk.back(app).await;
    assert_eq!(desk.admin.get("/tickets/overdue").await.expect(200)["count"], 0);
    app.advance(TimeDelta::minutes(2));
    assert_eq!(desk.admin.get("/tickets/overdue").await.expect(200)["results"][0]["id"], critical["id"]);
    // on a Sunday, the time begins on Monday
    at(app, "2026-03-01T10:00:00Z");
    let desk = desk.back(app).await;
    assert_eq!(filed(&desk, "critical").await["due_at"], "2026-03-02T08:00:00Z");
    let ticket = filed(&desk, "high").await;
    // on hold from Monday noon to Wednesday noon: two working days, regardless of the hours
    at(app, "2026-03-02T09:00:00Z");
    let desk = desk.back(app).await;
    let waiting = desk.act(&ticket, "wait").await;
    assert_eq!((&waiting["due_at"], &waiting["is_overdue"]), (&json!("2026-03-02T14:00:00Z"), &json!(false)));
    at(app, "2026-03-04T09:00:00Z");
    let desk = desk.back(app).await;
    assert_eq!(desk.now(&ticket).await["is_overdue"], false);
    assert_eq!(desk.act(&ticket, "resume").await["due_at"], "2026-03-04T14:00:00Z");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(
    TICKET_WORKING_DAYS = "mon-fri",
    TICKET_WORKING_HOURS = "09:00-13:00,14:00-18:00",
    TICKET_EXTRA_DAYS = "2026-02-28"
)]
async fn breaks_do_not_count_and_extra_working_days_do(app: &App) {
    // Friday, 12:00 in Moscow, an hour before the break
    at(app, "2026-02-27T09:00:00Z");
    let desk = Desk::open(app).await;
    assert_eq!(filed(&desk, "critical").await["due_at"], "2026-02-27T14:00:00Z");
    // three hours are left on this Friday after the break, and the Saturday is worked too
    assert_eq!(filed(&desk, "high").await["due_at"], "2026-02-28T09:00:00Z");
}

#[scenario(TICKET_WORKING_DAYS = "mon-fri", TICKET_WORKING_HOURS = "22:00-06:00")]
async fn a_night_shift_belongs_to_the_day_on_which_it_begins(app: &App) {
    // Saturday, 3:00 in Moscow, in the shift that began on Friday
    at(app, "2026-02-28T00:00:00Z");
    let desk = Desk::open(app).await;
    // three hours are left in it, and the next begins on Monday at 22:00
    assert_eq!(filed(&desk, "critical").await["due_at"], "2026-03-02T20:00:00Z");
    assert_eq!(filed(&desk, "high").await["due_at"], "2026-03-03T00:00:00Z");
}

#[scenario]
async fn who_may_not_make_a_ticket_critical_later_may_not_file_one(app: &App) {
    let desk = Desk::open(app).await;
    let (supervisor, employee) = (app.user("supervisor").await, app.user("employee").await);
    let mut complaint = desk.complaint();
    let ticket = employee.post("/tickets", complaint.clone()).await.expect(201);
    complaint["priority"] = json!("critical");
    for client in [&employee, &supervisor, &desk.operator] {
        let filed = client.post("/tickets", complaint.clone()).await;
        let path = format!("/tickets/{}/change_priority", ticket["id"]);
        let later = client.post(&path, json!({"priority": "critical"})).await;
        assert_eq!(filed.status == 201, later.status == 200, "{}", filed.text);
    }
    let refused = employee.post("/tickets", complaint).await.refused(403, "permission_missing");
    assert!(refused["detail"].as_str().unwrap().contains("tickets:work"), "{refused}");
    assert_eq!(app.count("tickets").await, 3);
}

#[scenario(TICKET_WORKING_HOURS = "09:00-18:00", TIMEZONE = "Europe/Berlin")]
async fn the_hours_are_those_of_the_operator_s_zone_also_when_its_clocks_change(app: &App) {
    // Saturday, 17:00 in Berlin, the night before the clocks go forward
    at(app, "2026-03-28T16:00:00Z");
    let desk = Desk::open(app).await;
    assert_eq!(filed(&desk, "critical").await["due_at"], "2026-03-29T10:00:00Z");
}

#[scenario]
async fn the_clock_stands_still_while_a_ticket_waits_and_what_was_late_stays_late(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.ticket_after(&["assign", "wait"]).await;
    app.advance(TimeDelta::hours(12));
    assert_eq!(desk.now(&ticket).await["is_overdue"], false);
    assert_eq!(desk.admin.get("/tickets?overdue=true").await.expect(200)["count"], 0);
    assert_eq!(desk.admin.get("/tickets?overdue=false").await.expect(200)["count"], 1);
    assert_eq!(desk.act(&ticket, "resume").await["due_at"], "2026-02-01T05:00:00Z");
    app.advance(TimeDelta::hours(9));
    let late = desk.act(&ticket, "wait").await;
    assert_eq!(late["is_overdue"], true);
    assert_eq!(desk.admin.get("/tickets/overdue").await.expect(200)["count"], 1);
    assert_eq!(desk.admin.get("/tickets?overdue=false").await.expect(200)["count"], 0);
    let resolved = desk.act(&ticket, "resolve").await;
    assert_eq!(
        (&resolved["is_overdue"], desk.admin.get("/tickets/overdue").await.expect(200)["count"].clone()),
        (&json!(false), json!(0))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn another_priority_brings_its_deadline_with_what_the_ticket_waited(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.ticket_after(&["wait"]).await;
    app.advance(TimeDelta::hours(2));
    desk.act(&ticket, "resume").await;
    let path = format!("/tickets/{}/change_priority", ticket["id"]);
    for (priority, rank, due) in [
        ("critical", 4, "2026-01-31T15:00:00Z"),
        ("low", 1, "2026-02-03T11:00:00Z"),
        ("high", 3, "2026-01-31T19:00:00Z"),
    ] {
        let changed = desk.operator.post(&path, json!({"priority": priority})).await.expect(200);
        assert_eq!(
            (&changed["priority"], &changed["priority_rank"], &changed["due_at"]),
            (&json!(priority), &json!(rank), &json!(due))
        );
    }
    // a request without differences changes nothing
    let (before, steps) = (desk.now(&ticket).await, app.count("ticket_journal").await);
    assert_eq!(desk.operator.post(&path, json!({"priority": "high"})).await.expect(200), before);
    assert_eq!(app.count("ticket_journal").await, steps);
    let urgent = desk.admin.get("/tickets?ordering=-priority_rank,created_at").await.expect(200);
    assert_eq!(urgent["results"][0]["id"], ticket["id"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
