//! The program is killed while a billing run charges thousands of contracts and clients pay.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use kernel::Clock;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::json;

use super::{Crowd, Effects, full};
use crate::{
    billing::at_once::many,
    harness::{App, Client, folder, scenario},
    program::{Program, Server},
};

/// Starts a server process on the test database, with the system clock.
fn serve(app: &App, bind: &str) -> Server {
    let mut variables = app.database.variables();
    // no scheduled runs: the test starts each run
    variables.extend([("BIND".to_owned(), bind.to_owned()), ("BILLING_TIME".to_owned(), "off".to_owned())]);
    Server::start(Program::command(folder(), &variables, &[]), bind)
}

/// The longest time until all kills are done.
const PATIENCE: Duration = Duration::from_secs(300);

/// The ids of the contracts that are charged and receive no payments.
fn copies(due: i64) -> String {
    format!("BETWEEN 1000001 AND {}", 1_000_000 + due - 1)
}

/// Starts a run when there is none, and kills the server after some more contracts have been charged.
async fn run_and_kill(app: &App, server: &RefCell<Option<Server>>, client: &Client, kills: i64, due: i64) {
    let mut random = StdRng::seed_from_u64(23);
    let bind = client.address();
    let charged = format!("SELECT COUNT(*) FROM contracts WHERE balance = 500 AND id {}", copies(due));
    let begun = Instant::now();
    for kill in 0..kills {
        // each iteration requests a run, and joins the one in progress if there is one
        let _lost_with_the_server = client.attempt(Method::POST, "/billing/runs", &json!({})).await;
        let enough = due * kill / (kills + 1);
        while app.scalar(&charged).await < enough {
            assert!(begun.elapsed() < PATIENCE, "the run makes no progress");
            let _lost = client.attempt(Method::POST, "/billing/runs", &json!({})).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_micros(random.random_range(0..60_000))).await;
        server.take().unwrap().kill();
        let next = serve(app, bind);
        next.is_ready().await;
        server.replace(Some(next));
    }
}

#[scenario]
async fn a_run_that_is_killed_again_and_again_while_clients_pay_charges_each_period_once_and_loses_no_payment(
    app: &App,
) {
    let (due, clients, each, kills) = if full() { (6_000, 30, 60, 12) } else { (1_200, 20, 15, 4) };
    app.advance(Clock::System.now() - app.clock.now() - TimeDelta::days(40));
    let admin = app.admin().await;
    // the clients pay for these while they are charged; the others are only charged
    let crowd = Crowd::gather(&admin).await;
    many(app, &admin, due).await;
    let bind = crate::program::free_address();
    let first = serve(app, &bind);
    first.is_ready().await;
    let admin = first.admin().await;
    let server = RefCell::new(Some(first));
    tokio::join!(crowd.act(&admin, 3, clients, each), run_and_kill(app, &server, &admin, kills, due));
    // the next run charges what is left
    app.advance(Clock::System.now() - app.clock.now());
    server.take().unwrap().stop();
    app.run_billing().await;

    let effects = Effects {
        transactions: app.texts(Effects::TRANSACTIONS).await,
        notes: app.texts(Effects::NOTES).await,
        entries: app.texts(Effects::ENTRIES).await,
    };
    assert_eq!(crowd.wrong(&effects), Vec::<String>::new());
    assert_eq!(app.violations().await, Vec::<String>::new());
    let (ids, copies) = (copies(due), due - 1);
    let rows = async |of: &str| app.scalar(&format!("SELECT COUNT(*) FROM {of} {ids}")).await;
    assert_eq!(rows("contracts WHERE balance = 500 AND status = 'active' AND id").await, copies);
    assert_eq!(rows("contract_periods WHERE contract_id").await, 2 * copies);
    assert_eq!(rows("payments WHERE transaction_type = 'charge' AND contract_id").await, 2 * copies);
    assert_eq!(rows("events WHERE kind = 'period.charged' AND contract_id").await, copies);
    // nothing is due any more, also on the contracts that were paid
    let today = app.context().today();
    let due =
        format!("SELECT COUNT(*) FROM contracts WHERE status = 'active' AND next_billing_date <= '{today}'");
    assert_eq!(app.scalar(&due).await, 0);
    assert!(crowd.unanswered.get() > 0);
}
