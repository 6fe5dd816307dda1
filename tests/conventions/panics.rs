//! A panic is an internal error: one caller receives a problem, and the next request works.

use std::net::TcpListener;

use actix_web::{
    App as WebApp, HttpResponse, HttpServer,
    middleware::from_fn,
    web::{self, Data},
};
use api::state::State;
use database::Sql;
use kernel::{Origin, Result};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::raw;
use crate::harness::{App, Client, Reply, scenario};

async fn at_once() -> HttpResponse {
    panic!("a secret of the inside")
}

async fn later() -> HttpResponse {
    tokio::task::yield_now().await;
    let nothing: Vec<u8> = Vec::new();
    HttpResponse::Ok().body(vec![nothing[std::hint::black_box(7)]])
}

async fn in_a_transaction(state: Data<State>) -> HttpResponse {
    let context = state.context(Origin::default(), kernel::Actor::system("test"));
    let work: Result<()> = state
        .db
        .transaction(&context, async |tx| {
            Sql::new("DELETE FROM role_permissions").execute(tx).await?;
            panic!("in the middle")
        })
        .await;
    HttpResponse::Ok().body(format!("{work:?}"))
}

async fn fine() -> HttpResponse {
    HttpResponse::Ok().body("fine")
}

/// Serves handlers that panic, behind the middleware of every request.
async fn beside(app: &App, scene: impl AsyncFnOnce(Client)) {
    let state = Data::from(app.state.clone());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(move || {
        WebApp::new()
            .app_data(state.clone())
            .route("/api/v1/at-once", web::get().to(at_once))
            .route("/api/v1/later", web::get().to(later))
            .route("/api/v1/in-a-transaction", web::get().to(in_a_transaction))
            .route("/api/v1/fine", web::get().to(fine))
            .wrap(from_fn(api::edge::around))
    });
    let server = server.workers(1).listen(listener).unwrap().run();
    let stop = server.handle();
    actix_web::rt::spawn(server);
    scene(Client::new(&format!("http://{address}"), None)).await;
    stop.stop(false).await;
}

fn answered(reply: Reply) -> Value {
    for internal in ["secret", "index out of bounds", "panic", ".rs", "middle"] {
        assert!(!reply.text.contains(internal), "{}", reply.text);
    }
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("x-request-id"), reply.body["request_id"].as_str().unwrap());
    reply.refused(500, "internal")
}

#[scenario]
async fn a_panic_is_answered_as_a_problem_and_the_connection_and_the_program_go_on(app: &App) {
    beside(app, async |client| {
        for _ in 0..3 {
            for path in ["/at-once", "/later"] {
                let problem = answered(client.get(path).await);
                assert_eq!(problem["instance"], format!("/api/v1{path}"));
                assert_eq!(client.get("/fine").await.text, "fine");
            }
        }
        let mut stream = TcpStream::connect(client.address()).await.unwrap();
        let both = "GET /api/v1/at-once HTTP/1.1\r\nHost: crm.test\r\n\r\nGET /api/v1/fine HTTP/1.1\r\n\
                    Host: crm.test\r\nConnection: close\r\n\r\n";
        stream.write_all(both.as_bytes()).await.unwrap();
        let (answers, _) = raw::to_the_end(&mut stream).await;
        assert!(answers.starts_with("HTTP/1.1 500 ") && answers.ends_with("fine"), "{answers}");
    })
    .await;
}

#[scenario]
async fn a_panic_in_a_transaction_undoes_it_and_lets_others_write(app: &App) {
    let held = app.count("role_permissions").await;
    beside(app, async |client| {
        // more panics than there are connections
        for _ in 0..20 {
            answered(client.get("/in-a-transaction").await);
        }
    })
    .await;
    assert_eq!(app.count("role_permissions").await, held);
    app.admin().await.customer().await;
    assert_eq!(app.violations().await, Vec::<String>::new());
}
