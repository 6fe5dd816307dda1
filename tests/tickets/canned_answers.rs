//! Texts to answer tickets with.

use serde_json::{Value, json};

use crate::harness::{App, id, scenario};

#[scenario]
async fn team_leads_edit_canned_answers_and_everybody_at_the_desk_reads_them(app: &App) {
    let (supervisor, employee) = (app.user("supervisor").await, app.user("employee").await);
    let restart =
        json!({"title": "Перезагрузка", "category": "technical", "text": "Выключите и включите телефон."});
    let reply = supervisor.post("/canned-answers", restart.clone()).await;
    let location = reply.headers["location"].to_str().unwrap().to_owned();
    let made = reply.expect(201);
    let path = format!("/canned-answers/{}", made["id"]);
    assert_eq!(location, format!("/api/v1{path}"));
    assert_eq!((&made["title"], &made["category"]), (&restart["title"], &restart["category"]));
    let greeting = json!({"title": "Приветствие", "text": "Здравствуйте! Разбираемся."});
    assert_eq!(supervisor.post("/canned-answers", greeting).await.expect(201)["category"], Value::Null);
    assert_eq!(employee.get(&path).await.expect(200), made);
    for (query, count) in
        [("", 2), ("?category=technical", 1), ("?search=РАЗБИРАЕМСЯ", 1), ("?search=нет", 0)]
    {
        assert_eq!(
            employee.get(&format!("/canned-answers{query}")).await.expect(200)["count"],
            count,
            "{query}"
        );
    }
    employee.post("/canned-answers", restart.clone()).await.refused(403, "permission_missing");
    employee.patch(&path, json!({"text": "Нет"})).await.refused(403, "permission_missing");
    employee.delete(&path).await.refused(403, "permission_missing");

    // the title is unique regardless of case
    let twice = json!({"title": "ПЕРЕЗАГРУЗКА", "text": "Ещё раз"});
    let taken = supervisor.post("/canned-answers", twice.clone()).await;
    assert_eq!(taken.refused(409, "canned_answer_title_taken")["errors"][0]["existing_id"], made["id"]);
    let blank = supervisor.post("/canned-answers", json!({"title": " ", "text": ""})).await;
    assert_eq!(
        blank.wrong_fields(),
        [("/text".to_owned(), "required".to_owned()), ("/title".to_owned(), "required".to_owned())]
    );
    let changed = supervisor
        .patch(&path, json!({"text": "Перезагрузите телефон.", "category": null}))
        .await
        .expect(200);
    assert_eq!((&changed["version"], &changed["category"]), (&json!(2), &Value::Null));
    supervisor.patch(&path, json!({"title": "приветствие"})).await.refused(409, "canned_answer_title_taken");
    let stale = supervisor.with("If-Match", "\"1-0\"");
    stale.delete(&path).await.refused(412, "stale_version");
    assert_eq!(app.count("canned_answers").await, 2);
    supervisor.delete(&path).await.expect(204);
    employee.get(&path).await.refused(404, "canned_answer_not_found");
    let audited = app
        .admin()
        .await
        .get(&format!("/audit?entity=canned_answer&entity_id={}", id(&made)))
        .await
        .expect(200);
    assert_eq!(audited["count"], 3);
}
