//! The first start, later starts, and two concurrent starts.

use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{PASSWORD, Place, program};
use crate::harness::{Client, Engine};

/// Passwords that attackers try.
const DEFAULT_PASSWORDS: [&str; 4] = ["admin", "password", "changeme", "admin12345"];

#[program]
async fn the_first_start_shows_the_administrators_password_and_later_ones_do_not(place: &Place) {
    let first = place.serve(&[]).await;
    let password = first.shown_password().expect("a password is shown");
    assert!(password.len() >= 16, "a password that is hard to guess");
    assert!(!first.program.err.text().contains(&password), "the log has the password");
    let stranger = Client::new(&first.base(), None);
    for guess in DEFAULT_PASSWORDS {
        stranger
            .post("/auth/login", json!({"username": "admin", "password": guess}))
            .await
            .refused(401, "sign_in_failed");
    }
    let admin = first.sign_in("admin", &password).await;
    assert_eq!(admin.get("/auth/me").await.expect(200)["role"], "admin");

    let secret = place.file("data/jwt.secret");
    assert_eq!(secret.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&secret).unwrap().trim().len() >= 32);
    assert_eq!(first.stop().out.matches(&password).count(), 1);

    let second = place.serve(&[]).await;
    assert_eq!(second.shown_password(), None);
    // the generated key is kept, so an earlier token is still valid
    Client::new(&second.base(), admin.token.as_deref()).get("/auth/me").await.expect(200);
    second.sign_in("admin", &password).await;
    let outcome = second.stop();
    assert_eq!(outcome.out, "");
    for said in [&outcome.out, &outcome.err] {
        assert!(!said.contains(std::fs::read_to_string(&secret).unwrap().trim()), "the secret is shown");
    }
}

#[program]
async fn a_password_that_was_set_is_not_shown(place: &Place) {
    let server = place.serve_with_password(&[("ADMIN_USERNAME", "root.user")]).await;
    server.sign_in("root.user", PASSWORD).await.get("/auth/me").await.expect(200);
    let outcome = server.stop();
    assert_eq!(outcome.out, "");
    assert!(!outcome.err.contains(PASSWORD));
}

#[program]
async fn two_that_start_at_once_on_an_empty_database_both_come_up_with_one_administrator(place: &Place) {
    for round in 0..3 {
        if round > 0 && place.database.engine == Engine::Postgres {
            // there is only one empty database
            break;
        }
        let folder = format!("sqlite://round{round}/crm.db");
        let sqlite = [("DATABASE_URL", folder.as_str())];
        let variables: &[(&str, &str)] = match place.database.engine {
            Engine::Sqlite => &sqlite,
            Engine::Postgres => &[],
        };
        let servers = [place.spawn(variables), place.spawn(variables)];
        for server in &servers {
            server.is_ready().await;
        }
        let passwords: Vec<String> = servers.iter().filter_map(|server| server.shown_password()).collect();
        assert_eq!(passwords.len(), 1, "{passwords:?}");
        // both servers have the one administrator, and accept each other's tokens
        let admin = servers[0].sign_in("admin", &passwords[0]).await;
        servers[1].sign_in("admin", &passwords[0]).await;
        let users = Client::new(&servers[1].base(), admin.token.as_deref()).get("/users").await.expect(200);
        assert_eq!(users["count"], 1);
        // a sign-out on one server applies on the other from the next request on
        admin.post("/auth/logout", json!({})).await.expect(204);
        Client::new(&servers[1].base(), admin.token.as_deref())
            .get("/users")
            .await
            .refused(401, "session_ended");
        for server in servers {
            server.stop();
        }
    }
}

#[program]
async fn it_starts_within_a_moment_on_a_database_that_is_there(place: &Place) {
    place.serve_with_password(&[]).await.stop();
    // the best of three, because other tests run concurrently
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        let server = place.serve(&[]).await;
        best = best.min(begun.elapsed());
        server.stop();
    }
    println!("{:?}: ready after {best:?}", place.database.engine);
    // a debug build; a release build starts in a fraction of a second
    assert!(best < Duration::from_secs(3), "{best:?}");
}
