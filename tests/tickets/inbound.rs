//! Mail from subscribers becomes tickets and comments.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::{App, Client, Reply, scenario};

/// Delivers a mail as a mail server does.
async fn deliver(client: &Client, query: &str, source: &str) -> Reply {
    let path = format!("/tickets/inbound{query}");
    let request = client.request(Method::POST, &path).header("content-type", "message/rfc822");
    let response = request.body(source.replace('\n', "\r\n")).send().await.unwrap();
    Reply::read(format!("POST {path} {source}"), response).await
}

/// A mail from this address with these further headers.
fn mail(from: &str, headers: &str, text: &str) -> String {
    format!(
        "From: Пётр <{from}>\nTo: help@example.com\n{headers}\nContent-Type: text/plain; charset=utf-8\n\n{text}"
    )
}

/// The address of a subscriber.
async fn address(desk: &Desk) -> String {
    let customer = desk.admin.get(&format!("/customers/{}", desk.customer)).await.expect(200);
    customer["email"].as_str().unwrap().to_owned()
}

#[scenario]
async fn a_mail_is_a_new_ticket_of_the_subscriber_who_has_the_address_and_comes_once(app: &App) {
    let desk = Desk::open(app).await;
    let from = address(&desk).await.to_uppercase();
    let source = mail(
        &from,
        "Subject: =?UTF-8?B?0J3QtdGCINGB0LLRj9C30Lg=?=\nMessage-ID: <1@example.com>",
        "С утра нет сети.",
    );
    let received = deliver(&desk.operator, "?category=technical", &source).await;
    let location = received.headers["location"].to_str().unwrap().to_owned();
    let received = received.expect(201);
    assert_eq!(
        (&received["outcome"], &received["reason"], &received["comment_id"], &received["is_repeat"]),
        (&json!("ticket_created"), &Value::Null, &Value::Null, &json!(false))
    );
    assert_eq!(received["sender"], json!(from.to_lowercase()));
    assert_eq!(location, format!("/api/v1/tickets/{}", received["ticket_id"]));
    let ticket = desk.admin.get(&location).await.expect(200);
    assert_eq!(
        (&ticket["customer_id"], &ticket["subject"], &ticket["description"], &ticket["category"]),
        (&json!(desk.customer), &json!("Нет связи"), &json!("С утра нет сети."), &json!("technical"))
    );
    // a mail server that did not get the answer sends it again
    let again = deliver(&desk.operator, "", &source).await.expect(200);
    assert_eq!((&again["is_repeat"], &again["ticket_id"]), (&json!(true), &ticket["id"]));
    let (operator, admin) = (&desk.operator, &desk.admin);
    let at_once = join_all((0..4).map(|n| {
        let source = source.replace("1@example", if n % 2 == 0 { "2@example" } else { "3@example" });
        // one caller may send a few at a time
        async move { deliver(if n < 2 { operator } else { admin }, "", &source).await.status }
    }));
    let mut statuses = at_once.await;
    statuses.sort_unstable();
    assert_eq!((statuses, app.count("tickets").await), (vec![200, 200, 201, 201], 3));
    // who may not see personal data sees no address
    let employee = app.user("employee").await;
    let masked = deliver(&employee, "", &source).await.expect(200)["sender"].clone();
    assert!(masked.as_str().unwrap().contains("***"), "{masked}");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_reply_is_a_comment_on_the_ticket_that_its_subject_or_its_headers_name(app: &App) {
    let desk = Desk::open(app).await;
    let from = address(&desk).await;
    let ticket = desk.ticket_after(&["assign", "wait"]).await;
    let number = ticket["number"].as_str().unwrap();
    app.advance(TimeDelta::hours(1));
    let subject = format!("Subject: Re: [{}] Статус\nMessage-ID: <a@example.com>", number.to_lowercase());
    let received = deliver(&desk.operator, "", &mail(&from, &subject, "Уже работает?")).await.expect(201);
    assert_eq!((&received["outcome"], &received["ticket_id"]), (&json!("comment_added"), &ticket["id"]));
    let path = format!("/tickets/{}", ticket["id"]);
    let comment = desk.admin.get(&format!("{path}/comments")).await.expect(200)["results"][0].clone();
    assert_eq!(
        (&comment["text"], &comment["is_from_customer"], &comment["is_internal"], &comment["author_id"]),
        (&json!("Уже работает?"), &json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(comment["id"], received["comment_id"]);
    // what the subscriber writes is no response, and the clock runs again
    let resumed = desk.now(&ticket).await;
    assert_eq!(
        (&resumed["status"], &resumed["first_response_at"], &resumed["due_at"]),
        (&json!("in_progress"), &Value::Null, &json!("2026-01-31T18:00:00Z"))
    );
    // a solved ticket is reopened, also by an address that nobody has, and by the headers alone
    desk.act(&ticket, "resolve").await;
    let headers = format!(
        "Subject: Hello\nIn-Reply-To: <x@crm>\nReferences: <{number}@crm> <x@crm>\nMessage-ID: <b@example.com>"
    );
    deliver(&desk.operator, "", &mail("wife@example.org", &headers, "Снова нет")).await.expect(201);
    assert_eq!(desk.now(&ticket).await["status"], "in_progress");
    // of a merged ticket, the one that goes on
    let duplicate = desk.file().await;
    desk.admin.post(&format!("{path}/merge"), json!({"duplicate_id": duplicate["id"]})).await.expect(200);
    let subject = format!("Subject: {}\nMessage-ID: <c@example.com>", duplicate["number"].as_str().unwrap());
    let received = deliver(&desk.operator, "", &mail(&from, &subject, "И ещё")).await.expect(201);
    assert_eq!(received["ticket_id"], ticket["id"]);
    assert_eq!(desk.admin.get(&format!("{path}/comments")).await.expect(200)["count"], 3);
    let actions: Vec<String> = desk.journal(&ticket).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(
        actions,
        [
            "created",
            "assigned",
            "waiting",
            "commented",
            "resumed",
            "resolved",
            "commented",
            "reopened",
            "merged",
            "commented"
        ]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn files_of_a_mail_are_kept_and_those_that_could_run_are_named(app: &App) {
    let desk = Desk::open(app).await;
    let from = address(&desk).await;
    let png =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let source = format!(
        "From: {from}\nSubject: =?UTF-8?B?0KTQvtGC0L4=?=\nMessage-ID: <files@example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nСм. файлы\n\
         --b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename*=UTF-8''%D1%8D%D0%BA%D1%80%D0%B0%D0%BD.png\n\n{png}\n\
         --b\nContent-Type: application/x-msdownload; name=setup.exe\nContent-Disposition: attachment; filename=\"setup.exe\"\n\
         Content-Transfer-Encoding: base64\n\nTVqQAAMAAAAEAAAA\n--b--\n"
    );
    let received = deliver(&desk.operator, "", &source).await.expect(201);
    assert_eq!(
        (&received["attached"], &received["left_out"]),
        (&json!(1), &json!([{"name": "setup.exe", "code": "file_type_not_allowed"}]))
    );
    let files = desk.admin.get(&format!("/tickets/{}/attachments", received["ticket_id"])).await.expect(200);
    let file = &files["results"][0];
    assert_eq!((&file["name"], &file["media_type"]), (&json!("экран.png"), &json!("image/png")));
    let path = format!("/tickets/{}/attachments/{}", received["ticket_id"], file["id"]);
    let content = desk.admin.request(Method::GET, &path).send().await.unwrap().bytes().await.unwrap();
    assert!(content.starts_with(b"\x89PNG"));
    assert_eq!(app.count("leftover_files").await, 0);
    // a repeat keeps no second copy
    deliver(&desk.operator, "", &source).await.expect(200);
    assert_eq!((app.count("ticket_attachments").await, app.count("leftover_files").await), (1, 0));
    // a refused mail leaves no file behind
    let stranger = source.replace(&from, "nobody@example.org").replace("files@", "other@");
    deliver(&desk.operator, "", &stranger).await.refused(422, "mail_sender_unknown");
    assert_eq!((app.count("leftover_files").await, app.count("inbound_mails").await), (0, 1));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_programs_write_changes_nothing_and_two_of_them_do_not_write_to_each_other_for_ever(app: &App) {
    let desk = Desk::open(app).await;
    let from = address(&desk).await;
    let ticket = desk.ticket_after(&["wait"]).await;
    let number = ticket["number"].as_str().unwrap();
    for (n, (headers, reason)) in [
        ("Auto-Submitted: auto-replied", "auto_submitted"),
        ("Precedence: bulk", "bulk"),
        ("List-Id: <news.example.com>", "bulk"),
        ("Return-Path: <>", "report"),
    ]
    .into_iter()
    .enumerate()
    {
        let headers = format!("Subject: Re: {number}\nMessage-ID: <{n}@example.com>\n{headers}");
        let ignored = deliver(&desk.operator, "", &mail(&from, &headers, "В отпуске до понедельника"))
            .await
            .expect(200);
        assert_eq!(
            (&ignored["outcome"], &ignored["reason"]),
            (&json!("ignored"), &json!(reason)),
            "{headers}"
        );
        assert_eq!(ignored["ticket_id"], Value::Null);
    }
    assert_eq!((desk.now(&ticket).await, app.count("ticket_comments").await), (ticket.clone(), 0));
    // a program that does not say that it is one
    for n in 0..30 {
        let headers = format!("Subject: Re: {number}\nMessage-ID: <loop-{n}@example.com>");
        deliver(&desk.operator, "", &mail("robot@example.org", &headers, "Принято")).await.expect(201);
    }
    let headers = format!("Subject: Re: {number}\nMessage-ID: <loop-30@example.com>");
    let ignored =
        deliver(&desk.operator, "", &mail("robot@example.org", &headers, "Принято")).await.expect(200);
    assert_eq!(ignored["reason"], "loop");
    assert_eq!(app.count("ticket_comments").await, 30);
    app.advance(TimeDelta::minutes(61));
    let desk = desk.back(app).await;
    let headers = headers.replace("loop-30", "loop-31");
    deliver(&desk.operator, "", &mail("robot@example.org", &headers, "Принято")).await.expect(201);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn mail_that_belongs_to_nobody_is_refused_or_filed_where_the_mail_server_says(app: &App) {
    let desk = Desk::open(app).await;
    let source = mail("nobody@example.org", "Subject: Hi\nMessage-ID: <1@example.org>", "Hello");
    deliver(&desk.operator, "", &source).await.refused(422, "mail_sender_unknown");
    let query = format!("?fallback_customer_id={}", desk.customer);
    let received = deliver(&desk.operator, &query, &source).await.expect(201);
    let ticket = desk.admin.get(&format!("/tickets/{}", received["ticket_id"])).await.expect(200);
    assert_eq!((&ticket["customer_id"], &ticket["category"]), (&json!(desk.customer), &json!("other")));
    let other = source.replace("1@", "2@");
    let wrong = deliver(&desk.operator, "?fallback_customer_id=999", &other).await;
    assert_eq!(wrong.wrong_fields(), [("/customer_id".to_owned(), "not_found".to_owned())]);
    for source in ["Hello", "Subject: no sender\n\nHello"] {
        deliver(&desk.operator, &query, source).await.refused(422, "mail_unreadable");
    }
    let body = desk.operator.request(Method::POST, "/tickets/inbound").json(&json!({"from": "a"}));
    let reply = Reply::read("a JSON body".to_owned(), body.send().await.unwrap()).await;
    reply.refused(415, "unsupported_media_type");
    app.stranger().post("/tickets/inbound", json!({})).await.refused(401, "not_signed_in");
    assert_eq!((app.count("tickets").await, app.count("inbound_mails").await), (1, 1));
}
