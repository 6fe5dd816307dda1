//! Sign-in, its rate limit, and locked accounts.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, bearer, everything_in, hire, login, pair, stored_answers, trail, user};
use crate::harness::{App, PASSWORD, Reply, START, id, scenario};

/// The body of a refusal without the fields that identify the request.
fn words(refusal: Reply) -> Value {
    let mut body = refusal.refused(401, "sign_in_failed");
    body.as_object_mut().unwrap().remove("request_id").unwrap();
    body
}

fn field_names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[scenario]
async fn signing_in_answers_both_tokens_their_life_and_the_user(app: &App) {
    let reply = login(app, "admin", PASSWORD).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let body = reply.expect(200);
    assert_eq!(field_names(&body), ["access", "expires_in", "refresh", "token_type", "user"]);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(24 * 60 * 60)));
    let of_user = &body["user"];
    assert_eq!((&of_user["username"], &of_user["role"]), (&json!("admin"), &json!("admin")));
    assert_eq!(
        of_user["last_login_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>(),
        START.parse()
    );
    assert_eq!(of_user["permissions"].as_array().unwrap().len(), acl::Permission::ALL.len());
    assert_eq!(bearer(app, &body).get("/auth/me").await.expect(200), *of_user);
    app.beside(&[("ACCESS_TOKEN_MINUTES", "15")], async |usual| {
        assert_eq!(pair(usual, "admin").await["expires_in"], 900);
    })
    .await;
}

#[scenario]
async fn the_case_of_a_user_name_does_not_matter(app: &App) {
    assert_eq!(pair(app, "ADMIN").await["user"]["username"], "admin");
}

#[scenario]
async fn a_wrong_password_and_an_unknown_user_look_the_same_and_open_nothing(app: &App) {
    let wrong = login(app, "admin", OTHER_PASSWORD).await;
    assert!(wrong.header("www-authenticate").starts_with("Bearer"));
    let unknown = login(app, "nobody", OTHER_PASSWORD).await;
    assert!(unknown.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(words(wrong), words(unknown));
    assert_eq!(app.count("sessions").await, 0);
}

#[scenario]
async fn whoever_may_not_sign_in_now_is_told_no_more_than_a_stranger(app: &App) {
    let admin = app.admin().await;
    let stranger = words(login(app, "nobody", PASSWORD).await);
    let at = |days: i64| json!((app.clock.now() + TimeDelta::days(days)).to_rfc3339());
    for (username, field, value, reason) in [
        ("sleeping", "is_active", json!(false), "inactive"),
        ("coming", "valid_from", at(1), "not_yet_valid"),
        ("leaving", "valid_until", at(-1), "no_longer_valid"),
    ] {
        let mut new = json!({
            "username": username, "full_name": "Анна Иванова", "role": "operator", "password": PASSWORD
        });
        new[field] = value;
        admin.post("/users", new).await.expect(201);
        assert_eq!(words(login(app, username, PASSWORD).await), stranger, "{username}");
        let failed = trail(&admin, &format!("action=auth.sign_in_failed&actor={username}")).await;
        assert_eq!(failed[0]["after"]["reason"], reason);
    }
    let barred = id(&hire(&admin, "barred", "operator").await);
    admin.post(&format!("/users/{barred}/block"), json!({"reason": "Утеря пропуска"})).await.expect(200);
    assert_eq!(words(login(app, "barred", PASSWORD).await), stranger);
    assert_eq!(
        trail(&admin, "action=auth.sign_in_failed&actor=barred").await[0]["after"]["reason"],
        "blocked"
    );
    assert_eq!(app.count("sessions").await, 1, "the administrator's session");

    app.advance(TimeDelta::days(1));
    login(app, "coming", PASSWORD).await.expect(200);
}

#[scenario]
async fn five_failures_in_a_row_lock_the_account_for_a_growing_time(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let already_in = bearer(app, &pair(app, "anna").await);
    for _ in 0..4 {
        login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    }
    assert_eq!(user(&admin, anna).await["is_locked"], false);
    login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    assert_eq!(user(&admin, anna).await["is_locked"], true);
    login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
    // attempts during the lock are not counted and do not extend it
    for _ in 0..6 {
        login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    }
    already_in.get("/auth/me").await.expect(200);

    for minutes in [1, 2, 4] {
        app.advance(TimeDelta::seconds(minutes * 60 - 1));
        login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
        app.advance(TimeDelta::seconds(1));
        assert_eq!(user(&admin, anna).await["is_locked"], false);
        login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
        assert_eq!(user(&admin, anna).await["is_locked"], true);
    }
    app.advance(TimeDelta::minutes(8));
    login(app, "anna", PASSWORD).await.expect(200);
}

#[scenario]
async fn signing_in_forgets_earlier_failures(app: &App) {
    hire(&app.admin().await, "anna", "operator").await;
    for _ in 0..3 {
        for _ in 0..4 {
            login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
        }
        login(app, "anna", PASSWORD).await.expect(200);
    }
}

#[scenario]
async fn guesses_that_arrive_together_count_no_further_than_the_lock(app: &App) {
    hire(&app.admin().await, "anna", "operator").await;
    let guesses = join_all((0..20).map(|_| login(app, "anna", OTHER_PASSWORD))).await;
    guesses.into_iter().for_each(|guess| drop(guess.refused(401, "sign_in_failed")));
    assert_eq!(app.scalar("SELECT failed_sign_ins FROM users WHERE username = 'anna'").await, 5);
    app.advance(TimeDelta::minutes(1));
    login(app, "anna", PASSWORD).await.expect(200);
}

#[scenario]
async fn an_administrator_lifts_a_lock(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    for _ in 0..5 {
        login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    }
    admin.post(&format!("/users/{anna}/unblock"), json!({})).await.expect(200);
    login(app, "anna", PASSWORD).await.expect(200);
}

#[scenario]
async fn failed_sign_ins_are_on_record_without_the_password(app: &App) {
    let admin = app.admin().await;
    login(app, "admin", "a password typed wrong").await.refused(401, "sign_in_failed");
    login(app, "Nobody", "a password typed wrong").await.refused(401, "sign_in_failed");
    let rows = trail(&admin, "action=auth.sign_in_failed").await;
    assert_eq!(rows.len(), 2);
    let [unknown, known] = [&rows[0], &rows[1]];
    // the caller was not proven to be the administrator
    assert_eq!(
        (&known["actor"], &known["actor_id"], &known["entity"]),
        (&json!("admin"), &json!(null), &json!("user"))
    );
    assert_eq!((&known["entity_id"], &known["address"]), (&json!("1"), &json!("127.0.0.1")));
    assert_eq!(known["after"], json!({"reason": "wrong_password"}));
    assert_eq!(
        (&unknown["actor"], &unknown["after"]["reason"]),
        (&json!("stranger"), &json!("unknown_user"))
    );
    assert!(!everything_in(app, &["audit", "users", "sessions"]).await.contains("typed wrong"));
}

#[scenario]
async fn of_a_name_that_no_user_has_only_a_keyed_digest_and_the_first_letter_are_kept(app: &App) {
    let admin = app.admin().await;
    // a password typed into the wrong field, twice, in another case the second time
    for typed in [OTHER_PASSWORD.to_owned(), OTHER_PASSWORD.to_uppercase(), "иванова".to_owned()] {
        login(app, &typed, PASSWORD).await.refused(401, "sign_in_failed");
    }
    login(app, "ADMIN", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    let rows = trail(&admin, "action=auth.sign_in_failed&ordering=seq").await;
    let told = |n: usize, name: &str| rows[n]["after"][name].as_str().unwrap().to_owned();
    assert_eq!([told(0, "name_hint"), told(2, "name_hint")], ["n…", "и…"]);
    assert_eq!(told(0, "name_digest"), told(1, "name_digest"));
    assert_ne!(told(0, "name_digest"), told(2, "name_digest"));
    assert_ne!(told(0, "name_digest"), kernel::digest::sha256(OTHER_PASSWORD)[..16], "the digest is keyed");
    assert_eq!(
        (&rows[3]["actor"], &rows[3]["after"]),
        (&json!("admin"), &json!({"reason": "wrong_password"}))
    );
    let all = everything_in(app, &["audit", "events", "users"]).await.to_lowercase();
    assert!(!all.contains(OTHER_PASSWORD) && !all.contains("иванова"));
}

/// Tries to sign in from this address.
async fn from(app: &App, address: &str, password: &str) -> Reply {
    let client = app.stranger().with("X-Forwarded-For", address);
    client.post("/auth/login", json!({"username": "anna", "password": password})).await
}

#[scenario(TRUSTED_PROXIES = "127.0.0.1", SIGN_INS_PER_MINUTE = "1000")]
async fn whoever_guesses_from_elsewhere_does_not_keep_the_owner_out(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let home = "198.51.100.7";
    let session = from(app, home, PASSWORD).await.expect(200);
    for guess in 0..5 {
        from(app, &format!("203.0.113.{guess}"), OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    }
    assert_eq!(user(&admin, anna).await["is_locked"], true);
    // one wrong guess after each lock, without an end
    for _ in 0..8 {
        app.advance(TimeDelta::hours(1));
        from(app, "203.0.113.9", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
        from(app, "203.0.113.9", PASSWORD).await.refused(401, "sign_in_failed");
        from(app, home, PASSWORD).await.expect(200);
    }
    // the owner's sign-ins do not give strangers more guesses
    from(app, "192.0.2.1", PASSWORD).await.refused(401, "sign_in_failed");
    // nor can the owner's open session be kept from changing the password
    let change = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    let here = bearer(app, &session).with("X-Forwarded-For", home);
    here.post("/auth/change-password", change).await.expect(204);
    // which lifts the lock for everybody
    from(app, "192.0.2.1", OTHER_PASSWORD).await.expect(200);
}

#[scenario(TRUSTED_PROXIES = "127.0.0.1", SIGN_INS_PER_MINUTE = "1000")]
async fn guesses_from_a_known_address_lock_that_address_and_no_other(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let (home, office) = ("198.51.100.7", "2001:db8:0:1::7");
    for address in [home, office] {
        from(app, address, PASSWORD).await.expect(200);
    }
    for _ in 0..5 {
        from(app, home, OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    }
    assert_eq!(user(&admin, anna).await["is_locked"], true);
    from(app, home, PASSWORD).await.refused(401, "sign_in_failed");
    let locks = trail(&admin, "action=user.locked").await;
    assert_eq!((locks.len(), &locks[0]["after"]["only_address"]), (1, &json!(home)));
    // elsewhere in the same network of IPv6, and from where nobody has guessed
    from(app, "2001:db8:0:1:ffff::1", PASSWORD).await.expect(200);
    from(app, "192.0.2.1", PASSWORD).await.expect(200);
    app.advance(TimeDelta::minutes(1));
    assert_eq!(user(&admin, anna).await["is_locked"], false);
    from(app, home, OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    admin.post(&format!("/users/{anna}/unblock"), json!({})).await.expect(200);
    from(app, home, PASSWORD).await.expect(200);
    assert_eq!(app.count("known_addresses").await, 4, "one of the administrator");
}

#[scenario(TRUSTED_PROXIES = "127.0.0.1", SIGN_INS_PER_MINUTE = "1000")]
async fn addresses_are_forgotten_when_they_are_many_or_old_or_the_password_is_reset(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    for n in 0..25 {
        app.advance(TimeDelta::seconds(1));
        from(app, &format!("198.51.100.{n}"), PASSWORD).await.expect(200);
    }
    let known = |n: usize| {
        format!("SELECT COUNT(*) FROM known_addresses WHERE user_id = {anna} AND address = '198.51.100.{n}'")
    };
    assert_eq!((app.scalar(&known(4)).await, app.scalar(&known(5)).await), (0, 1));
    app.advance(TimeDelta::days(90));
    from(app, "198.51.100.24", PASSWORD).await.expect(200);
    app.advance(TimeDelta::seconds(1));
    let context = app.context();
    while acl::sessions::purge(&app.state.db, &context).await.unwrap() {}
    assert_eq!((app.scalar(&known(23)).await, app.scalar(&known(24)).await), (0, 1));
    assert_eq!(app.count("sessions").await, 1, "those that ended a month ago are deleted");
    let admin = app.admin().await;
    let reset = json!({"password": OTHER_PASSWORD});
    admin.post(&format!("/users/{anna}/reset-password"), reset).await.expect(200);
    assert_eq!(app.scalar(&known(24)).await, 0);
}

#[scenario]
async fn the_fifth_failure_is_on_record_as_a_lock(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "operator").await;
    for _ in 0..5 {
        login(app, "anna", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
    }
    let locks = trail(&admin, "action=user.locked").await;
    assert_eq!((locks.len(), &locks[0]["after"]["failures"]), (1, &json!(5)));
}

#[scenario]
async fn an_address_that_tries_too_often_is_sent_away_for_a_while(app: &App) {
    app.beside(&[("SIGN_INS_PER_MINUTE", "3")], async |strict| {
        let already_in = bearer(strict, &pair(strict, "admin").await);
        login(strict, "admin", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
        login(strict, "nobody", OTHER_PASSWORD).await.refused(401, "sign_in_failed");
        let (rows, sessions) = (app.count("audit").await, app.count("sessions").await);
        for password in [PASSWORD, OTHER_PASSWORD] {
            let refusal = login(strict, "admin", password).await;
            let wait: u64 = refusal.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            refusal.refused(429, "sign_in_rate_limited");
        }
        // the OAuth form shares the limit, and only a trusted proxy can name another client address
        let form = [("grant_type", "password"), ("username", "admin"), ("password", PASSWORD)];
        let request = strict
            .stranger()
            .with("X-Forwarded-For", "203.0.113.9")
            .request(Method::POST, "/auth/token")
            .form(&form);
        Reply::read("the form".to_owned(), request.send().await.unwrap())
            .await
            .refused(429, "sign_in_rate_limited");
        assert_eq!((app.count("audit").await, app.count("sessions").await), (rows, sessions));
        assert_eq!(app.scalar("SELECT failed_sign_ins FROM known_addresses").await, 1);
        already_in.get("/auth/me").await.expect(200);
    })
    .await;
}

#[scenario]
async fn a_body_that_is_no_sign_in_is_refused_field_by_field(app: &App) {
    let pointers = |reply: &Reply| {
        reply
            .wrong_fields()
            .into_iter()
            .map(|(pointer, code)| format!("{pointer} {code}"))
            .collect::<Vec<_>>()
    };
    let nothing = app.stranger().post("/auth/login", json!({"remember": true})).await;
    assert_eq!(pointers(&nothing), ["/password required", "/remember unknown_field", "/username required"]);
    nothing.refused(422, "invalid");
    let odd = app.stranger().post("/auth/login", json!({"username": "ad\u{0}min", "password": ["x"]})).await;
    assert_eq!(pointers(&odd), ["/password invalid_type", "/username control_character"]);
    odd.refused(422, "invalid");
    let long =
        app.stranger().post("/auth/login", json!({"username": "admin", "password": "x".repeat(129)})).await;
    assert_eq!(pointers(&long), ["/password invalid_length"]);
    assert_eq!((app.count("sessions").await, app.scalar("SELECT failed_sign_ins FROM users").await), (0, 0));
}

#[scenario]
async fn a_repeated_sign_in_opens_one_session_and_its_stored_answer_is_sealed(app: &App) {
    let body = json!({"username": "admin", "password": PASSWORD});
    let stranger = app.stranger().with("Idempotency-Key", "first try");
    let first = stranger.post("/auth/login", body.clone()).await.expect(200);
    let again = stranger.post("/auth/login", body).await;
    assert_eq!((again.header("idempotent-replayed"), again.header("cache-control")), ("true", "no-store"));
    assert_eq!(again.expect(200), first);
    assert_eq!(app.count("sessions").await, 1);
    let other = json!({"username": "ADMIN", "password": PASSWORD});
    stranger.post("/auth/login", other).await.refused(422, "idempotency_key_reused");

    let renewing = app.stranger().with("Idempotency-Key", "second try");
    let next = renewing.post("/auth/refresh", json!({"refresh": first["refresh"]})).await.expect(200);
    let script = bearer(app, &first).with("Idempotency-Key", "third try");
    let token = script
        .post("/auth/api-tokens", json!({"name": "export", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    // repeating a rotation with the same idempotency key is not reuse of the token
    let repeat = renewing.post("/auth/refresh", json!({"refresh": first["refresh"]})).await;
    assert_eq!(repeat.expect(200), next);
    bearer(app, &next).get("/auth/me").await.expect(200);

    let stored = stored_answers(app).await;
    assert_eq!(stored.len(), 3);
    let secrets = [&first["access"], &first["refresh"], &next["access"], &next["refresh"], &token["token"]]
        .map(|secret| secret.as_str().unwrap());
    for answer in &stored {
        let readable = String::from_utf8_lossy(answer);
        for secret in secrets {
            assert!(secret.split('.').all(|part| !readable.contains(part)), "a stored response has a token");
        }
        assert!(!readable.contains("access") && !readable.contains("token") && !readable.contains("admin"));
    }
    let rest = app
        .texts(
            "SELECT scope || ' ' || key || ' ' || request || ' ' || COALESCE(headers, '') \
             FROM idempotency_keys",
        )
        .await
        .join("\n");
    assert!(!rest.contains(PASSWORD) && secrets.iter().all(|secret| !rest.contains(secret)));
}
