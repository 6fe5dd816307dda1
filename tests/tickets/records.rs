//! Comments, the journal, and the queues.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, scenario};

#[scenario]
async fn comments_are_kept_as_they_were_written_and_the_first_for_the_subscriber_is_the_first_response(
    app: &App,
) {
    let desk = Desk::open(app).await;
    let ticket = desk.file().await;
    let comments = format!("/tickets/{}/comments", ticket["id"]);
    app.advance(TimeDelta::minutes(5));
    let internal = desk.operator.post(&comments, json!({"text": "Похоже на станцию\n№ 7"})).await;
    assert_eq!(internal.header("location"), format!("/api/v1{comments}"));
    let internal = internal.expect(201);
    assert_eq!(
        (&internal["is_internal"], &internal["author"], &internal["text"]),
        (&json!(true), &json!("operator"), &json!("Похоже на станцию\n№ 7"))
    );
    assert_eq!(desk.now(&ticket).await, ticket);
    app.advance(TimeDelta::minutes(5));
    desk.operator.post(&comments, json!({"text": "Разбираемся", "is_internal": false})).await.expect(201);
    let answered = desk.now(&ticket).await;
    assert_eq!(
        (&answered["first_response_at"], &answered["status"], &answered["version"]),
        (&json!("2026-01-31T09:10:00Z"), &json!("new"), &json!(2))
    );
    app.advance(TimeDelta::minutes(5));
    desk.admin.post(&comments, json!({"text": "Готово", "is_internal": false})).await.expect(201);
    desk.act(&ticket, "assign").await;
    assert_eq!(desk.now(&ticket).await["first_response_at"], "2026-01-31T09:10:00Z");

    let page = desk.operator.get(&comments).await.expect(200);
    let texts = |page: &Value| {
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (texts(&page), &page["count"]),
        (vec!["Похоже на станцию\n№ 7".to_owned(), "Разбираемся".to_owned(), "Готово".to_owned()], &json!(3))
    );
    assert_eq!(
        texts(
            &desk
                .operator
                .get(&format!("{comments}?is_internal=false&ordering=-created_at"))
                .await
                .expect(200)
        ),
        ["Готово", "Разбираемся"]
    );
    let first = desk.operator.get(&format!("{comments}?cursor=&page_size=2")).await.expect(200);
    assert_eq!(texts(&desk.operator.get(first["next"].as_str().unwrap()).await.expect(200)), ["Готово"]);
    assert_eq!(desk.journal(&ticket).await.iter().filter(|(action, _)| action == "commented").count(), 3);
    // a closed ticket can still be commented on
    desk.act(&ticket, "close").await;
    desk.operator.post(&comments, json!({"text": "Абонент перезвонил"})).await.expect(201);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_comment_that_says_nothing_or_too_much_is_refused(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.file().await;
    let comments = format!("/tickets/{}/comments", ticket["id"]);
    for (body, pointer, code) in [
        (json!({}), "/text", "required"),
        (json!({"text": " \t"}), "/text", "required"),
        (json!({"text": "x".repeat(5001)}), "/text", "invalid_length"),
        (json!({"text": "\u{0}"}), "/text", "control_character"),
        (json!({"text": "x", "is_internal": "no"}), "/is_internal", "invalid_type"),
        (json!({"text": "x", "author": "admin"}), "/author", "unknown_field"),
    ] {
        let reply = desk.operator.post(&comments, body).await;
        assert_eq!(reply.wrong_fields(), [(pointer.to_owned(), code.to_owned())], "{}", reply.text);
    }
    for path in ["/tickets/999/comments", "/tickets/999/history"] {
        desk.operator.get(path).await.refused(404, "ticket_not_found");
    }
    desk.operator.post("/tickets/999/comments", json!({"text": "x"})).await.refused(404, "ticket_not_found");
    assert_eq!((app.count("ticket_comments").await, app.count("ticket_journal").await), (0, 1));
}

#[scenario]
async fn the_queues_hold_what_is_theirs_with_what_is_due_first_first(app: &App) {
    let desk = Desk::open(app).await;
    let filed = async |priority: &str, subject: &str| {
        let mut complaint = desk.complaint();
        (complaint["priority"], complaint["subject"]) = (json!(priority), json!(subject));
        desk.admin.post("/tickets", complaint).await.expect(201)
    };
    let (low, urgent, other) =
        (filed("low", "Позже").await, filed("critical", "Сейчас").await, filed("high", "Чужое").await);
    let names = async |path: &str| {
        let page = desk.operator.get(path).await.expect(200);
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["subject"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/tickets/unassigned").await, ["Сейчас", "Чужое", "Позже"]);
    desk.act(&low, "assign").await;
    desk.act(&urgent, "assign").await;
    assert_eq!(names("/tickets/my_tickets").await, ["Сейчас", "Позже"]);
    assert_eq!(names("/tickets/unassigned").await, ["Чужое"]);
    assert_eq!(names("/tickets/my_tickets?search=ПОЗЖЕ&priority=low&status=in_progress").await, ["Позже"]);
    // another user's tickets are not in the list
    assert_eq!(desk.admin.get("/tickets/my_tickets").await.expect(200)["count"], 0);
    app.advance(TimeDelta::hours(9));
    assert_eq!(names("/tickets/overdue").await, ["Сейчас", "Чужое"]);
    desk.act(&other, "close").await;
    desk.act(&urgent, "resolve").await;
    assert_eq!(names("/tickets/overdue").await, Vec::<String>::new());
    assert_eq!(names("/tickets/unassigned").await, Vec::<String>::new());
    // the user's finished tickets are in the list
    assert_eq!(names("/tickets/my_tickets?status=resolved").await, ["Сейчас"]);
}
