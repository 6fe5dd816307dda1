//! Edits of a ticket, and which tickets can be deleted.

use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, id, scenario};

#[scenario]
async fn what_a_ticket_says_can_be_changed_and_searched_for(app: &App) {
    let desk = Desk::open(app).await;
    let tariff = desk.admin.prepaid_tariff("1.00").await;
    let contract = id(&desk
        .admin
        .post("/contracts", json!({"customer_id": desk.customer, "tariff_id": tariff}))
        .await
        .expect(201));
    let ticket = desk.file().await;
    let path = format!("/tickets/{}", ticket["id"]);
    let changed = desk
        .operator
        .patch(&path, json!({"subject": "Обрывы связи", "category": "complaint", "contract_id": contract}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["subject"], &changed["category"], &changed["contract_id"], &changed["version"]),
        (&json!("Обрывы связи"), &json!("complaint"), &json!(contract), &json!(2))
    );
    assert_eq!(desk.admin.get("/tickets?search=обрывы").await.expect(200)["count"], 1);
    let last =
        desk.admin.get(&format!("{path}/history?ordering=-at&page_size=1")).await.expect(200)["results"][0]
            .clone();
    assert_eq!(
        (&last["action"], &last["note"]),
        (&json!("edited"), &json!("contract_id, category, subject"))
    );
    // sending back what was read changes nothing
    let steps = app.count("ticket_journal").await;
    assert_eq!(desk.operator.put(&path, changed.clone()).await.expect(200), changed);
    assert_eq!(app.count("ticket_journal").await, steps);
    let cleared = desk.operator.patch(&path, json!({"contract_id": null})).await.expect(200);
    assert_eq!(cleared["contract_id"], Value::Null);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_has_an_action_of_its_own_is_read_only_and_a_foreign_contract_is_refused(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.file().await;
    let path = format!("/tickets/{}", ticket["id"]);
    let foreign = desk.admin.draft("1.00").await;
    let read_only = json!({
        "status": "closed", "priority": "low", "assigned_to": 1, "customer_id": 999,
        "due_at": "2030-01-01T00:00:00Z", "number": "x", "resolution": "x", "priority_rank": 1,
        "is_overdue": true
    });
    let names: Vec<String> = read_only.as_object().unwrap().keys().cloned().collect();
    let reply = desk.operator.patch(&path, read_only).await;
    let mut expected: Vec<_> =
        names.into_iter().map(|name| (format!("/{name}"), "read_only".to_owned())).collect();
    expected.sort();
    assert_eq!(reply.wrong_fields(), expected);
    for (body, pointer, code) in [
        (json!({"contract_id": foreign}), "/contract_id", "mismatch"),
        (json!({"contract_id": 999}), "/contract_id", "not_found"),
        (json!({"subject": null}), "/subject", "required"),
        (json!({"description": " "}), "/description", "required"),
        (json!({"subject": "x".repeat(201)}), "/subject", "invalid_length"),
        (json!({"description": "x".repeat(5001)}), "/description", "invalid_length"),
        (json!({"stopped_at": null}), "/stopped_at", "unknown_field"),
    ] {
        let reply = desk.operator.patch(&path, body).await;
        assert_eq!(reply.wrong_fields(), [(pointer.to_owned(), code.to_owned())], "{}", reply.text);
    }
    assert_eq!(desk.now(&ticket).await, ticket);
}

#[scenario]
async fn of_two_edits_of_one_version_the_second_is_stale_and_a_closed_ticket_stays_as_it_is(app: &App) {
    let desk = Desk::open(app).await;
    let ticket = desk.file().await;
    let path = format!("/tickets/{}", ticket["id"]);
    let tag = desk.operator.get(&path).await.header("etag").to_owned();
    let careful = desk.operator.with("if-match", tag);
    careful.patch(&path, json!({"subject": "Первый"})).await.expect(200);
    careful.patch(&path, json!({"subject": "Второй"})).await.refused(412, "stale_version");
    assert_eq!(desk.now(&ticket).await["subject"], "Первый");
    let closed = desk.act(&ticket, "close").await;
    desk.operator.patch(&path, json!({"subject": "Третий"})).await.refused(409, "ticket_wrong_state");
    assert_eq!(desk.now(&ticket).await, closed);
    // a request without differences changes nothing
    desk.operator.patch(&path, json!({"subject": "Первый"})).await.expect(200);
}

#[scenario]
async fn only_a_ticket_that_nobody_took_up_is_deleted_and_the_audit_trail_keeps_it(app: &App) {
    let desk = Desk::open(app).await;
    for way in [&["assign"][..], &["wait"], &["wait", "resume"], &["close"], &["assign", "resolve"]] {
        let ticket = desk.ticket_after(way).await;
        desk.admin.delete(&format!("/tickets/{}", ticket["id"])).await.refused(409, "ticket_taken_up");
    }
    let answered = desk.file().await;
    desk.operator
        .post(
            &format!("/tickets/{}/comments", answered["id"]),
            json!({"text": "Разбираемся", "is_internal": false}),
        )
        .await
        .expect(201);
    desk.admin.delete(&format!("/tickets/{}", answered["id"])).await.refused(409, "ticket_taken_up");

    let mistake = desk.file().await;
    let path = format!("/tickets/{}", mistake["id"]);
    desk.operator.post(&format!("{path}/comments"), json!({"text": "Ошибка"})).await.expect(201);
    let tickets = app.count("tickets").await;
    desk.admin.with("if-match", "\"7-0\"").delete(&path).await.refused(412, "stale_version");
    assert_eq!(app.count("tickets").await, tickets);
    assert_eq!(desk.admin.delete(&path).await.status, 204);
    desk.admin.delete(&path).await.refused(404, "ticket_not_found");
    desk.admin.get(&format!("{path}/history")).await.refused(404, "ticket_not_found");
    assert_eq!((app.count("tickets").await, app.count("ticket_comments").await), (tickets - 1, 1));
    let row = desk.admin.get("/audit?action=ticket.deleted").await.expect(200)["results"][0].clone();
    assert_eq!(
        (&row["entity_id"], &row["before"]["subject"]),
        (&json!(mistake["id"].to_string()), &json!("Нет связи"))
    );
    assert_eq!(desk.admin.get("/tickets?search=нет%20связи&status=new").await.expect(200)["count"], 2);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
