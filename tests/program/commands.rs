//! The command-line interface.

use std::{fs, io::Write, path::Path, process::Command};

use serde_json::Value;

use super::{PASSWORD, Place, free_address, program};
use crate::{
    gateways,
    harness::{Engine, TestDatabase},
};

#[program]
async fn users_are_made_with_a_password_of_ones_own_or_one_that_is_shown_once(place: &Place) {
    place.run(&["migrate"], &[]).expect(0);
    place.run(&["create-user", "first", "--role", "admin"], &[("ADMIN_PASSWORD", PASSWORD)]).expect(0);
    let given = place
        .run_with_input(
            &["create-user", "desk.1", "--full-name", "Анна Иванова", "--password-stdin"],
            &format!("{PASSWORD}\n"),
        )
        .expect(0);
    assert!(
        given.out.contains("desk.1") && !given.out.contains(PASSWORD) && !given.err.contains(PASSWORD),
        "{given:?}"
    );
    let made_up = place.run(&["create-user", "desk.2", "--role", "supervisor"], &[]).expect(0);
    let password = made_up
        .out
        .lines()
        .find_map(|line| line.split_once(": "))
        .map(|(_, password)| password.to_owned())
        .unwrap();
    assert!(password.len() >= 16, "{made_up:?}");

    let server = place.serve(&[]).await;
    let desk = server.sign_in("desk.1", PASSWORD).await.get("/auth/me").await.expect(200);
    assert_eq!((&desk["role"], &desk["full_name"]), (&"operator".into(), &"Анна Иванова".into()));
    assert_eq!(
        server.sign_in("desk.2", &password).await.get("/auth/me").await.expect(200)["role"],
        "supervisor"
    );
    server.stop();

    for (arguments, wrong) in [
        (["create-user", "desk.1", "--role", "operator"], "desk.1"),
        (["create-user", "desk.3", "--role", "emperor"], "  role: "),
        (["create-user", "de sk", "--role", "operator"], "  username: "),
    ] {
        let outcome = place.run(&arguments, &[]).expect(1);
        assert!(outcome.err.contains(wrong), "{outcome:?}");
        assert_eq!(outcome.out, "");
    }
    let weak = place.run_with_input(&["create-user", "desk.3", "--password-stdin"], "password12").expect(1);
    assert!(weak.err.contains("  password: ") && !weak.err.contains("password12"), "{weak:?}");
    place.run(&["verify"], &[]).expect(0);
}

#[program]
async fn migrating_twice_is_migrating_once_and_what_was_migrated_is_sound(place: &Place) {
    let first = place.run(&["migrate"], &[]).expect(0);
    assert!(first.out.contains(" migrations were applied; the schema is of version "), "{first:?}");
    let again = place.run(&["migrate"], &[]).expect(0);
    assert!(again.out.starts_with("nothing to migrate: the schema is of version "), "{again:?}");
    assert_eq!((again.out.lines().count(), again.err.as_str()), (1, ""));
    let sound = place.run(&["verify"], &[]).expect(0);
    assert!(
        sound.out.lines().count() >= 6 && sound.out.lines().all(|line| line.starts_with("ok ")),
        "{sound:?}"
    );
}

#[program]
async fn verify_finds_a_balance_that_was_tampered_with_and_names_the_contract(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let admin = server.admin().await;
    let contracts = [admin.draft("100.00").await, admin.draft("100.00").await];
    for contract in contracts {
        admin.pay(contract, "150.00").await;
        admin.activate(contract).await;
    }
    server.stop();
    place.run(&["verify"], &[]).expect(0);

    place.execute(&format!("UPDATE contracts SET balance = balance + 1 WHERE id = {}", contracts[1])).await;
    let broken = place.run(&["verify"], &[]).expect(1);
    let line = broken
        .out
        .lines()
        .position(|line| line.starts_with("BROKEN ") && line.contains("balance"))
        .unwrap_or_else(|| panic!("{broken:?}"));
    let violations: Vec<&str> = broken.out.lines().skip(line + 1).collect();
    assert!(
        !violations.is_empty()
            && violations.iter().all(|violation| violation.contains(&format!("contract {}", contracts[1]))),
        "{broken:?}"
    );

    place.execute(&format!("UPDATE contracts SET balance = balance - 1 WHERE id = {}", contracts[1])).await;
    place.run(&["verify"], &[]).expect(0);
}

#[program]
async fn verify_says_that_a_database_is_not_one_of_ours_and_leaves_it_alone(place: &Place) {
    let outcome = place.run(&["verify"], &[]).expect(1);
    assert!(!outcome.err.is_empty() && outcome.out.is_empty(), "{outcome:?}");
    assert!(!place.file("data").exists(), "a check created a database");
}

#[program]
async fn health_tells_by_its_exit_code(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let up = place.run(&["health"], &[("BIND", &server.bind)]).expect(0);
    assert_eq!((up.out, up.err.as_str()), (format!("ready: {}\n", server.bind), ""));
    let bind = server.bind.clone();
    server.stop();
    let down = place.run(&["health"], &[("BIND", &bind)]).expect(1);
    assert!(
        down.err.starts_with(&format!("BIND: {bind} is not reached (nothing listens there); ")),
        "{down:?}"
    );
}

#[test]
fn the_document_is_printed_without_settings_or_a_database() {
    let place = Place::new(TestDatabase::empty(Engine::Sqlite).unwrap());
    let printed = place.run(&["openapi"], &[("BIND", "nonsense")]).expect(0);
    let document: Value = serde_json::from_str(&printed.out).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(&document == crate::harness::document(), "the printed and served documents differ");
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 0, "a file was created");
    let committed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/openapi.json"))
        .unwrap_or_default();
    assert!(printed.out == committed, "openapi/openapi.json is out of date; run `just openapi`");
}

#[test]
fn what_cannot_be_read_as_a_command_ends_with_code_two() {
    let place = Place::new(TestDatabase::empty(Engine::Sqlite).unwrap());
    for arguments in [&["launch"][..], &["serve", "--fast"], &["create-user"], &["migrate", "now"]] {
        let outcome = place.run(arguments, &[]).expect(2);
        assert!(outcome.err.contains("Usage: ") && outcome.out.is_empty(), "{outcome:?}");
    }
    let help = place.run(&["--help"], &[]).expect(0);
    for command in
        ["serve", "migrate", "create-user", "seed", "simulate", "openapi", "settings", "verify", "health"]
    {
        assert!(
            help.out.lines().any(|line| line.trim_start().starts_with(command)),
            "{command} is not in {}",
            help.out
        );
    }
    assert_eq!(place.run(&["--version"], &[]).expect(0).out.split(' ').next(), Some("telecom-crm"));
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 0, "a file was created");
}

#[test]
fn health_with_nobody_there_does_not_take_long() {
    let place = Place::new(TestDatabase::empty(Engine::Sqlite).unwrap());
    // a server that accepts the connection and never responds
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = silent.local_addr().unwrap().to_string();
    let outcome = place.run(&["health"], &[("BIND", &bind)]).expect(1);
    assert!(outcome.err.starts_with(&format!("BIND: {bind} does not respond within 3 s; ")), "{outcome:?}");
    place.run(&["health"], &[("BIND", &free_address())]).expect(1);
}

#[program]
async fn an_event_of_the_sandbox_is_printed_as_a_command_that_sends_it(place: &Place) {
    let set = [("GATEWAYS", "sandbox"), ("GATEWAY_SANDBOX_SECRET", gateways::KEY)];
    let server = place.serve_with_password(&set).await;
    let admin = server.admin().await;
    let contract = admin.draft("1.00").await;
    let link = gateways::link(&admin, contract, "1000.00").await;
    let bind = server.base().trim_start_matches("http://").to_owned();
    let asked = [&set[..], &[("BIND", bind.as_str())]].concat();
    let (payment, cash) = (link["id"].to_string(), admin.pay(contract, "5.00").await["id"].to_string());
    let printed = |arguments: &[&str]| {
        place.run(&[&["sandbox-event", payment.as_str()][..], arguments].concat(), &asked).expect(0).out
    };
    let sent = |printed: &str| {
        let sent = Command::new("bash").args(["-c", printed]).output().unwrap();
        serde_json::from_slice::<Value>(&sent.stdout).unwrap_or_else(|_| panic!("{sent:?}"))
    };
    // with the amount of the payment, and another id each time
    assert_eq!(sent(&printed(&["--type", "payment.processing"]))["outcome"], "applied");
    let first = printed(&[]);
    assert_eq!((&sent(&first)["outcome"], &sent(&first)["is_repeat"]), (&"applied".into(), &true.into()));
    assert_eq!(gateways::balance(&admin, contract).await, "1005.00");
    let again = sent(&printed(&[]));
    assert_eq!((&again["outcome"], &again["is_repeat"]), (&"no_change".into(), &false.into()));
    assert_eq!(sent(&printed(&["--type", "payment.refunded", "--amount", "0.5"]))["outcome"], "applied");
    assert_eq!(sent(&printed(&["--type", "payment.refunded", "--amount", "0.5"]))["outcome"], "applied");
    assert_eq!(gateways::balance(&admin, contract).await, "1004.00");
    assert_eq!(sent(&printed(&["--id", "by-hand"]))["event_id"], "by-hand");
    // no such payment, one that is not the sandbox's, and no sandbox
    for (payment, set) in
        [("999999", &asked[..]), (cash.as_str(), &asked[..]), (payment.as_str(), &asked[..0])]
    {
        let refused = place.run(&["sandbox-event", payment], set).expect(1);
        assert!(refused.out.is_empty() && !refused.err.is_empty(), "{} {}", refused.out, refused.err);
    }
    // a type that does not exist: all are listed
    let wrong = place.run(&["sandbox-event", payment.as_str(), "--type", "nonsense"], &asked).expect(2);
    for known in ["payment.processing", "payment.succeeded", "payment.failed", "payment.refunded"] {
        assert!(wrong.err.contains(known), "{wrong:?}");
    }
}

#[test]
fn a_password_is_asked_for_twice_on_a_terminal_and_not_shown() {
    let place = Place::new(TestDatabase::empty(Engine::Sqlite).unwrap());
    let there = std::process::Command::new("script").arg("--version").output();
    if !there.is_ok_and(|found| found.status.success()) {
        // nothing here makes a terminal
        return;
    }
    place.run(&["migrate"], &[]).expect(0);
    place.run(&["create-user", "first", "--role", "admin"], &[]).expect(0);
    let typed = |first: &str, second: &str| {
        let program = env!("CARGO_BIN_EXE_telecom-crm-under-test");
        let mut script = std::process::Command::new("script");
        script
            .args([
                "--quiet",
                "--return",
                "--command",
                &format!("{program} create-user desk --password-stdin"),
                "/dev/null",
            ])
            .current_dir(place.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let (program, mut terminal) = super::Program::open(script);
        for (question, line) in [("Password: ", first), ("once more: ", second)] {
            super::patiently(question, || program.out.text().contains(question).then_some(()));
            writeln!(terminal, "{line}").unwrap();
        }
        program.outcome()
    };
    let wrong = typed("tram 18 to the lighthouse", "tram 19 to the lighthouse").expect(1);
    assert!(!wrong.out.contains("lighthouse"), "{wrong:?}");
    let right = typed("tram 18 to the lighthouse", "tram 18 to the lighthouse").expect(0);
    assert!(right.out.contains("Password: ") && right.out.contains("User desk was created"), "{right:?}");
    assert!(!right.out.contains("lighthouse"), "what is typed is shown: {right:?}");
}
