//! `telecom-crm billing run` and the server's daily run:
//! killed, stopped, restarted, and several at once.

use chrono::TimeDelta;
use kernel::Clock;
use serde_json::json;

use super::{Command, Outcome, Program, Server, Stdio, free_address};
use crate::{
    billing::at_once::many,
    harness::{App, id, scenario},
};

/// Creates contracts that each have one period due today, by the system clock.
async fn due(app: &App, count: i64) {
    app.advance(Clock::System.now() - app.clock.now() - TimeDelta::days(40));
    let admin = app.admin().await;
    many(app, &admin, count).await;
}

fn command(app: &App, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telecom-crm-under-test"));
    command.args(arguments).current_dir(crate::harness::folder()).env_clear().envs(app.database.variables());
    command
}

fn run(app: &App, arguments: &[&str]) -> Outcome {
    Program::start(command(app, arguments), "").outcome()
}

/// Starts a run and waits until it has handled this many contracts or has finished.
async fn begun(app: &App, seen_to: i64) -> Program {
    let mut program = Program::start(command(app, &["billing", "run"]), "");
    while app.scalar("SELECT COALESCE(MAX(done_count), -1) FROM billing_runs").await < seen_to
        && program.child.try_wait().unwrap().is_none()
    {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    program
}

/// Checks that each contract was charged once for the period that was due.
async fn each_is_charged_once(app: &App, count: i64) {
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM contracts WHERE balance = 500 AND status = 'active'").await,
        count
    );
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM payments WHERE transaction_type = 'charge'").await,
        2 * count
    );
    assert_eq!(app.count("contract_periods").await, 2 * count);
    assert_eq!(app.scalar("SELECT COUNT(*) FROM events WHERE kind = 'period.charged'").await, count + 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn killed_at_any_moment_and_run_again_it_charges_each_contract_once(app: &App) {
    due(app, 2400).await;
    for moment in [0, 1, 900, 1700] {
        let mut program = begun(app, moment).await;
        program.child.kill().unwrap();
        program.child.wait().unwrap();
    }
    assert!(app.scalar("SELECT COUNT(*) FROM contracts WHERE balance = 1500").await < 2400);
    let outcome = run(app, &["billing", "run"]).expect(0);
    assert!(
        outcome.out.contains(
            "finished\n\
             2400 contracts seen to: 2400 charged, 0 with nothing to charge, 0 held for debt, 0 failed; \
             2400 charges of 24000.00"
        ),
        "{outcome:?}"
    );
    assert_eq!(app.count("billing_runs").await, 1, "killed programs resume the one run");
    run(app, &["verify"]).expect(0);
    each_is_charged_once(app, 2400).await;
}

#[scenario]
async fn told_to_stop_it_ends_after_its_batch_and_whoever_starts_it_again_goes_on(app: &App) {
    due(app, 2500).await;
    let program = begun(app, 1).await;
    program.signal("TERM");
    let outcome = program.outcome().expect(1);
    assert!(outcome.out.contains("stopped; whoever starts it again goes on from here"), "{outcome:?}");
    let done = app.scalar("SELECT done_count FROM billing_runs").await;
    assert!(done > 0 && done < 2500, "{done}");
    assert_eq!(app.scalar("SELECT COUNT(*) FROM contracts WHERE balance = 500").await, done);
    let outcome = run(app, &["billing", "run"]).expect(0);
    assert!(outcome.err.contains("100%: 2500 of 2500 contracts"), "{outcome:?}");
    each_is_charged_once(app, 2500).await;
}

#[scenario]
async fn a_dry_run_moves_nothing_and_a_run_with_failures_names_them_and_ends_with_one(app: &App) {
    due(app, 3).await;
    let admin = app.admin().await;
    let tariff = id(&admin
        .post(
            "/tariffs",
            json!({"name": "Без края", "tariff_type": "postpaid", "monthly_fee": "99999999999.99"}),
        )
        .await
        .expect(201));
    let draft = json!({
        "customer_id": admin.customer().await, "tariff_id": tariff, "sim_id": admin.sim().await,
        "credit_limit": "99999999999.99"
    });
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    admin.activate(contract).await;
    admin
        .post("/payments/corrections", json!({"contract_id": contract, "amount": "-1.00", "reason": "долг"}))
        .await
        .expect(201);
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    for arguments in [&["billing", "run", "--dry-run"][..], &["billing", "run"]] {
        let outcome = run(app, arguments).expect(1);
        assert!(
            outcome.out.contains(
                "4 contracts seen to: 3 charged, 0 with nothing to charge, 0 held for debt, 1 failed; \
                 3 charges of 30.00"
            ),
            "{outcome:?}"
        );
        assert!(
            outcome.err.contains(&format!("contract {number}: "))
                && outcome.err.contains("(amount_out_of_range)"),
            "{outcome:?}"
        );
        let moved = app.scalar("SELECT COUNT(*) FROM contracts WHERE balance = 500").await;
        assert_eq!(moved, if arguments.len() == 3 { 0 } else { 3 });
    }
    for wrong in ["2999-01-01", "2001-01-01"] {
        assert!(run(app, &["billing", "run", "--date", wrong]).expect(1).err.contains("date: "));
    }
    run(app, &["billing", "run", "--date", "today"]).expect(2);
    run(app, &["billing"]).expect(2);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn servers_that_start_late_make_up_for_the_run_of_the_day_together(app: &App) {
    due(app, 1200).await;
    // SQLite has one writer, so only one server
    let servers = if app.database.engine == crate::harness::Engine::Postgres { 2 } else { 1 };
    let servers: Vec<Server> = (0..servers)
        .map(|_| {
            let bind = free_address();
            let mut command = command(app, &[]);
            // the test's data is in the past, and the server would remove its events as expired
            command
                .env("BIND", &bind)
                .env("BILLING_TIME", "00:00")
                .env("EVENTS_DAYS", "3650")
                .stdout(Stdio::null());
            Server { program: Program::start(command, ""), bind }
        })
        .collect();
    for server in &servers {
        server.is_ready().await;
    }
    let over = async || app.scalar("SELECT COUNT(*) FROM billing_runs WHERE state = 'finished'").await == 1;
    for _ in 0..6000 {
        if over().await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(over().await);
    assert_eq!(app.count("billing_runs").await, 1);
    for server in servers {
        server.program.signal("TERM");
        server.program.outcome().expect(0);
    }
    each_is_charged_once(app, 1200).await;
}
