//! Changing and resetting passwords, and the rules for a password.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use acl::{PasswordCost, Passwords};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, bearer, everything_in, hire, login, pair, refresh, trail, user};
use crate::harness::{App, PASSWORD, Reply, id, scenario};

async fn hashes(app: &App) -> Vec<String> {
    app.texts("SELECT password_hash FROM users ORDER BY id").await
}

fn change(from: &str, to: &str) -> Value {
    json!({"current_password": from, "new_password": to})
}

fn wrong(reply: Reply, pointer: &str, code: &str) {
    assert_eq!(
        reply.wrong_fields(),
        [(pointer.to_owned(), code.to_owned())],
        "{} {}",
        reply.asked,
        reply.text
    );
    reply.refused(422, "invalid");
}

#[scenario]
async fn changing_ones_password_ends_the_other_sessions_and_keeps_this_one(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "operator").await;
    let (here, there) = (pair(app, "anna").await, pair(app, "anna").await);
    let anna = bearer(app, &here);
    let script = anna
        .post("/auth/api-tokens", json!({"name": "export", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    anna.post("/auth/change-password", change(PASSWORD, OTHER_PASSWORD)).await.expect(204);

    anna.get("/auth/me").await.expect(200);
    refresh(app, &here["refresh"]).await.expect(200);
    bearer(app, &there).get("/auth/me").await.refused(401, "session_ended");
    refresh(app, &there["refresh"]).await.refused(401, "session_ended");
    crate::harness::Client::new(&app.base, script["token"].as_str()).get("/auth/me").await.expect(200);
    login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
    login(app, "anna", OTHER_PASSWORD).await.expect(200);
    admin.get("/auth/me").await.expect(200);

    let rows = trail(&admin, "action=user.password_changed").await;
    assert_eq!((&rows[0]["actor"], &rows[0]["after"]), (&json!("anna"), &json!({"sessions_ended": 1})));
    let all = everything_in(app, &["audit", "users", "sessions"]).await;
    assert!(!all.contains(PASSWORD) && !all.contains(OTHER_PASSWORD));
}

#[scenario]
async fn without_the_present_password_nothing_changes(app: &App) {
    let (here, there) = (pair(app, "admin").await, pair(app, "admin").await);
    let before = hashes(app).await;
    wrong(
        bearer(app, &here).post("/auth/change-password", change(OTHER_PASSWORD, OTHER_PASSWORD)).await,
        "/current_password",
        "wrong_password",
    );
    app.stranger()
        .post("/auth/change-password", change(PASSWORD, OTHER_PASSWORD))
        .await
        .refused(401, "not_signed_in");
    assert_eq!(hashes(app).await, before);
    bearer(app, &there).get("/auth/me").await.expect(200);
    let rows = trail(&bearer(app, &here), "action=auth.password_change_failed").await;
    assert_eq!((&rows[0]["actor"], &rows[0]["after"]["reason"]), (&json!("admin"), &json!("wrong_password")));
    login(app, "admin", PASSWORD).await.expect(200);
}

#[scenario]
async fn guessing_ones_present_password_locks_signing_in_and_the_guessing_too(app: &App) {
    let tokens = pair(app, "admin").await;
    let admin = bearer(app, &tokens);
    for _ in 0..5 {
        wrong(
            admin.post("/auth/change-password", change(OTHER_PASSWORD, OTHER_PASSWORD)).await,
            "/current_password",
            "wrong_password",
        );
    }
    login(app, "admin", PASSWORD).await.refused(401, "sign_in_failed");
    let before = hashes(app).await;
    wrong(
        admin.post("/auth/change-password", change(PASSWORD, OTHER_PASSWORD)).await,
        "/current_password",
        "wrong_password",
    );
    assert_eq!(hashes(app).await, before);
    app.advance(chrono::TimeDelta::minutes(1));
    admin.post("/auth/change-password", change(PASSWORD, OTHER_PASSWORD)).await.expect(204);
}

#[scenario]
async fn a_password_is_long_and_hard_to_guess_and_not_the_user_name_wherever_it_is_set(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna.ivanova", "operator").await);
    let anna_in = bearer(app, &pair(app, "anna.ivanova").await);
    let (before, users) = (hashes(app).await, app.count("users").await);
    for (weak, code) in [
        ("short one", "invalid_length"),
        (&*"far too long ".repeat(10), "invalid_length"),
        ("1234567890", "weak_password"),
        ("password123", "weak_password"),
        ("qwertyuiop", "weak_password"),
        ("йцукенгшщз", "weak_password"),
        ("пароль12345", "weak_password"),
        ("Anna.Ivanova", "password_is_username"),
    ] {
        wrong(anna_in.post("/auth/change-password", change(PASSWORD, weak)).await, "/new_password", code);
        wrong(
            admin.post(&format!("/users/{anna}/reset-password"), json!({"password": weak})).await,
            "/password",
            code,
        );
        let new =
            json!({"username": "anna.ivanova", "full_name": "Анна", "role": "operator", "password": weak});
        wrong(admin.post("/users", new).await, "/password", code);
    }
    assert_eq!((hashes(app).await, app.count("users").await), (before, users));
    anna_in.get("/auth/me").await.expect(200);
    // ten characters are enough, even where each takes two bytes, and 128 are not too many
    anna_in.post("/auth/change-password", change(PASSWORD, "журавлиха!")).await.expect(204);
    let longest = "tram 17 to the lighthouse; ".repeat(5)[..128].to_owned();
    anna_in.post("/auth/change-password", change("журавлиха!", &longest)).await.expect(204);
    login(app, "anna.ivanova", &longest).await.expect(200);
}

#[scenario]
async fn a_repeated_change_of_password_answers_as_the_first_did(app: &App) {
    let tokens = pair(app, "admin").await;
    let admin = bearer(app, &tokens).with("Idempotency-Key", "once");
    admin.post("/auth/change-password", change(PASSWORD, OTHER_PASSWORD)).await.expect(204);
    let before = hashes(app).await;
    let again = admin.post("/auth/change-password", change(PASSWORD, OTHER_PASSWORD)).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (204, "true"), "{}", again.text);
    admin
        .post("/auth/change-password", change(PASSWORD, "another one altogether"))
        .await
        .refused(422, "idempotency_key_reused");
    assert_eq!(hashes(app).await, before);
    assert_eq!(trail(&bearer(app, &tokens), "action=user.password_changed").await.len(), 1);
    assert_eq!(app.scalar("SELECT MAX(failed_sign_ins) FROM known_addresses").await, 0);
}

#[scenario]
async fn an_administrator_resets_a_password_and_ends_the_sessions_and_script_tokens(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let tokens = pair(app, "anna").await;
    let script = json!({"name": "export", "permissions": ["customers:read"]});
    let script = bearer(app, &tokens).post("/auth/api-tokens", script).await.expect(201);
    let script = crate::harness::Client::new(&app.base, script["token"].as_str());
    script.get("/auth/me").await.expect(200);
    for _ in 0..5 {
        login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    }
    let reset = admin
        .post(&format!("/users/{anna}/reset-password"), json!({"password": OTHER_PASSWORD}))
        .await
        .expect(200);
    assert_eq!((id(&reset), &reset["is_locked"]), (anna, &json!(false)));
    bearer(app, &tokens).get("/auth/me").await.refused(401, "session_ended");
    refresh(app, &tokens["refresh"]).await.refused(401, "session_ended");
    script.get("/auth/me").await.refused(401, "token_revoked");
    let row = trail(&admin, "action=user.password_reset").await.remove(0);
    assert_eq!(
        (&row["after"]["sessions_ended"], &row["after"]["api_tokens_revoked"]),
        (&json!(1), &json!(1))
    );
    login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
    login(app, "anna", OTHER_PASSWORD).await.expect(200);
    admin
        .post("/users/999/reset-password", json!({"password": OTHER_PASSWORD}))
        .await
        .refused(404, "user_not_found");
    assert!(!everything_in(app, &["audit", "users"]).await.contains(OTHER_PASSWORD));
}

#[scenario]
async fn a_hash_of_another_cost_is_made_anew_at_the_next_sign_in(app: &App) {
    let older = Passwords::new(PasswordCost { memory_kib: 16, passes: 1, lanes: 1 })
        .unwrap()
        .hash(PASSWORD)
        .await
        .unwrap();
    app.execute(&format!("UPDATE users SET password_hash = '{}'", older.as_str())).await;
    assert!(hashes(app).await[0].contains("m=16,"));
    login(app, "admin", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    assert!(hashes(app).await[0].contains("m=16,"));
    login(app, "admin", PASSWORD).await.expect(200);
    let renewed = hashes(app).await.remove(0);
    assert!(renewed.starts_with("$argon2id$") && renewed.contains("m=8,"), "{renewed}");
    login(app, "admin", PASSWORD).await.expect(200);
    assert_eq!(hashes(app).await[0], renewed);
}

#[scenario]
async fn no_answer_and_no_row_of_the_trail_holds_a_password_or_its_hash(app: &App) {
    let admin = app.admin().await;
    let made = hire(&admin, "anna", "operator").await;
    let anna = id(&made);
    let reset = admin
        .post(&format!("/users/{anna}/reset-password"), json!({"password": OTHER_PASSWORD}))
        .await
        .expect(200);
    let seen = [
        made.to_string(),
        reset.to_string(),
        user(&admin, anna).await.to_string(),
        admin.get("/users").await.text,
        admin.get("/audit?page_size=500").await.text,
        login(app, "anna", OTHER_PASSWORD).await.text,
    ];
    let hashes = hashes(app).await;
    for text in seen {
        assert!(
            !text.contains(PASSWORD) && !text.contains(OTHER_PASSWORD) && !text.contains("argon2"),
            "{text}"
        );
        assert!(hashes.iter().all(|hash| !text.contains(hash.rsplit('$').next().unwrap())), "{text}");
    }
}

#[scenario]
async fn how_strong_a_password_is_is_asked_last(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let anna_in = bearer(app, &pair(app, "anna").await);
    let weak = "password123";
    // fields first
    let new = json!({"username": "ivan", "full_name": "Иван", "role": "operator", "password": weak, "email": "nowhere"});
    wrong(admin.post("/users", new).await, "/email", "invalid_email");
    // then who it is about, and who asks
    admin.post("/users/999/reset-password", json!({"password": weak})).await.refused(404, "user_not_found");
    admin.post("/users/1/reset-password", json!({"password": weak})).await.refused(409, "own_account");
    // whoever does not know the present password is told that, and it counts
    wrong(
        anna_in.post("/auth/change-password", change(OTHER_PASSWORD, weak)).await,
        "/current_password",
        "wrong_password",
    );
    let counted = format!("SELECT failed_sign_ins FROM known_addresses WHERE user_id = {anna}");
    assert_eq!(app.scalar(&counted).await, 1);
    wrong(
        anna_in.post("/auth/change-password", change(PASSWORD, weak)).await,
        "/new_password",
        "weak_password",
    );
    assert_eq!(app.scalar(&counted).await, 1);
}

#[scenario(WORKERS = "1")]
async fn while_passwords_are_judged_others_are_served(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "operator").await;
    let anna = bearer(app, &pair(app, "anna").await);
    let user = id(&hire(&admin, "ivan", "operator").await);
    let hard = "password1 qwerty2 dragon3 ".repeat(4) + "monkey4 letmein5";
    let judge = async |n: usize| {
        let reply = match n % 3 {
            0 => {
                let new = json!({"username": format!("user.{n}"), "full_name": "Анна", "role": "operator", "password": hard});
                admin.post("/users", new).await
            }
            1 => admin.post(&format!("/users/{user}/reset-password"), json!({"password": hard})).await,
            _ => anna.post("/auth/change-password", change(PASSWORD, &hard)).await,
        };
        // the second change finds another present password; on a busy machine the wait for the lock on users may be too long
        assert!([200, 201, 204, 422, 503].contains(&reply.status), "{} {}", reply.asked, reply.text);
    };
    let started = Instant::now();
    judge(0).await;
    let one = started.elapsed();
    let over = Cell::new(false);
    let judged = async {
        join_all((1..25).map(judge)).await;
        over.set(true);
    };
    let looked = async {
        let mut longest = Duration::ZERO;
        while !over.get() {
            let started = Instant::now();
            app.stranger().get("/health/live").await.expect(200);
            longest = longest.max(started.elapsed());
        }
        longest
    };
    let ((), longest) = join(judged, looked).await;
    // on the request threads they would be judged one after another, and everybody else would wait for many
    assert!(longest < one * 5, "somebody waited {longest:?} while passwords were judged, each in {one:?}");
}

#[scenario]
async fn a_repeated_reset_answers_as_the_first_did_whatever_has_become_of_the_user(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let path = format!("/users/{anna}/reset-password");
    let repeated = admin.with("Idempotency-Key", "once");
    let first = repeated.post(&path, json!({"password": OTHER_PASSWORD})).await.expect(200);
    let before = hashes(app).await;
    admin.delete(&format!("/users/{anna}")).await.expect(204);
    let again = repeated.post(&path, json!({"password": OTHER_PASSWORD})).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200), first);
    assert_eq!(hashes(app).await, before[..1]);
}

#[scenario]
async fn guesses_of_the_present_password_count_towards_the_limit_of_their_address(app: &App) {
    app.beside(&[("SIGN_INS_PER_MINUTE", "3")], async |strict| {
        let admin = bearer(strict, &pair(strict, "admin").await);
        for _ in 0..2 {
            let guess = change(OTHER_PASSWORD, OTHER_PASSWORD);
            wrong(admin.post("/auth/change-password", guess).await, "/current_password", "wrong_password");
        }
        let (before, rows) = (hashes(app).await, app.count("audit").await);
        let refusal = admin.post("/auth/change-password", change(PASSWORD, OTHER_PASSWORD)).await;
        assert!((1..=60).contains(&refusal.header("retry-after").parse().unwrap()), "{:?}", refusal.headers);
        refusal.refused(429, "sign_in_rate_limited");
        assert_eq!((hashes(app).await, app.count("audit").await), (before, rows));
        admin.get("/auth/me").await.expect(200);
    })
    .await;
}
