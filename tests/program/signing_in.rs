//! Passwords at their real cost: what strangers may make the program spend.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::{Place, Server, program};
use crate::harness::{Client, Reply};

const MIB: u64 = 1024 * 1024;

/// Bytes that the kernel says of the program under this name, such as `VmRSS`; nothing where it does not say.
pub fn memory(server: &Server, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.program.child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

async fn guess(server: &Server, username: &str) -> Reply {
    Client::new(&server.base(), None)
        .post("/auth/login", json!({"username": username, "password": "a password that nobody has"}))
        .await
}

/// Guesses for as many users at once, of whom the first is there.
async fn guesses(server: &Server, count: usize) -> Vec<Reply> {
    let names: Vec<String> =
        (0..count).map(|n| if n == 0 { "admin".to_owned() } else { format!("nobody.{n}") }).collect();
    join_all(names.iter().map(|name| guess(server, name))).await
}

#[program]
async fn however_many_sign_in_at_once_memory_grows_by_no_more_than_two_hashes_take_and_is_given_back(
    place: &Place,
) {
    let server = place.serve_with_password(&[("SIGN_INS_PER_MINUTE", "100000"), ("WORKERS", "2")]).await;
    let Some(idle) = memory(&server, "VmRSS") else { return };
    for round in 0..3 {
        let mut looked_at = 0;
        for reply in guesses(&server, 64).await {
            let come_back = reply.header("retry-after").parse::<u64>();
            match reply.status {
                401 => {
                    reply.refused(401, "sign_in_failed");
                    looked_at += 1;
                }
                429 => assert!(
                    come_back.is_ok() && reply.refused(429, "too_many_requests")["detail"].is_string()
                ),
                _ => assert!(come_back.is_ok() && reply.refused(503, "database_away")["detail"].is_string()),
            }
        }
        assert!(looked_at > 0, "nobody was served in round {round}");
        let (most, now) = (memory(&server, "VmHWM").unwrap(), memory(&server, "VmRSS").unwrap());
        println!(
            "round {round}: {} MiB idle, {} at most, {} now, {looked_at} looked at",
            idle / MIB,
            most / MIB,
            now / MIB
        );
        assert!(most < idle + 100 * MIB, "{} MiB at most, after {} MiB idle", most / MIB, idle / MIB);
        assert!(now < idle + 60 * MIB, "{} MiB stay, after {} MiB idle", now / MIB, idle / MIB);
    }
    server.admin().await.get("/auth/me").await.expect(200);
}

#[program]
async fn an_address_that_tries_too_often_is_sent_away_before_a_password_is_looked_at(place: &Place) {
    let server = place.serve_with_password(&[("SIGN_INS_PER_MINUTE", "2")]).await;
    let looked_at = Instant::now();
    guess(&server, "admin").await.refused(401, "sign_in_failed");
    let looked_at = looked_at.elapsed();
    guess(&server, "nobody").await.refused(401, "sign_in_failed");
    let sent_away = Instant::now();
    for n in 0..30 {
        guess(&server, if n % 2 == 0 { "admin" } else { "nobody" })
            .await
            .refused(429, "sign_in_rate_limited");
    }
    let sent_away = sent_away.elapsed();
    assert!(
        sent_away < looked_at * 15,
        "30 were sent away in {sent_away:?}, and one was looked at in {looked_at:?}"
    );
}

#[program]
async fn an_unknown_user_and_a_wrong_password_take_as_long(place: &Place) {
    let server = place.serve_with_password(&[("SIGN_INS_PER_MINUTE", "100000")]).await;
    let mut times = [Duration::MAX; 2];
    // the shortest of many is what it takes when nothing else is in the way
    for _ in 0..12 {
        for (time, name) in times.iter_mut().zip(["admin", "nobody"]) {
            let started = Instant::now();
            guess(&server, name).await.refused(401, "sign_in_failed");
            *time = (*time).min(started.elapsed());
        }
    }
    let [known, unknown] = times;
    assert!(known < unknown * 2 && unknown < known * 2, "{known:?} and {unknown:?}");
}
