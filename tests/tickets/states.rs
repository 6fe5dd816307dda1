//! Every action in every state, and the whole life of a complaint.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, PASSWORD, id, scenario};

/// The actions, each with its entry in the journal.
const ACTIONS: [(&str, &str); 8] = [
    ("assign", "assigned"),
    ("start_work", "started"),
    ("wait", "waiting"),
    ("resume", "resumed"),
    ("resolve", "resolved"),
    ("close", "closed"),
    ("reopen", "reopened"),
    ("change_priority", "priority_changed"),
];

/// A state, the actions that lead to it, and the state after each action; `-` where it is refused.
const TABLE: [(&str, &[&str], [&str; 8]); 7] = [
    ("new", &[], ["in_progress", "ticket_not_assigned", "waiting", "-", "-", "closed", "-", "new"]),
    (
        "in_progress",
        &["assign"],
        ["in_progress", "-", "waiting", "-", "resolved", "closed", "-", "in_progress"],
    ),
    ("waiting", &["wait"], ["waiting", "-", "-", "new", "resolved", "closed", "-", "waiting"]),
    (
        "waiting",
        &["assign", "wait"],
        ["waiting", "-", "-", "in_progress", "resolved", "closed", "-", "waiting"],
    ),
    ("resolved", &["assign", "resolve"], ["-", "-", "-", "-", "-", "closed", "in_progress", "resolved"]),
    ("closed", &["assign", "close"], ["-", "-", "-", "-", "-", "-", "in_progress", "-"]),
    ("closed", &["close"], ["-", "-", "-", "-", "-", "-", "new", "-"]),
];

/// The times that an action sets, and those that it clears.
fn moved(action: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match action {
        "assign" => (&["assigned_at"], &[]),
        "resolve" => (&["resolved_at", "resolution"], &[]),
        "close" => (&["closed_at"], &[]),
        "reopen" => (&[], &["resolved_at", "closed_at", "resolution"]),
        _ => (&[], &[]),
    }
}

#[scenario]
async fn every_action_from_every_state_leads_where_the_table_says_or_is_refused_and_moves_nothing(app: &App) {
    let desk = Desk::open(app).await;
    for (state, way, outcomes) in TABLE {
        for ((action, step), outcome) in ACTIONS.iter().zip(outcomes) {
            let before = desk.ticket_after(way).await;
            assert_eq!(before["status"], state, "{way:?}");
            app.advance(TimeDelta::minutes(1));
            let (steps, audited) = (app.count("ticket_journal").await, app.count("audit").await);
            let path = format!("/tickets/{}/{action}", before["id"]);
            let reply = desk.admin.post(&path, desk.body(action)).await;
            let after = desk.now(&before).await;
            if outcome == "-" || outcome.starts_with("ticket_") {
                let code = if outcome == "-" { "ticket_wrong_state" } else { outcome };
                let problem = reply.refused(409, code);
                assert!(
                    outcome != "-" || problem["detail"].as_str().unwrap().contains(state),
                    "{action} from {state}: {problem}"
                );
                assert_eq!(after, before, "{action} from {state}");
                assert_eq!(
                    (app.count("ticket_journal").await, app.count("audit").await),
                    (steps, audited),
                    "{action} from {state}"
                );
                continue;
            }
            assert_eq!(reply.expect(200), after, "{action} from {state}");
            assert_eq!(after["status"], outcome, "{action} from {state} by {way:?}");
            assert_eq!(
                after["version"],
                json!(before["version"].as_i64().unwrap() + 1),
                "{action} from {state}"
            );
            let at = &after["updated_at"];
            assert_ne!(at, &before["updated_at"], "{action} from {state}");
            let (set, cleared) = moved(action);
            for name in ["assigned_at", "first_response_at", "resolved_at", "closed_at", "resolution"] {
                let (old, new) = (&before[name], &after[name]);
                let expected = match name {
                    _ if cleared.contains(&name) => &Value::Null,
                    _ if !set.contains(&name) => old,
                    "resolution" => &json!("Перезапущена станция"),
                    _ => at,
                };
                assert_eq!(new, expected, "{name} after {action} from {state}");
            }
            let journal = desk
                .admin
                .get(&format!("/tickets/{}/history?ordering=-at&page_size=1", before["id"]))
                .await
                .expect(200);
            let last = &journal["results"][0];
            assert_eq!(
                (&last["action"], &last["from_status"], &last["to_status"], &last["at"], &last["actor"]),
                (&json!(step), &json!(state), &json!(outcome), at, &json!("admin")),
                "{action} from {state}"
            );
            assert_eq!(
                (app.count("ticket_journal").await, app.count("audit").await),
                (steps + 1, audited + 1),
                "{action} from {state}"
            );
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

/// Checks the journal of the complaint below, and the number of its audit entries.
async fn every_step_is_on_record(desk: &Desk, ticket: &Value) {
    let journal = desk.admin.get(&format!("/tickets/{}/history", ticket["id"])).await.expect(200);
    let steps: Vec<[&str; 3]> = journal["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| ["action", "at", "note"].map(|name| step[name].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        steps,
        [
            ["created", "2026-01-31T09:00:00Z", ""],
            ["assigned", "2026-01-31T09:00:00Z", "operator"],
            ["waiting", "2026-01-31T09:30:00Z", "Ждём мастера"],
            ["resumed", "2026-02-01T06:00:00Z", ""],
            ["resolved", "2026-02-01T06:30:00Z", "Заменён кабель"],
            ["closed", "2026-02-01T07:00:00Z", ""],
            ["reopened", "2026-02-01T07:30:00Z", "Опять нет связи"],
            ["resolved", "2026-02-01T08:00:00Z", "Заменена антенна"],
        ]
    );
    let audited =
        desk.admin.get(&format!("/audit?entity=ticket&entity_id={}", ticket["id"])).await.expect(200);
    assert_eq!(audited["count"], 8);
}

#[scenario]
async fn a_complaint_is_filed_assigned_worked_on_put_on_hold_solved_closed_reopened_and_every_step_is_on_record(
    app: &App,
) {
    let desk = Desk::open(app).await;
    let ticket = desk.file().await;
    assert_eq!(
        (&ticket["status"], &ticket["due_at"], &ticket["created_by"]),
        (&json!("new"), &json!("2026-01-31T17:00:00Z"), &json!(desk.worker))
    );
    let path = format!("/tickets/{}", ticket["id"]);
    let step = async |action: &str, body: Value| {
        app.advance(TimeDelta::minutes(30));
        desk.operator.post(&format!("{path}/{action}"), body).await
    };
    desk.act(&ticket, "assign").await;
    step("wait", json!({"reason": "Ждём мастера"})).await.expect(200);
    app.advance(TimeDelta::hours(20));
    let desk = Desk { operator: app.sign_in("operator", PASSWORD).await, ..desk };
    let desk = desk.back(app).await;
    let step = async |action: &str, body: Value| {
        app.advance(TimeDelta::minutes(30));
        desk.operator.post(&format!("{path}/{action}"), body).await
    };
    assert_eq!(desk.now(&ticket).await["is_overdue"], false);
    let resumed = step("resume", json!({})).await.expect(200);
    assert_eq!(
        (&resumed["status"], &resumed["due_at"]),
        (&json!("in_progress"), &json!("2026-02-01T13:30:00Z"))
    );
    let resolved = step("resolve", json!({"resolution": "Заменён кабель"})).await.expect(200);
    assert_eq!(
        (&resolved["resolved_at"], &resolved["resolution"]),
        (&json!("2026-02-01T06:30:00Z"), &json!("Заменён кабель"))
    );
    let closed = step("close", json!({})).await.expect(200);
    assert_eq!(
        (&closed["status"], &closed["resolved_at"], &closed["closed_at"]),
        (&json!("closed"), &resolved["resolved_at"], &json!("2026-02-01T07:00:00Z"))
    );
    let reopened = step("reopen", json!({"reason": "Опять нет связи"})).await.expect(200);
    // it continues where its clock stopped: seven hours were left when it was resolved
    assert_eq!(
        (&reopened["status"], &reopened["assigned_to"], &reopened["due_at"]),
        (&json!("in_progress"), &json!(desk.worker), &json!("2026-02-01T14:30:00Z"))
    );
    step("resolve", json!({"resolution": "Заменена антенна"})).await.expect(200);
    every_step_is_on_record(&desk, &ticket).await;
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_ticket_that_is_given_out_when_it_is_filed_is_new_until_its_user_starts(app: &App) {
    let desk = Desk::open(app).await;
    let mut given = desk.complaint();
    given["assigned_to"] = json!(desk.worker);
    // a user who may not assign cannot do it in the creation either
    desk.operator.post("/tickets", given.clone()).await.refused(403, "permission_missing");
    assert_eq!(app.count("tickets").await, 0);
    let ticket = desk.admin.post("/tickets", given.clone()).await.expect(201);
    assert_eq!(
        (&ticket["status"], &ticket["assigned_to"], &ticket["first_response_at"]),
        (&json!("new"), &json!(desk.worker), &Value::Null)
    );
    assert_eq!(desk.operator.get("/tickets/my_tickets").await.expect(200)["count"], 1);
    assert_eq!(desk.operator.get("/tickets/unassigned").await.expect(200)["count"], 0);
    let started =
        desk.operator.post(&format!("/tickets/{}/start_work", ticket["id"]), json!({})).await.expect(200);
    assert_eq!(
        (&started["status"], &started["first_response_at"]),
        // work on it is no response to the subscriber
        (&json!("in_progress"), &Value::Null)
    );
    assert_eq!(
        desk.journal(&ticket).await.iter().map(|(action, _)| action.as_str()).collect::<Vec<_>>(),
        ["created", "assigned", "started"]
    );
    given["assigned_to"] = json!(999);
    assert_eq!(
        desk.admin.post("/tickets", given).await.wrong_fields(),
        [("/assigned_to".to_owned(), "not_found".to_owned())]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn nobody_gets_a_ticket_who_cannot_work_on_it(app: &App) {
    let desk = Desk::open(app).await;
    let user = async |name: &str, role: &str, active: bool| {
        let body = json!({
            "username": name, "full_name": name, "role": role, "password": PASSWORD, "is_active": active
        });
        id(&desk.admin.post("/users", body).await.expect(201))
    };
    let (gone, employee, blocked) = (
        user("gone", "operator", false).await,
        user("clerk", "employee", true).await,
        user("blocked", "operator", true).await,
    );
    desk.admin.post(&format!("/users/{blocked}/block"), json!({"reason": "отпуск"})).await.expect(200);
    let ticket = desk.file().await;
    let assign = format!("/tickets/{}/assign", ticket["id"]);
    for (somebody, code) in
        [(999, "not_found"), (gone, "not_found"), (blocked, "not_found"), (employee, "assignee_cannot_work")]
    {
        let reply = desk.admin.post(&assign, json!({"user_id": somebody})).await;
        assert_eq!(reply.wrong_fields(), [("/user_id".to_owned(), code.to_owned())], "{somebody}");
        reply.refused(422, "invalid");
    }
    assert_eq!(desk.now(&ticket).await, ticket);
    // a single grant is equivalent to a role
    desk.admin
        .put(&format!("/users/{employee}/permissions"), json!({"granted": ["tickets:work"], "denied": []}))
        .await
        .expect(200);
    desk.admin.post(&assign, json!({"user_id": employee})).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_reopened_ticket_leaves_a_user_who_is_gone(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.ticket_after(&["assign", "resolve"]).await;
    desk.admin.patch(&format!("/users/{}", desk.worker), json!({"is_active": false})).await.expect(200);
    let reopened = desk.act(&ticket, "reopen").await;
    assert_eq!(
        (&reopened["status"], &reopened["assigned_to"], &reopened["assigned_at"]),
        (&json!("new"), &Value::Null, &Value::Null)
    );
    assert_eq!(desk.admin.get("/tickets/unassigned").await.expect(200)["results"][0]["id"], ticket["id"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn closing_what_was_not_solved_needs_a_reason(app: &App) {
    let desk = Desk::open(app).await;
    for way in [&[][..], &["assign"], &["wait"]] {
        let ticket = desk.ticket_after(way).await;
        let close = format!("/tickets/{}/close", ticket["id"]);
        for body in [json!({}), json!({"reason": null}), json!({"reason": " \n"})] {
            let reply = desk.admin.post(&close, body).await;
            assert_eq!(reply.wrong_fields(), [("/reason".to_owned(), "required".to_owned())], "{way:?}");
        }
        assert_eq!(desk.now(&ticket).await, ticket);
    }
    let solved = desk.ticket_after(&["assign", "resolve"]).await;
    let empty = desk
        .admin
        .request(reqwest::Method::POST, &format!("/tickets/{}/close", solved["id"]))
        .send()
        .await
        .unwrap();
    assert_eq!(empty.status(), 200);
    for action in ["wait", "resolve", "reopen", "change_priority", "assign", "comments"] {
        let reply = desk.admin.post(&format!("/tickets/{}/{action}", solved["id"]), json!({})).await;
        assert_eq!(reply.status, 422, "{action}: {}", reply.text);
    }
}

#[scenario]
async fn each_role_does_what_is_its_own(app: &App) {
    let desk = Desk::open(app).await;
    let (supervisor, employee) = (app.user("supervisor").await, app.user("employee").await);
    let ticket = employee.post("/tickets", desk.complaint()).await.expect(201);
    let path = format!("/tickets/{}", ticket["id"]);
    for action in ["assign", "start_work", "wait", "resume", "resolve", "close", "reopen", "change_priority"]
    {
        employee
            .post(&format!("{path}/{action}"), desk.body(action))
            .await
            .refused(403, "permission_missing");
    }
    desk.operator
        .post(&format!("{path}/assign"), desk.body("assign"))
        .await
        .refused(403, "permission_missing");
    for client in [&desk.operator, &supervisor, &employee] {
        client.delete(&path).await.refused(403, "permission_missing");
    }
    assert_eq!(desk.now(&ticket).await, ticket);
    employee.patch(&path, json!({"subject": "Совсем нет связи"})).await.expect(200);
    employee.post(&format!("{path}/comments"), json!({"text": "Звонил ещё раз"})).await.expect(201);
    supervisor.post(&format!("{path}/assign"), desk.body("assign")).await.expect(200);
    desk.operator.post(&format!("{path}/resolve"), desk.body("resolve")).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_many_who_do_the_same_at_once_one_does_it(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.ticket_after(&["assign"]).await;
    let path = format!("/tickets/{}/resolve", ticket["id"]);
    let replies = join_all((0..12).map(|_| desk.operator.post(&path, json!({"resolution": "готово"})))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    replies
        .into_iter()
        .filter(|reply| reply.status != 200)
        .for_each(|reply| drop(reply.refused(409, "ticket_wrong_state")));
    // concurrent actions: in any order, the journal and the state agree
    let ticket = desk.ticket_after(&["assign"]).await;
    let path = format!("/tickets/{}", ticket["id"]);
    join_all((0..20).map(async |n| {
        let (action, body) =
            if n % 2 == 0 { ("wait", json!({"reason": "x"})) } else { ("resume", json!({})) };
        let reply = desk.operator.post(&format!("{path}/{action}"), body).await;
        assert!(matches!(reply.status, 200 | 409), "{}", reply.text);
    }))
    .await;
    assert_eq!(app.violations().await, Vec::<String>::new());
}
