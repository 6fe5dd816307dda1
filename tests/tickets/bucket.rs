//! Files in a bucket, simulated by a server with the needed subset of S3.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use actix_web::{App as Web, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::Method, web};

use super::Desk;
use crate::harness::{App, Reply, scenario};

/// The objects in the bucket by key, and the parts of unfinished uploads.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Vec<u8>>,
    parts: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Whether unfinished uploads cannot be discarded now.
    keeps_parts: bool,
}

type Shared = Arc<Mutex<Bucket>>;

async fn answer(request: HttpRequest, body: web::Bytes, bucket: web::Data<Shared>) -> HttpResponse {
    let signed =
        request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signed.starts_with("AWS4-HMAC-SHA256 Credential=crm-key/") {
        return HttpResponse::Forbidden().finish();
    }
    let key = request.path().to_owned();
    let query =
        web::Query::<BTreeMap<String, String>>::from_query(request.query_string()).unwrap().into_inner();
    let mut bucket = bucket.lock().unwrap();
    match (request.method(), query.get("uploadId"), query.get("partNumber")) {
        (&Method::POST, None, _) => {
            bucket.parts.insert(key.clone(), BTreeMap::new());
            let xml = format!(
                "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>{key}</Key><UploadId>u1</UploadId>\
                 </InitiateMultipartUploadResult>"
            );
            HttpResponse::Ok().content_type("application/xml").body(xml)
        }
        (&Method::PUT, Some(_), Some(number)) => {
            bucket.parts.entry(key).or_default().insert(number.parse().unwrap(), body.to_vec());
            HttpResponse::Ok().insert_header(("etag", "\"part\"")).finish()
        }
        (&Method::POST, Some(_), _) => {
            let whole = bucket.parts.remove(&key).unwrap_or_default().into_values().flatten().collect();
            bucket.objects.insert(key.clone(), whole);
            let xml = format!(
                "<CompleteMultipartUploadResult><Key>{key}</Key><ETag>\"whole\"</ETag>\
                 </CompleteMultipartUploadResult>"
            );
            HttpResponse::Ok().content_type("application/xml").body(xml)
        }
        (&Method::DELETE, ..) if bucket.keeps_parts => HttpResponse::InternalServerError().finish(),
        (&Method::DELETE, Some(_), _) => {
            bucket.parts.remove(&key);
            HttpResponse::NoContent().finish()
        }
        (&Method::DELETE, None, _) => {
            bucket.objects.remove(&key);
            HttpResponse::NoContent().finish()
        }
        (&Method::GET, ..) if query.contains_key("list-type") => match key.trim_end_matches('/') {
            "/crm-files" => HttpResponse::Ok()
                .content_type("application/xml")
                .body("<ListBucketResult><Name>crm-files</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"),
            _ => HttpResponse::NotFound()
                .content_type("application/xml")
                .body("<Error><Code>NoSuchBucket</Code></Error>"),
        },
        (&Method::GET, ..) => match bucket.objects.get(&key) {
            Some(content) => HttpResponse::Ok()
                .insert_header(("etag", "\"whole\""))
                .insert_header(("last-modified", "Sat, 31 Jan 2026 09:00:00 GMT"))
                .body(content.clone()),
            None => HttpResponse::NotFound().finish(),
        },
        _ => HttpResponse::MethodNotAllowed().finish(),
    }
}

/// Starts the simulated bucket and returns its address.
fn start(bucket: Shared) -> (String, ServerHandle) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = move || {
        let large = web::PayloadConfig::new(32 * 1024 * 1024);
        Web::new().app_data(large).app_data(web::Data::new(bucket.clone())).default_service(web::to(answer))
    };
    let server = HttpServer::new(app).workers(1).listen(listener).unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (address, handle)
}

#[scenario]
async fn files_lie_in_a_bucket_where_one_is_set_and_a_bucket_that_is_away_loses_none(app: &App) {
    let bucket = Shared::default();
    let (address, handle) = start(bucket.clone());
    let set = [
        ("ATTACHMENTS_URL", "s3://crm-files/tickets"),
        ("ATTACHMENTS_S3_ENDPOINT", address.as_str()),
        ("ATTACHMENTS_S3_KEY_ID", "crm-key"),
        ("ATTACHMENTS_S3_SECRET_KEY", "a-secret-of-the-tests"),
    ];
    app.beside(&set, async |app: &App| {
        let desk = Desk::open(app).await;
        let path = format!("/tickets/{}/attachments", desk.file().await["id"]);
        let send = async |name: &str, content: &[u8]| {
            Reply::read(
                name.to_owned(),
                desk.operator.file(&path, name, "text/plain", content).send().await.unwrap(),
            )
            .await
        };
        // larger than one part
        let content = "номер вышки\n".repeat(350_000);
        let file = send("вышки.txt", content.as_bytes()).await.expect(201);
        {
            let bucket = bucket.lock().unwrap();
            let (key, kept) = bucket.objects.first_key_value().unwrap();
            assert!(
                key.starts_with("/crm-files/tickets/")
                    && kept == content.as_bytes()
                    && bucket.objects.len() == 1,
                "{key}"
            );
        }
        assert_eq!(desk.admin.get(&format!("{path}/{}", file["id"])).await.text, content);
        // a refused file leaves no object and no parts
        send("a.png", b"text").await.refused(422, "invalid");
        let held = |bucket: &Shared| {
            let bucket = bucket.lock().unwrap();
            (bucket.objects.len(), bucket.parts.len())
        };
        assert_eq!((held(&bucket), app.count("leftover_files").await), ((1, 0), 0));

        handle.stop(false).await;
        let reply = send("b.txt", b"text").await;
        assert!(!reply.header("retry-after").is_empty());
        reply.refused(503, "files_away");
        desk.admin.get(&format!("{path}/{}", file["id"])).await.refused(503, "files_away");
        assert_eq!((app.count("ticket_attachments").await, app.count("leftover_files").await), (1, 1));
        // detached nevertheless, and removed when the bucket is available again
        assert_eq!(desk.admin.delete(&format!("{path}/{}", file["id"])).await.status, 204);
        assert_eq!((app.count("ticket_attachments").await, app.count("leftover_files").await), (0, 2));
    })
    .await;
}

#[scenario]
async fn readiness_tells_whether_the_bucket_can_be_used_and_everything_else_works_without_it(app: &App) {
    let (address, _handle) = start(Shared::default());
    let set = |url, id, secret| {
        [
            ("ATTACHMENTS_URL", url),
            ("ATTACHMENTS_S3_ENDPOINT", address.as_str()),
            ("ATTACHMENTS_S3_KEY_ID", id),
            ("ATTACHMENTS_S3_SECRET_KEY", secret),
        ]
    };
    for (url, id, secret, files) in [
        ("s3://crm-files/tickets", "crm-key", "s", "ok"),
        ("s3://crm-files", "crm-key", "short", "ok"),
        ("s3://no-such-bucket/tickets", "crm-key", "a-secret", "away"),
        ("s3://crm-files/tickets", "x", "a-wrong-key", "away"),
    ] {
        app.beside(&set(url, id, secret), async |app: &App| {
            for _ in 0..2 {
                let ready = app.stranger().get("/health/ready").await.expect(200);
                assert_eq!((&ready["status"], &ready["files"]), (&"ok".into(), &files.into()), "{url} {id}");
            }
            app.admin().await.get("/customers").await.expect(200);
        })
        .await;
    }
}

#[scenario]
async fn a_refused_file_is_refused_for_its_reason_also_when_the_bucket_cannot_discard_it_now(app: &App) {
    let bucket = Shared::default();
    let (address, _handle) = start(bucket.clone());
    let set = [
        ("ATTACHMENTS_URL", "s3://crm-files/tickets"),
        ("ATTACHMENTS_S3_ENDPOINT", address.as_str()),
        ("ATTACHMENTS_S3_KEY_ID", "crm-key"),
        ("ATTACHMENTS_S3_SECRET_KEY", "a-secret-of-the-tests"),
    ];
    app.beside(&set, async |app: &App| {
        let desk = Desk::open(app).await;
        let path = format!("/tickets/{}/attachments", desk.file().await["id"]);
        bucket.lock().unwrap().keeps_parts = true;
        let sent = desk.operator.file(&path, "a.png", "text/plain", b"text").send().await.unwrap();
        let refused = Reply::read("a.png".to_owned(), sent).await;
        assert_eq!(refused.wrong_fields(), [("/file".to_owned(), "file_type_mismatch".to_owned())]);
        refused.refused(422, "invalid");
        // what is left there is on the list of files to remove
        assert_eq!((app.count("ticket_attachments").await, app.count("leftover_files").await), (0, 1));
    })
    .await;
}
