//! Merging tickets about the same matter.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, id, scenario};

#[scenario]
async fn a_duplicate_gives_its_comments_and_files_and_is_closed_for_good(app: &App) {
    let desk = Desk::open(app).await;
    let (ticket, duplicate) = (desk.ticket_after(&["assign"]).await, desk.file().await);
    app.advance(TimeDelta::minutes(5));
    desk.write(&duplicate, "Разбираемся").await;
    let files = format!("/tickets/{}/attachments", duplicate["id"]);
    let file =
        desk.operator.file(&files, "log.txt", "text/plain", "Нет сети".as_bytes()).send().await.unwrap();
    assert_eq!(file.status(), 201);
    app.advance(TimeDelta::minutes(5));
    let path = format!("/tickets/{}", ticket["id"]);
    let body = json!({"duplicate_id": duplicate["id"]});
    let kept = desk.operator.post(&format!("{path}/merge"), body.clone()).await.expect(200);
    assert_eq!(kept, desk.now(&ticket).await);
    assert_eq!(
        (&kept["status"], &kept["first_response_at"], &kept["merged_into"], &kept["due_at"]),
        (&json!("in_progress"), &json!("2026-01-31T09:05:00Z"), &Value::Null, &ticket["due_at"])
    );
    let closed = desk.now(&duplicate).await;
    assert_eq!(
        (&closed["status"], &closed["merged_into"], &closed["closed_at"]),
        (&json!("closed"), &ticket["id"], &json!("2026-01-31T09:10:00Z"))
    );
    for list in ["comments", "attachments"] {
        assert_eq!(desk.admin.get(&format!("{path}/{list}")).await.expect(200)["count"], 1, "{list}");
        let none = desk.admin.get(&format!("/tickets/{}/{list}", duplicate["id"])).await.expect(200);
        assert_eq!(none["count"], 0, "{list}");
    }
    for (one, other) in [(&ticket, &duplicate), (&duplicate, &ticket)] {
        let history = format!("/tickets/{}/history?ordering=-at&page_size=1", one["id"]);
        let last = desk.admin.get(&history).await.expect(200)["results"][0].clone();
        assert_eq!((&last["action"], &last["note"]), (&json!("merged"), &other["number"]));
    }
    // nothing more happens to the duplicate
    let steps = app.count("ticket_journal").await;
    for (action, body) in [
        ("reopen", desk.body("reopen")),
        ("comments", json!({"text": "Ещё"})),
        ("merge", json!({"duplicate_id": ticket["id"]})),
        ("assign", desk.body("assign")),
    ] {
        let refused = desk.admin.post(&format!("/tickets/{}/{action}", duplicate["id"]), body).await;
        assert!(
            refused.refused(409, "ticket_merged")["detail"]
                .as_str()
                .unwrap()
                .contains(&ticket["id"].to_string())
        );
    }
    desk.operator.post(&format!("{path}/merge"), body).await.refused(409, "ticket_merged");
    assert_eq!((app.count("ticket_journal").await, desk.now(&duplicate).await), (steps, closed));
    // a ticket with duplicates cannot be deleted, even if it is new
    let fresh = desk.file().await;
    let other = desk.file().await;
    desk.admin
        .post(&format!("/tickets/{}/merge", fresh["id"]), json!({"duplicate_id": other["id"]}))
        .await
        .expect(200);
    desk.admin.delete(&format!("/tickets/{}", fresh["id"])).await.refused(409, "ticket_taken_up");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn only_tickets_of_one_subscriber_are_merged_and_only_into_one_that_is_not_closed(app: &App) {
    let desk = Desk::open(app).await;
    let (ticket, duplicate) = (desk.file().await, desk.file().await);
    let mut complaint = desk.complaint();
    complaint["customer_id"] = json!(desk.admin.customer().await);
    let foreign = desk.admin.post("/tickets", complaint).await.expect(201);
    let closed = desk.ticket_after(&["close"]).await;
    let employee = app.user("employee").await;
    let path = format!("/tickets/{}/merge", ticket["id"]);
    let steps = app.count("ticket_journal").await;
    for (other, code) in
        [(&ticket["id"], "mismatch"), (&foreign["id"], "mismatch"), (&json!(999), "not_found")]
    {
        let reply = desk.operator.post(&path, json!({"duplicate_id": other})).await;
        assert_eq!(reply.wrong_fields(), [("/duplicate_id".to_owned(), code.to_owned())], "{other}");
    }
    let body = json!({"duplicate_id": duplicate["id"]});
    desk.operator.post("/tickets/999/merge", body.clone()).await.refused(404, "ticket_not_found");
    desk.operator
        .post(&format!("/tickets/{}/merge", closed["id"]), body.clone())
        .await
        .refused(409, "ticket_wrong_state");
    employee.post(&path, body.clone()).await.refused(403, "permission_missing");
    assert_eq!(app.count("ticket_journal").await, steps);
    assert_eq!(desk.now(&duplicate).await, duplicate);
    // a closed one may be the duplicate
    desk.operator.post(&path, json!({"duplicate_id": closed["id"]})).await.expect(200);
    // opposite merges at once: one of them wins, and nothing deadlocks
    let (one, other) = (desk.file().await, desk.file().await);
    let merge = async |into: &Value, from: &Value| {
        let body = json!({"duplicate_id": from["id"]});
        desk.admin.post(&format!("/tickets/{}/merge", into["id"]), body).await.status
    };
    let statuses = join_all([merge(&one, &other), merge(&other, &one), merge(&one, &other)]).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    let states = [desk.now(&one).await, desk.now(&other).await].map(|ticket| ticket["merged_into"].is_null());
    assert_eq!(states.iter().filter(|is_free| **is_free).count(), 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn an_archived_subscriber_can_be_written_about_and_a_merged_one_has_another(app: &App) {
    let desk = Desk::open(app).await;
    desk.admin.delete(&format!("/customers/{}", desk.customer)).await.expect(204);
    let ticket = desk.file().await;
    assert_eq!(ticket["customer_id"], json!(desk.customer));
    let (survivor, double) = (desk.admin.customer().await, desk.admin.customer().await);
    let path = format!("/customers/{survivor}/merge");
    desk.admin.post(&path, json!({"duplicate_id": double})).await.expect(200);
    let mut complaint = desk.complaint();
    complaint["customer_id"] = json!(double);
    let refused = desk.operator.post("/tickets", complaint.clone()).await.refused(409, "customer_merged");
    assert!(refused["detail"].as_str().unwrap().contains(&survivor.to_string()), "{refused}");
    assert_eq!(app.count("tickets").await, 1);
    complaint["customer_id"] = json!(survivor);
    assert_eq!(id(&desk.operator.post("/tickets", complaint).await.expect(201)), 2);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
