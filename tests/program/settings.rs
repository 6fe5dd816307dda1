//! Invalid settings.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use serde_json::json;

use super::{Place, Program, free_address};
use crate::harness::{Engine, TestDatabase};

fn place() -> Place {
    Place::new(TestDatabase::empty(Engine::Sqlite).unwrap())
}

/// Every variable with an invalid value.
const WRONG: [(&str, &str); 68] = [
    ("ACCESS_TOKEN_MINUTES", "soonish"),
    ("ADMIN_PASSWORD", "hunter2"),
    ("ATTACHMENTS_S3_ENDPOINT", "gopher://s3"),
    ("ATTACHMENTS_S3_KEY_ID", "a\tb"),
    ("ATTACHMENTS_S3_REGION", "The Moon"),
    ("ATTACHMENTS_S3_SECRET_KEY", "hunter\t2"),
    ("ATTACHMENTS_URL", "ftp://files"),
    ("BILLING_TIME", "at night"),
    ("BIND", "everywhere"),
    ("BODY_SECONDS", "0"),
    ("CORS_ALLOWED_ORIGINS", "javascript:alert"),
    ("COUNTRY", "atlantis"),
    ("CREDIT_LIMIT_MAX", "a fortune"),
    ("DATABASE_POOLER", "statement"),
    ("DATABASE_POOL_SIZE", "plenty"),
    ("DATABASE_URL", "mysql://crm:topsecret@db/crm"),
    ("DISCOUNT_MAX", "100.01"),
    ("EVENTS_DAYS", "0"),
    ("EVENT_STREAMS", "plenty of them"),
    ("GATEWAYS", "moneybags"),
    ("GATEWAY_EXPIRY_HOURS", "721"),
    ("GATEWAY_HTTP_KEY", "hunter2"),
    ("GATEWAY_HTTP_SECRET", "whsec_hunter2"),
    ("GATEWAY_HTTP_SECRET_PREVIOUS", "hunter2"),
    ("GATEWAY_HTTP_URL", "http://pay.example.com"),
    ("GATEWAY_POLL_MINUTES", "1441"),
    ("GATEWAY_SANDBOX_SECRET", "hunter2"),
    ("GATEWAY_SANDBOX_SECRET_PREVIOUS", "whsec_?"),
    ("JWT_SECRET", "tooshort"),
    ("JWT_SECRET_PREVIOUS", "shorttoo"),
    ("LOG_FORMAT", "xml"),
    ("LOW_BALANCE", "a little"),
    ("NOTIFICATION_DAYS", "forever"),
    ("NOTIFICATION_LANGUAGE", "latin"),
    ("NOTIFY_EMAIL_KINDS", "weather.changed"),
    ("NOTIFY_SMS_KINDS", "ticket.created"),
    ("NUMBER_QUARANTINE_DAYS", "-5"),
    ("PREPAID_CREDIT_ON_HOLD", "sometimes"),
    ("PROMISE_DAYS", "31"),
    ("PROMISE_FEE", "-1.00"),
    ("PROMISE_MAX", "plenty"),
    ("PUBLIC_URL", "gopher://crm"),
    ("REFRESH_TOKEN_DAYS", "366"),
    ("SHUTDOWN_SECONDS", "301"),
    ("SIGN_INS_PER_MINUTE", "zero"),
    ("SMS_FROM", "a name that is far too long"),
    ("SMS_KEY", "hunter2"),
    ("SMS_URL", "gopher://sms"),
    ("SMTP_FROM", "nobody at all"),
    ("SMTP_URL", "http://crm:topsecret@mail"),
    ("TERMINALS", "qiwi=hunter2"),
    ("TERMINAL_KEY", "hunter2"),
    ("TERMINAL_MAX", "plenty"),
    ("TERMINAL_MIN", "-1.00"),
    ("TICKET_EXTRA_DAYS", "saturday"),
    ("TICKET_HOLIDAYS", "new-year"),
    ("TICKET_HOURS_CRITICAL", "0"),
    ("TICKET_HOURS_HIGH", "10001"),
    ("TICKET_HOURS_LOW", "4.5"),
    ("TICKET_HOURS_MEDIUM", "1e3"),
    ("TICKET_WORKING_DAYS", "weekdays"),
    ("TICKET_WORKING_HOURS", "nine-to-five"),
    ("TIMEZONE", "Mars/Olympus"),
    ("TRUSTED_PROXIES", "friends"),
    ("WEBHOOKS_ALLOW_PRIVATE", "perhaps"),
    ("WORKERS", "257"),
    ("JOBS", "perhaps"),
    ("LOG_LEVEL", "=shouting="),
];

#[test]
fn every_wrong_variable_is_named_with_what_was_expected_and_without_its_value() {
    let outcome = place().run(&["serve"], &WRONG).expect(2);
    for (name, value) in WRONG {
        let line = outcome.err.lines().find(|line| line.starts_with(&format!("{name}: ")));
        assert!(
            line.is_some_and(|line| line.contains("expected ")),
            "{name} is not named in:\n{}",
            outcome.err
        );
        assert!(
            value.len() < 5 || !outcome.err.contains(value),
            "the value of {name} is shown:\n{}",
            outcome.err
        );
    }
    assert_eq!(outcome.err.lines().count(), WRONG.len(), "{}", outcome.err);
    assert_eq!(outcome.out, "");
}

#[test]
fn the_example_file_names_every_variable_and_its_defaults_start() {
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example")).unwrap();
    let named = |line: &str| {
        line.trim_start_matches('#')
            .split_once('=')
            .map(|(name, _)| name.to_owned())
            .filter(|name| is_variable(name))
    };
    let named: BTreeSet<String> = example.lines().filter_map(named).collect();
    // the first accepts almost any value, the second is only for docker-compose.yml
    let wrong = WRONG.iter().map(|(name, _)| *name).chain(["ADMIN_USERNAME", "POSTGRES_PASSWORD"]);
    assert_eq!(named, wrong.map(str::to_owned).collect(), ".env.example and the list differ");
    // as the file instructs: copied, with the lines that have a value uncommented
    let place = place();
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.split_once('=').is_some_and(|(name, _)| is_variable(name)) => {
            setting.to_owned()
        }
        _ => line.to_owned(),
    };
    fs::write(place.file(".env"), example.lines().map(uncommented).collect::<Vec<_>>().join("\n")).unwrap();
    place.run(&["migrate"], &[]).expect(0);
    assert!(place.file("data/crm.db").exists());
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn an_address_that_others_can_reach_needs_a_secret_of_its_own() {
    let public = free_address().replace("127.0.0.1", "0.0.0.0");
    for variables in [
        vec![("BIND", public.as_str())],
        vec![("BIND", public.as_str()), ("JWT_SECRET", "")],
        vec![("BIND", "[::]:0")],
    ] {
        let place = place();
        let outcome = place.run(&[], &variables).expect(2);
        assert!(outcome.err.starts_with("JWT_SECRET: expected at least 32 bytes"), "{outcome:?}");
        assert!(!place.file("data").exists(), "a file was created before the settings were read");
    }
    let outcome = place().run(&[], &[("BIND", &public), ("JWT_SECRET", &"x".repeat(31))]).expect(2);
    assert!(outcome.err.starts_with("JWT_SECRET: expected at least 32 bytes"), "{outcome:?}");
}

#[test]
fn the_environment_goes_before_the_env_file() {
    let place = place();
    fs::write(place.file(".env"), "DATABASE_URL=sqlite://from-file.db\nCOUNTRY=atlantis\n").unwrap();
    assert!(place.run(&["migrate"], &[]).expect(2).err.starts_with("COUNTRY: expected "));
    place.run(&["migrate"], &[("COUNTRY", "kz")]).expect(0);
    assert!(place.file("from-file.db").exists());
    place.run(&["migrate"], &[("COUNTRY", "kz"), ("DATABASE_URL", "sqlite://from-environment.db")]).expect(0);
    assert!(place.file("from-environment.db").exists());
}

#[test]
fn an_env_file_that_cannot_be_read_is_not_passed_over_and_its_line_is_named() {
    for (content, refusal) in [
        (
            b"COUNTRY=ru\nthis is no setting: hunter2\n".as_slice(),
            ".env, line 2: it is not of the form NAME=value; correct the line, or begin it with #\n",
        ),
        (
            b"\n# ours\nJWT_SECRET=\"hunter2",
            ".env, line 3: the quote is not closed on its line; close it, or put the value between the other kind of quotes\n",
        ),
        (b"BIND=127.0.0.1:0\nCOUNTRY=\xff\n", ".env, line 2: it is not UTF-8 text; save the file as UTF-8\n"),
    ] {
        let place = place();
        fs::write(place.file(".env"), content).unwrap();
        let outcome = place.run(&["migrate"], &[]).expect(2);
        assert_eq!((outcome.err.as_str(), outcome.out.as_str()), (refusal, ""));
        assert!(!place.file("data").exists());
    }
}

#[test]
fn values_in_the_env_file_are_what_people_mean() {
    let place = place();
    // a byte order mark, blanks and angle brackets, a dollar sign, Windows line ends
    let content = "\u{feff}SMTP_FROM=Telecom <noreply@example.com>\r\nSMTP_URL=smtp://mail.example.com\r\n\
                   ADMIN_PASSWORD=pa$word of the lighthouse $5\r\n";
    fs::write(place.file(".env"), content).unwrap();
    place.run(&["migrate"], &[]).expect(0);
    let shown = place.run(&["settings"], &[]).expect(0).out;
    assert!(shown.contains("Telecom <noreply@example.com>"), "{shown}");
    actix_web::rt::System::new().block_on(async {
        let server = place.serve(&[]).await;
        server.sign_in("admin", "pa$word of the lighthouse $5").await.get("/auth/me").await.expect(200);
        server.stop();
    });
}

#[test]
fn a_misspelled_name_in_the_env_file_is_warned_about_with_its_line_and_a_wrong_value_names_its_line() {
    let place = place();
    fs::write(place.file(".env"), "LOW_BALANCE=50.00\nCUONTRY=kg\nPOSTGRES_PASSWORD=abc\n").unwrap();
    let outcome = place.run(&["migrate"], &[]).expect(0);
    assert!(
        outcome.err.contains(".env, line 2: CUONTRY is not a setting; did you mean COUNTRY?"),
        "{outcome:?}"
    );
    assert_eq!(outcome.err.lines().count(), 1, "{outcome:?}");
    fs::write(place.file(".env"), "\nCOUNTRY=atlantis\n").unwrap();
    assert_eq!(
        place.run(&["migrate"], &[]).expect(2).err,
        format!("COUNTRY: expected {} (.env, line 2)\n", kernel::country::Country::codes())
    );
}

#[test]
fn compose_passes_on_every_setting() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let compose = fs::read_to_string(root.join("docker-compose.yml")).unwrap();
    let (_, api) = compose.split_once("\n  api:\n").unwrap();
    let (api, _) = api.split_once("\n  nginx:\n").unwrap();
    let passed: BTreeSet<&str> = api
        .lines()
        .filter_map(|line| line.strip_prefix("      ")?.split_once(": "))
        .map(|(name, _)| name)
        .collect();
    for (name, _) in server::variables::read_by_the_program() {
        assert!(passed.contains(name), "docker-compose.yml does not pass on {name}");
        let is_fixed = ["BIND", "DATABASE_URL"].contains(&name);
        assert!(is_fixed || api.contains(&format!("{name}: ${{{name}:")), "{name} has a value of its own");
    }
}

#[test]
fn files_that_hold_data_are_for_their_owner_alone() {
    let place = place();
    actix_web::rt::System::new().block_on(async {
        let server = place.serve_with_password(&[]).await;
        let admin = server.admin().await;
        let ticket = json!({"customer_id": admin.customer().await, "category": "sim", "subject": "x", "description": "x"});
        let ticket = crate::harness::id(&admin.post("/tickets", ticket).await.expect(201));
        let path = format!("/tickets/{ticket}/attachments");
        let sent = admin.file(&path, "a.txt", "text/plain", b"text").send().await.unwrap();
        assert_eq!(sent.status(), 201);
        let mut seen = 0;
        let mut folders = vec![place.file("data")];
        while let Some(folder) = folders.pop() {
            assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
                seen += 1;
            }
        }
        // the database, its log, its index, its lock, the key, the file
        assert!(seen >= 6, "{seen}");
        server.stop();
    });
}

#[test]
fn a_value_that_is_no_text_is_wrong_and_one_of_somebody_else_is_nothing_to_us() {
    let place = place();
    let no_text = OsStr::from_bytes(b"k\xff\xfe, and long enough for a secret key");
    let mut command = place.command(&["migrate"], &[]);
    command.env("JWT_SECRET", no_text);
    assert_eq!(
        Program::start(command, "").outcome().expect(2).err,
        "JWT_SECRET: expected at least 32 bytes\n"
    );
    let mut command = place.command(&["migrate"], &[]);
    command.env("SOMEBODY_ELSES", no_text);
    Program::start(command, "").outcome().expect(0);
}

#[test]
fn a_port_that_is_taken_is_said_so_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap().to_string();
    let place = place();
    let outcome = place.run(&[], &[("BIND", &bind)]).expect(1);
    assert!(outcome.err.contains("BIND") && outcome.err.contains(&bind), "{outcome:?}");
    assert!(!place.file("data").exists());
}
