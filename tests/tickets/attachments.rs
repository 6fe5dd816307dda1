//! Files: which are accepted, how they are returned, and that none is lost or left behind.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::Desk;
use crate::harness::{App, Client, Reply, id, scenario};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06";
const LIMIT: usize = 10 * 1024 * 1024;

async fn send(client: &Client, path: &str, name: &str, media_type: &str, content: &[u8]) -> Reply {
    Reply::read(
        format!("a file {name:?}"),
        client.file(path, name, media_type, content).send().await.unwrap(),
    )
    .await
}

/// Sends a form with this raw body.
async fn form(client: &Client, path: &str, body: &str) -> Reply {
    let request =
        client.request(Method::POST, path).header("content-type", "multipart/form-data; boundary=frontier");
    Reply::read(format!("{body:?}"), request.body(body.replace('\n', "\r\n")).send().await.unwrap()).await
}

/// The number of stored files, complete or not.
fn stored(app: &App) -> usize {
    let folders = std::fs::read_dir(app.database.files()).into_iter().flatten().flatten();
    folders.map(|folder| std::fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}

/// A ticket and the path of its files.
async fn files_of(desk: &Desk) -> (Value, String) {
    let ticket = desk.file().await;
    let path = format!("/tickets/{}/attachments", ticket["id"]);
    (ticket, path)
}

#[scenario]
async fn a_file_is_kept_as_it_was_sent_and_given_back_as_a_download_that_no_browser_runs(app: &App) {
    let desk = Desk::open(app).await;
    let (ticket, path) = files_of(&desk).await;
    let sent = send(&desk.operator, &path, "снимок экрана.png", "image/png", PNG).await;
    let location = sent.header("location").to_owned();
    let file = sent.expect(201);
    assert_eq!(location, format!("/api/v1{path}/{}", file["id"]));
    assert_eq!(
        (&file["name"], &file["media_type"], &file["size"], &file["uploader"]),
        (&json!("снимок экрана.png"), &json!("image/png"), &json!(PNG.len()), &json!("operator"))
    );
    assert!(file.get("file_key").is_none());

    let request = desk.admin.request(Method::GET, &location);
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"______ ______.png\"; \
         filename*=UTF-8''%D1%81%D0%BD%D0%B8%D0%BC%D0%BE%D0%BA%20%D1%8D%D0%BA%D1%80%D0%B0%D0%BD%D0%B0.png"
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox; frame-ancestors 'none'");
    assert_eq!(header("content-length"), PNG.len().to_string());
    let tag = header("etag");
    assert_eq!(response.bytes().await.unwrap(), PNG);
    let again = desk.admin.with("if-none-match", tag).get(&location).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));

    let list = desk.admin.get(&path).await.expect(200);
    assert_eq!((&list["count"], &list["results"][0]), (&json!(1), &file));
    assert_eq!(desk.journal(&ticket).await.last().unwrap().0, "attached");
    // each read is in the audit trail, because a file may contain personal data
    app.flush().await;
    let reads = desk.admin.get("/audit?entity=ticket_attachment").await.expect(200);
    assert!(reads["count"].as_i64().unwrap() >= 1, "{reads}");
    assert_eq!((stored(app), app.count("leftover_files").await), (1, 0));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn ten_mebibytes_are_taken_and_one_byte_more_is_not(app: &App) {
    let desk = Desk::open(app).await;
    let (_, path) = files_of(&desk).await;
    let mut content = PNG.to_vec();
    content.resize(LIMIT, 7);
    let file = send(&desk.operator, &path, "large.png", "image/png", &content).await.expect(201);
    assert_eq!(file["size"], LIMIT);
    let back = desk
        .operator
        .request(Method::GET, &format!("{path}/{}", file["id"]))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(back == content);
    content.push(7);
    let problem =
        send(&desk.operator, &path, "large.png", "image/png", &content).await.refused(413, "body_too_large");
    assert!(problem["detail"].as_str().unwrap().contains("10"), "{problem}");
    content.resize(LIMIT + 200_000, 7);
    send(&desk.operator, &path, "large.png", "image/png", &content).await.refused(413, "body_too_large");
    assert_eq!(
        (stored(app), app.count("ticket_attachments").await, app.count("leftover_files").await),
        (1, 1, 0)
    );
}

#[scenario]
async fn names_lose_their_paths_and_files_that_are_not_what_they_say_are_refused(app: &App) {
    let desk = Desk::open(app).await;
    let (_, path) = files_of(&desk).await;
    for (name, kept) in [
        ("../../../etc/passwd.txt", "passwd.txt"),
        ("C:/boot/a.log", "a.log"),
        ("..", "file"),
        ("a;b=c.txt", "a;b=c.txt"),
        // as mail programs, scripts and macOS send it
        ("=?UTF-8?B?0YfQsNC5LnR4dA==?=", "чай.txt"),
        ("%D1%87%D0%B0%D0%B9.txt", "чай.txt"),
        ("чаи\u{306}.txt", "чай.txt"),
        ("100%25.txt", "100%25.txt"),
    ] {
        assert_eq!(
            send(&desk.operator, &path, name, "text/plain", b"text").await.expect(201)["name"],
            kept,
            "{name}"
        );
    }
    let (kept, journal) = (stored(app), app.count("ticket_journal").await);
    let page = b"<html><script>alert(1)</script></html>";
    for (name, media_type, content, code) in [
        ("empty.txt", "text/plain", &b""[..], "file_empty"),
        ("a.html", "text/html", page, "file_type_not_allowed"),
        ("a.png", "image/png", page, "file_type_not_allowed"),
        ("a.jpg", "image/jpeg", PNG, "file_type_mismatch"),
        ("a.png", "text/html", PNG, "file_type_mismatch"),
        (
            "a.svg",
            "image/svg+xml",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
            "file_type_mismatch",
        ),
        ("a.exe", "application/octet-stream", b"MZ\x90\0\x03\0\0\0", "file_type_not_allowed"),
        ("a.txt", "text/plain", b"a\0b", "file_type_not_allowed"),
        (&"x".repeat(300), "text/plain", b"text", "invalid_length"),
    ] {
        let reply = send(&desk.operator, &path, name, media_type, content).await;
        assert_eq!(reply.wrong_fields(), [("/file".to_owned(), code.to_owned())], "{name}: {}", reply.text);
        reply.refused(422, "invalid");
    }
    assert_eq!(
        (stored(app), app.count("ticket_journal").await, app.count("leftover_files").await),
        (kept, journal, 0)
    );
}

#[scenario]
async fn a_form_that_is_none_or_has_something_else_in_it_is_refused_and_leaves_nothing(app: &App) {
    let desk = Desk::open(app).await;
    let (_, path) = files_of(&desk).await;
    let file = "--frontier\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\n\ntext\n";
    let text = "--frontier\nContent-Disposition: form-data; name=\"file\"\n\ntext\n";
    let other = "--frontier\nContent-Disposition: form-data; name=\"note\"\n\ntext\n";
    let end = "--frontier--\n";
    for (body, code) in [
        (end.to_owned(), "required"),
        (format!("{text}{end}"), "invalid_type"),
        (format!("{file}{file}{end}"), "duplicate_value"),
    ] {
        let reply = form(&desk.operator, &path, &body).await;
        assert_eq!(reply.wrong_fields(), [("/file".to_owned(), code.to_owned())], "{body}: {}", reply.text);
    }
    let reply = form(&desk.operator, &path, &format!("{file}{other}{end}")).await;
    assert_eq!(reply.wrong_fields(), [("/note".to_owned(), "unknown_field".to_owned())], "{}", reply.text);
    for broken in [
        file,
        "nonsense",
        "",
        "--frontier\nContent-Disposition: attachment\n\nx\n--frontier--\n",
        "--frontier\n\nx\n--frontier--\n",
    ] {
        form(&desk.operator, &path, broken).await.refused(400, "malformed");
    }
    let no_boundary = desk
        .operator
        .request(Method::POST, &path)
        .header("content-type", "multipart/form-data")
        .body("x")
        .send()
        .await
        .unwrap();
    Reply::read("no boundary".into(), no_boundary).await.refused(400, "malformed");
    desk.operator.post(&path, json!({"file": "x"})).await.refused(415, "unsupported_media_type");
    send(&desk.operator, "/tickets/999/attachments", "a.txt", "text/plain", b"x")
        .await
        .refused(404, "ticket_not_found");
    assert_eq!(
        (stored(app), app.count("ticket_attachments").await, app.count("leftover_files").await),
        (0, 0, 0)
    );
}

#[scenario(BODY_SECONDS = "1")]
async fn a_file_that_does_not_come_is_waited_for_only_so_long(app: &App) {
    use tokio::io::AsyncWriteExt;
    let desk = Desk::open(app).await;
    let (_, path) = files_of(&desk).await;
    let mut stream = tokio::net::TcpStream::connect(desk.operator.address()).await.unwrap();
    let token = desk.operator.token.clone().unwrap();
    let head = format!(
        "POST /api/v1{path} HTTP/1.1\r\nHost: crm.test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: multipart/form-data; boundary=frontier\r\nContent-Length: 5000\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
        .write_all(
            b"--frontier\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhalf",
        )
        .await
        .unwrap();
    let started = std::time::Instant::now();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!((stored(app), app.count("leftover_files").await), (0, 0));
    // an upload that is disconnected also leaves nothing behind for long
    let mut stream = tokio::net::TcpStream::connect(desk.operator.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    app.advance(TimeDelta::hours(3));
    app.sweep_files().await.unwrap();
    assert_eq!((stored(app), app.count("leftover_files").await), (0, 0));
}

#[scenario]
async fn what_a_crash_leaves_between_file_and_row_is_swept_and_nothing_else(app: &App) {
    let desk = Desk::open(app).await;
    let (ticket, path) = files_of(&desk).await;
    let kept = send(&desk.operator, &path, "a.txt", "text/plain", b"kept").await.expect(201);
    // written and not attached; partly written; detached and not removed
    for (key, file) in [("aa/whole", "aa/whole"), ("bb/half", "bb/half#1")] {
        let file = app.database.files().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, b"left").unwrap();
        let context = app.context();
        let granted = acl::Granted::<acl::perm::TicketsWrite>::system("test");
        app.state
            .db
            .transaction(&context, async |tx| tickets::attachments::announce(tx, &granted, key).await)
            .await
            .unwrap();
    }
    assert_eq!((stored(app), app.count("leftover_files").await), (3, 2));
    // uploads may still be in progress
    app.sweep_files().await.unwrap();
    assert_eq!((stored(app), app.count("leftover_files").await), (3, 2));
    app.advance(TimeDelta::minutes(121));
    app.sweep_files().await.unwrap();
    assert_eq!((stored(app), app.count("leftover_files").await), (1, 0));
    let desk = desk.back(app).await;
    assert_eq!(desk.operator.get(&format!("{path}/{}", kept["id"])).await.text, "kept");
    // the files of a deleted ticket are deleted with it
    assert_eq!(desk.admin.delete(&format!("/tickets/{}", ticket["id"])).await.status, 204);
    desk.admin.get(&format!("{path}/{}", kept["id"])).await.refused(404, "ticket_attachment_not_found");
    app.sweep_files().await.unwrap();
    assert_eq!((stored(app), app.count("leftover_files").await), (0, 0));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn one_removes_one_s_own_files_and_others_only_with_permission(app: &App) {
    let desk = Desk::open(app).await;
    let employee = app.user("employee").await;
    let (ticket, path) = files_of(&desk).await;
    let own = send(&employee, &path, "a.txt", "text/plain", b"one").await.expect(201);
    let other = send(&desk.operator, &path, "b.txt", "text/plain", b"two").await.expect(201);
    let at = |file: &Value| format!("{path}/{}", file["id"]);
    employee.delete(&at(&other)).await.refused(403, "permission_missing");
    employee.with("if-match", "\"9-x\"").delete(&at(&own)).await.refused(412, "stale_version");
    assert_eq!(stored(app), 2);
    assert_eq!(employee.delete(&at(&own)).await.status, 204);
    employee.delete(&at(&own)).await.refused(404, "ticket_attachment_not_found");
    assert_eq!(desk.admin.delete(&at(&other)).await.status, 204);
    assert_eq!(
        (stored(app), app.count("leftover_files").await, app.count("ticket_attachments").await),
        (0, 0, 0)
    );
    let steps: Vec<String> = desk.journal(&ticket).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(steps, ["created", "attached", "attached", "detached", "detached"]);
    // a file belongs to one ticket only
    let second = desk.file().await;
    let file = send(&desk.operator, &path, "c.txt", "text/plain", b"three").await.expect(201);
    let elsewhere = format!("/tickets/{}/attachments/{}", second["id"], id(&file));
    desk.operator.get(&elsewhere).await.refused(404, "ticket_attachment_not_found");
    desk.operator.delete(&elsewhere).await.refused(404, "ticket_attachment_not_found");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_ticket_takes_a_hundred_files(app: &App) {
    let desk = Desk::open(app).await;
    let (ticket, path) = files_of(&desk).await;
    let first = send(&desk.operator, &path, "a.txt", "text/plain", b"one").await.expect(201);
    let more = format!(
        "INSERT INTO ticket_attachments (ticket_id, file_key, name, media_type, size, sha256, uploader, \
         created_at) SELECT ticket_id, file_key || '-' || n, name, media_type, size, sha256, uploader, \
         created_at FROM ticket_attachments, (SELECT id AS n FROM audit_numbers) AS numbers \
         WHERE ticket_id = {}",
        ticket["id"],
    );
    let numbers = (1..=99).map(|n| format!("SELECT {n} AS id")).collect::<Vec<_>>().join(" UNION ALL ");
    app.execute(
        &more
            .replace("SELECT id AS n FROM audit_numbers", &format!("SELECT id AS n FROM ({numbers}) AS ids")),
    )
    .await;
    send(&desk.operator, &path, "b.txt", "text/plain", b"two").await.refused(409, "ticket_attachments_full");
    assert_eq!(desk.operator.get(&format!("{path}?page_size=7&page=2")).await.expect(200)["count"], 100);
    assert_eq!(desk.operator.delete(&format!("{path}/{}", first["id"])).await.status, 204);
    send(&desk.operator, &path, "b.txt", "text/plain", b"two").await.expect(201);
}

#[scenario]
async fn an_address_downloads_a_file_once_without_a_header(app: &App) {
    let desk = Desk::open(app).await;
    let (_, path) = files_of(&desk).await;
    let picture = send(&desk.operator, &path, "экран.png", "image/png", PNG).await.expect(201);
    let text = send(&desk.operator, &path, "a.txt", "text/plain", b"text").await.expect(201);
    let address = async |file: &Value| {
        let link =
            desk.operator.post(&format!("/attachments/{}/link", file["id"]), json!({})).await.expect(201);
        link["url"].as_str().unwrap().to_owned()
    };
    let stranger = app.stranger();
    // a picture is shown on any page, other files are saved only
    for (file, media_type, policy) in
        [(&picture, "image/png", "cross-origin"), (&text, "application/octet-stream", "same-origin")]
    {
        let url = address(file).await;
        let reply = stranger.get(&url).await;
        assert_eq!(
            (reply.status, reply.header("content-type"), reply.header("cross-origin-resource-policy")),
            (200, media_type, policy)
        );
        assert!(reply.header("content-disposition").starts_with("attachment"), "{}", reply.asked);
        stranger.get(&url).await.refused(401, "ticket_invalid");
        // with a token, the ticket is left alone and the file is a download as ever
        let other = address(file).await;
        let reply = desk.operator.get(&other).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "application/octet-stream"));
        assert_eq!(stranger.get(&other).await.status, 200);
    }
    // it opens this file alone, for a minute, and only what its owner may see then
    let url = address(&picture).await;
    stranger
        .get(&url.replace(&format!("/{}?", picture["id"]), &format!("/{}?", text["id"])))
        .await
        .refused(401, "ticket_invalid");
    app.advance(TimeDelta::seconds(60));
    stranger.get(&url).await.refused(401, "ticket_invalid");
    let url = address(&picture).await;
    let denied = json!({"granted": [], "denied": ["tickets:read"]});
    desk.admin.put(&format!("/users/{}/permissions", desk.worker), denied).await.expect(200);
    stranger.get(&url).await.refused(403, "permission_missing");
    desk.operator
        .post(&format!("/attachments/{}/link", text["id"]), json!({}))
        .await
        .refused(403, "permission_missing");
    desk.admin.post("/attachments/999999/link", json!({})).await.refused(404, "ticket_attachment_not_found");
    // whoever reads a file is on record, however it is opened
    app.flush().await;
    let read = "/audit?action=personal_data.read&entity=ticket_attachment";
    let read = desk.admin.get(read).await.expect(200);
    let names: Vec<&Value> = read["results"].as_array().unwrap().iter().map(|row| &row["actor"]).collect();
    assert!(names.len() >= 4 && names.iter().all(|name| **name == json!("operator")), "{read}");
}

#[scenario(BODY_SECONDS = "10")]
async fn one_caller_cannot_take_every_place_for_uploads(app: &App) {
    let desk = Desk::open(app).await;
    let (_, path) = files_of(&desk).await;
    let token = desk.operator.token.clone().unwrap();
    let address = desk.operator.address().to_owned();
    let begin = async || {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /api/v1{path} HTTP/1.1\r\nHost: crm\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: multipart/form-data; boundary=frontier\r\nContent-Length: 5000\r\n\r\n\
             --frontier\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nslow"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut slow = Vec::new();
    for _ in 0..4 {
        slow.push(begin().await);
    }
    while app.state.uploads.taken() < 4 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let full = send(&desk.operator, &path, "b.txt", "text/plain", b"own").await;
    assert!(!full.header("retry-after").is_empty());
    full.refused(429, "too_many_requests");
    send(&desk.admin, &path, "b.txt", "text/plain", b"another's").await.expect(201);
    assert_eq!(app.count("ticket_attachments").await, 1);
    // places are free again when those who had them have left
    drop(slow);
    while app.state.uploads.taken() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    send(&desk.operator, &path, "c.txt", "text/plain", b"own").await.expect(201);
    app.sweep_files().await.unwrap();
}
